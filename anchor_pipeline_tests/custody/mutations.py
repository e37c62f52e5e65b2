"""Changes of the kinds that people and programs make: of bytes, fields, order, ends, histories, files, credentials."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import Any

from anchor_pipeline.custody.canonical import b64, canonical_json, unb64
from anchor_pipeline_tests.custody.cases import Case
from anchor_pipeline_tests.custody.cases_releases import HEAD, LEDGER, LISTED, TOLD, Files
from anchor_pipeline_tests.custody.forge import Forge, key, sealed, subject
from anchor_pipeline_tests.custody.verifier.releases import encoded, gzipped, sha

Chance = random.Random


def bytes_changed(data: bytes, chance: Chance) -> bytes:
    """A few bytes replaced, put in or taken out, somewhere."""
    at, length = chance.randrange(len(data) + 1), chance.choice((1, 1, 1, 2, 3, 8, 64))
    other = chance.choice((chance.randbytes(length), bytes(chance.choices(b'\n "{}[],:aZ0+/=\\', k=length)), b""))
    return data[:at] + other + data[at + chance.choice((0, length)) :]


def cut(data: bytes, chance: Chance) -> bytes:
    return data[: chance.randrange(len(data))]


def value_changed(value: Any, chance: Chance) -> Any:
    """Some part of JSON changed into something near it, or far from it."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        name = chance.choice(sorted(value))
        made = dict(value)
        match chance.randrange(8):
            case 0:
                del made[name]
            case 1:
                made[f"{name}_"] = made[name]
            case 2:
                made[chance.choice(sorted(value))] = made[name]
            case _:
                made[name] = value_changed(made[name], chance)
        return made
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        choices = (
            [*value[:place], *value[place + 1 :]],
            [*value, value[place]],
            value[::-1],
            [*value[:place], value_changed(value[place], chance), *value[place + 1 :]],
        )
        return chance.choice(choices)
    if isinstance(value, str) and value and chance.random() < 0.6:
        at = chance.randrange(len(value))
        return value[:at] + chance.choice(("", "0", "a", "A", " ", "\n", "ä", value[at] * 2)) + value[at + 1 :]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int) and chance.random() < 0.6:
        return value + chance.choice((-1, 1, 2**53, -(2**53)))
    return chance.choice((None, True, 0, 1, -1, "", "a", "0" * 64, [], {}, [None], {"a": 1}))


def canonical_changed(data: bytes, chance: Chance) -> bytes:
    return canonical_json(value_changed(json.loads(data), chance))


# Of ledgers.


def of_ledger(forge: Forge, other: Forge, chance: Chance) -> Case:
    """A changed ledger; `other` has the same statements, signed a second time."""
    lines, head = list(forge.lines), forge.head().encode()
    change = chance.choice(_OF_LEDGERS)
    changed = change(lines, other, chance)
    if changed is None and chance.random() < 0.3:
        head = chance.choice((bytes_changed, cut))(head, chance)
    ledger = b"".join(line + b"\n" for line in lines) if changed is None else changed[0]
    return Case("", change.__name__, "", ledger, head if changed is None or changed[1] is None else changed[1])


Changed = tuple[bytes, bytes | None] | None
"""Bytes of the ledger, and a head of its own; None if the lines were changed in place."""


def _some_bytes(lines: list[bytes], other: Forge, chance: Chance) -> Changed:
    return bytes_changed(b"".join(line + b"\n" for line in lines), chance), None


def _end(lines: list[bytes], other: Forge, chance: Chance) -> Changed:
    return cut(b"".join(line + b"\n" for line in lines), chance), None


def _order(lines: list[bytes], other: Forge, chance: Chance) -> Changed:
    one, two = chance.sample(range(len(lines)), 2)
    match chance.randrange(4):
        case 0:
            lines[one], lines[two] = lines[two], lines[one]
        case 1:
            lines.insert(two, lines.pop(one))
        case 2:
            lines.insert(two, lines[one])
        case _:
            del lines[one]
    return None


def _envelope(lines: list[bytes], other: Forge, chance: Chance) -> Changed:
    place = chance.randrange(len(lines))
    lines[place] = canonical_changed(lines[place], chance)
    return None


def _payload(lines: list[bytes], other: Forge, chance: Chance, *signers: Any) -> Changed:
    """The statement changed, its subject fitting again; signatures as they were, or by somebody else."""
    place = chance.randrange(len(lines))
    record = json.loads(lines[place])
    said = json.loads(unb64(record["payload"], ""))
    said["predicate"] = value_changed(said["predicate"], chance)
    if isinstance(said["predicate"], dict) and chance.random() < 0.9:
        said["subject"] = subject(said["predicateType"].split("/")[-2], said["predicate"])
    payload = canonical_json(said)
    lines[place] = canonical_json(sealed(payload, signers) if signers else {**record, "payload": b64(payload)})
    return None


