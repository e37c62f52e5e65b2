"""A line of the list of documents: canonical JSON with fixed fields, which nearly always can be read by a pattern.

To parse each line and write it again is slow, and most lines hold no escapes. What the pattern does not take is read
the long way; both say the same of any bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from anchor_pipeline.custody.canonical import MOST_BYTES, parse
from anchor_pipeline.custody.flaws import Flaw

FIELDS = (
    "authorship",
    "collected_at",
    "digest",
    "doc_id",
    "generator",
    "kind",
    "licence",
    "raw_file",
    "raw_row",
    "shard",
    "source",
)
"""Of a line, in its order."""

_TEXT = rb'"[^"\\\x00-\x1f]*"'
_SHOWN = rb'"([^"\\\x00-\x1f]*)"'
_OTHERS = {
    "generator": rb"(?:null|" + _TEXT + rb")",
    "raw_row": rb"(?:0|-?[1-9][0-9]{0,14})",
    "doc_id": _SHOWN,
    "shard": _SHOWN,
}
_PLAIN = re.compile(
    rb"^\{" + b",".join(b'"%b":%b' % (name.encode(), _OTHERS.get(name, _TEXT)) for name in FIELDS) + rb"\}$",
    re.MULTILINE,
)
"""A line whose texts hold no escapes is canonical. Its groups are doc_id and shard."""


def ids_and_shards(lines: Sequence[bytes]) -> list[tuple[bytes, bytes]] | None:
    """Id and shard of each line; None if one of them has to be read the long way, or is wrong."""
    text = b"\n".join(lines)
    found: list[tuple[bytes, bytes]] = _PLAIN.findall(text)
    # A match is a whole line, and no line matches twice: so as many as there are lines means that every line does.
    plain = len(found) == len(lines) == text.count(b"\n") + 1
    return found if plain and max(map(len, lines)) <= MOST_BYTES and _is_utf8(text) else None


def id_and_shard(line: bytes, where: str) -> tuple[bytes, bytes]:
    """Id and shard of a document; Flaw as of `record_of`."""
    plain = ids_and_shards([line])
    if plain is not None:
        return plain[0]
    record = record_of(line, where)
    return record["doc_id"].encode(), record["shard"].encode()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def record_of(line: bytes, where: str) -> dict[str, Any]:
    """What a line says of a document; Flaw if it is no canonical line with exactly FIELDS."""
    record = parse(line, where)
    if not isinstance(record, dict) or tuple(record) != FIELDS:
        raise Flaw("malformed", where, f"a line of documents with other fields than {', '.join(FIELDS)}")
    texts = [record[name] for name in FIELDS if name not in ("generator", "raw_row")]
    if record["generator"] is not None:
        texts.append(record["generator"])
    if not all(isinstance(text, str) for text in texts) or type(record["raw_row"]) is not int:
        raise Flaw("malformed", where, "a line of documents with fields of other types")
    return record


def id_of(line: bytes, where: str) -> str:
    """The id of the document that a line is about; Flaw as of `record_of`."""
    return str(record_of(line, where)["doc_id"])