def _payload_signed_by_a_stranger(lines: list[bytes], other: Forge, chance: Chance) -> Changed:
    return _payload(lines, other, chance, key("pipeline", 7))


def _payload_signed_again(lines: list[bytes], other: Forge, chance: Chance) -> Changed:
    """By whoever holds the pipeline's key: the head, or what follows, tells."""
    return _payload(lines, other, chance, key("pipeline"))


def _signatures(lines: list[bytes], other: Forge, chance: Chance) -> Changed:
    place, source = chance.sample(range(len(lines)), 2)
    one, two = json.loads(lines[place]), json.loads(lines[source])
    which = chance.randrange(2)
    one["signatures"][which]["sig"] = two["signatures"][which]["sig"]
    lines[place] = canonical_json(one)
    return None


def _history(lines: list[bytes], other: Forge, chance: Chance) -> Changed:
    """The second signing from some entry on."""
    place = chance.randrange(len(lines))
    lines[place:] = other.lines[place:]
    return None


def _other_head(lines: list[bytes], other: Forge, chance: Chance) -> Changed:
    ledger = b"".join(line + b"\n" for line in lines)
    size = chance.randrange(1, len(lines) + 1)
    return ledger, chance.choice((other.head(size=size), other.head(key("pipeline", 7)), other.head())).encode()


_OF_LEDGERS = (
    _some_bytes, _end, _order, _envelope, _payload, _payload_signed_by_a_stranger, _payload_signed_again, _signatures,
    _history, _other_head,
)  # fmt: skip


# Of releases.


def of_release(files: Files, other: Files, chance: Chance) -> Files:
    """A changed release; `other` is another release of the same project. Only what a verifier relies on is changed."""
    made = dict(files)
    chance.choice(_OF_RELEASES)(made, other, chance)
    return made


RELIED_ON = (
    "MANIFEST.json", "VERDICT.json", "REPORT.html", "data/train-00000-of-00002.parquet",
    "data/train-00001-of-00002.parquet", LEDGER, HEAD, LISTED, "custody/credentials.jsonl",
    TOLD,
)  # fmt: skip


def _file_bytes(files: Files, other: Files, chance: Chance) -> None:
    name = chance.choice(RELIED_ON)
    files[name] = chance.choice((bytes_changed, bytes_changed, cut))(files[name], chance)


def _file_gone(files: Files, other: Files, chance: Chance) -> None:
    del files[chance.choice(RELIED_ON)]


def _file_more(files: Files, other: Files, chance: Chance) -> None:
    files[chance.choice(("data/train-00002-of-00002.parquet", "extra.txt", "data/.x", "a/b", "manifest.json"))] = b"x"


def _files_swapped(files: Files, other: Files, chance: Chance) -> None:
    one, two = chance.sample(RELIED_ON, 2)
    files[one], files[two] = files[two], files[one]


def _file_of_another(files: Files, other: Files, chance: Chance) -> None:
    name = chance.choice(RELIED_ON)
    files[name] = other[name]


def _lines(name: str) -> Callable[[Files, Files, Chance], None]:
    def change(files: Files, other: Files, chance: Chance) -> None:
        data = gzip.decompress(files[name]) if name == LISTED else files[name]
        lines = data.splitlines(keepends=True)
        place = chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                del lines[place]
            case 1:
                lines.insert(chance.randrange(len(lines)), lines[place])
            case 2:
                lines.reverse()
            case _:
                lines[place] = canonical_changed(lines[place], chance) + b"\n"
        changed = b"".join(lines)
        files[name] = gzipped(changed) if name == LISTED else changed

    return change


def _manifest(files: Files, other: Files, chance: Chance) -> None:
    record = value_changed(json.loads(files["MANIFEST.json"]), chance)
    if isinstance(record, dict) and chance.random() < 0.6:
        record.pop("digest", None)
        files["MANIFEST.json"] = encoded(record)
    else:
        files["MANIFEST.json"] = canonical_json(record)


def _verdict(files: Files, other: Files, chance: Chance) -> None:
    """The verdict changed, and the manifest made to fit."""
    files["VERDICT.json"] = canonical_changed(files["VERDICT.json"], chance)
    record = json.loads(files["MANIFEST.json"])
    entry = next(one for one in record["files"] if one["path"] == "VERDICT.json")
    entry.update(sha256=sha(files["VERDICT.json"]), bytes=len(files["VERDICT.json"]))
    if chance.random() < 0.5:
        record["digests"]["verdict"] = entry["sha256"]
    del record["digest"]
    files["MANIFEST.json"] = encoded(record)


_OF_RELEASES = (
    _file_bytes, _file_bytes, _file_gone, _file_more, _files_swapped, _file_of_another, _lines(LISTED),
    _lines("custody/credentials.jsonl"), _manifest, _verdict,
)  # fmt: skip
