"""The documents of a mix as a list that one Merkle root stands for, so that one can be proved to be in it, or not.

A canonical JSON line for each document, sorted by its id (by the bytes of UTF-8), is a leaf; the root stands in the
manifest. Two neighbours in the list prove that nothing lies between them.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from operator import lt
from pathlib import Path
from typing import IO, Any

import polars as pl

from anchor_pipeline.custody.canonical import MOST_BYTES, canonical_json
from anchor_pipeline.custody.document_lines import FIELDS, id_and_shard, id_of, ids_and_shards
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.merkle import (
    Frontier,
    inclusion_proof,
    leaf_hash,
    leaf_hashes,
    node_hash,
    root_from_inclusion,
    root_of,
)

PROOF_FORMAT = "anchor-proof-1"

_HEADER = bytes.fromhex("1f8b08000000000000ff")
"""How a list begins: no name and no time, so that the same list is the same file."""

_ROWS = 50_000
_AT_ONCE = 4096
_CHUNK = 1 << 20
_GZIP = 31
"""Window bits by which zlib expects a gzip header and checks what is at its end."""


@dataclass(frozen=True)
class DocumentsRoot:
    """What the manifest says of the list."""

    count: int
    root: str


def lines_of_documents(documents: pl.LazyFrame) -> Iterator[bytes]:
    """The lines of documents with FIELDS as columns, each document once, without newlines."""
    rows = documents.select(FIELDS).unique("doc_id").sort("doc_id").collect(engine="streaming")
    for piece in rows.iter_slices(_ROWS):
        stamped = piece.with_columns(pl.col("collected_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
        for line in stamped.select(pl.struct(FIELDS).struct.json_encode()).to_series():
            yield line.encode()


def write_documents(lines: Iterable[bytes], target: Path) -> DocumentsRoot:
    """Write the list, gzipped, to `target`; what the manifest says of it."""
    tree = Frontier()
    with target.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        for batch in _batches(lines):
            tree.extend(leaf_hashes(batch))
            file.write(b"\n".join(batch) + b"\n")
    return DocumentsRoot(tree.size, tree.root().hex())


def read_lines(file: IO[bytes], where: str) -> Iterator[bytes]:
    """The lines of a gzipped list; Flaw documents_root if it is none. Little of it is in memory at a time."""
    rest = b""
    for piece in _unpacked(file, where):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
        if len(rest) > MOST_BYTES:
            raise Flaw("documents_root", where, "a line that is too long")
    if rest:
        raise Flaw("documents_root", where, "a line that is cut off")


def _unpacked(file: IO[bytes], where: str) -> Iterator[bytes]:
    """One gzip member and nothing after it; GzipFile would take more of them, and zeros."""
    unpacker = zlib.decompressobj(_GZIP)
    begun = False
    try:
        while chunk := file.read(_CHUNK):
            # Its fields (name, time, system) say nothing, so nobody would miss what changed in them.
            if not begun and not chunk.startswith(_HEADER):
                raise Flaw("documents_root", where, "packed in another way than a release packs it")
            begun = True
            while chunk and not unpacker.eof:
                yield unpacker.decompress(chunk, _CHUNK)
                chunk = unpacker.unconsumed_tail
            if chunk or unpacker.unused_data:
                raise Flaw("documents_root", where, "something after the end of the list")
    except (OSError, zlib.error) as error:
        raise Flaw("documents_root", where, f"cannot be read ({error})") from None
    if not unpacker.eof:
        raise Flaw("documents_root", where, "the packed file is cut off")


def check_documents(lines: Iterable[bytes], stated: DocumentsRoot, where: str) -> set[str]:
    """The shards that documents came from; Flaw documents_root unless this is the list of the manifest, sorted."""
    tree, shards = Frontier(), set[bytes]()
    last: list[bytes] = []
    for batch in _batches(lines):
        if tree.size + len(batch) > stated.count:
            raise Flaw("documents_root", where, f"more than {stated.count:,} documents")
        found = ids_and_shards(batch) or _one_by_one(batch, tree.size, where)
        ids = [*last, *(one for one, _ in found)]
        if not all(map(lt, ids, ids[1:])):
            place = next(at for at, pair in enumerate(pairwise(ids), 1) if pair[0] >= pair[1])
            raise Flaw("documents_root", where, f"line {tree.size + 1 + place - len(last)} is not in its place")
        shards.update(shard for _, shard in found)
        tree.extend(leaf_hashes(batch))
        last = ids[-1:]
    if tree.size != stated.count or tree.root().hex() != stated.root:
        raise Flaw("documents_root", where, f"{tree.size:,} documents, not those of the manifest")
    return {shard.decode() for shard in shards}


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    rest = iter(lines)
    while batch := list(islice(rest, _AT_ONCE)):
        yield batch


def _one_by_one(lines: list[bytes], before: int, where: str) -> list[tuple[bytes, bytes]]:
    """Ids and shards of lines of which one at least is not plain, or wrong: Flaw says which."""
    found = []
    for number, line in enumerate(lines, before + 1):
        try:
            found.append(id_and_shard(line, where))
        except Flaw as flaw:
            raise Flaw("documents_root", where, f"line {number}: {flaw.detail}") from None
    return found


def prove(lines: Iterable[bytes], mix: str, doc_id: str, where: str) -> dict[str, Any]:
    """Proof that a mix holds a document, or that it does not: its leaf, or the two between which it would be.

    Holds 32 bytes a document in memory.
    """
    wanted = doc_id.encode()
    leaves: list[bytes] = []
    shown: dict[int, bytes] = {}
    before: tuple[int, bytes] | None = None
    passed = False
    for index, line in enumerate(lines):
        leaves.append(leaf_hash(line))
        found, _ = id_and_shard(line, where)
        if found < wanted:
            before = index, line
        elif not passed:
            passed = True
            shown[index] = line
            if found != wanted and before is not None:
                shown[before[0]] = before[1]
    if not passed and before is not None:
        shown[before[0]] = before[1]
    tree = _Tree(leaves)
    included = any(id_of(line, where) == doc_id for line in shown.values())
    return {
        "format": PROOF_FORMAT,
        "mix": mix,
        "count": len(leaves),
        "root": tree.root().hex(),
        "doc_id": doc_id,
        "included": included,
        "leaves": [
            {"index": index, "line": line.decode(), "path": [one.hex() for one in tree.path(index)]}
            for index, line in sorted(shown.items())
        ],
    }


def check_proof(proof: Any, mix: str, stated: DocumentsRoot, where: str = "proof") -> bool:
    """What a proof proves of a mix: True that its document is in, False that it is not. Flaw if it proves neither."""
    names = {"format", "mix", "count", "root", "doc_id", "included", "leaves"}
    if not isinstance(proof, dict) or set(proof) != names or proof["format"] != PROOF_FORMAT:
        raise Flaw("malformed", where, f"no proof of the format {PROOF_FORMAT}")
    if (proof["mix"], proof["count"], proof["root"]) != (mix, stated.count, stated.root):
        raise Flaw("documents_root", where, "a proof about another mix")
    try:
        found = [_checked_leaf(leaf, stated, where) for leaf in proof["leaves"]]
        wanted = proof["doc_id"].encode()
    except (TypeError, KeyError, ValueError, AttributeError):
        raise Flaw("malformed", where, "leaves that are none") from None
    if proof["included"] is True:
        held = len(found) == 1 and found[0][1] == wanted
    else:
        held = proof["included"] is False and _lies_between(found, wanted, stated.count)
    if not held:
        raise Flaw("documents_root", where, "its leaves do not show what it says")
    return bool(proof["included"])


def proof_bytes(proof: dict[str, Any]) -> bytes:
    """The bytes of a proof file."""
    return canonical_json(proof) + b"\n"


def _checked_leaf(leaf: dict[str, Any], stated: DocumentsRoot, where: str) -> tuple[int, bytes]:
    """Index and id of a leaf that leads to the root."""
    line = leaf["line"].encode()
    path = [bytes.fromhex(one) for one in leaf["path"]]
    # fromhex takes capitals and spaces as well.
    spelled = [one.hex() for one in path] == list(leaf["path"])
    if type(leaf["index"]) is not int or set(leaf) != {"index", "line", "path"} or not spelled:
        raise ValueError("no leaf")
    root = root_from_inclusion(leaf["index"], stated.count, leaf_hash(line), path)
    if root is None or root.hex() != stated.root:
        raise Flaw("documents_root", where, f"leaf {leaf['index']} does not lead to the root")
    return leaf["index"], id_of(line, where).encode()


def _lies_between(found: list[tuple[int, bytes]], wanted: bytes, count: int) -> bool:
    """Whether there is no place in the list where the id could be."""
    if count == 0:
        return not found
    if len(found) == 1:
        index, name = found[0]
        return (index == 0 and wanted < name) or (index == count - 1 and name < wanted)
    return len(found) == 2 and found[1][0] == found[0][0] + 1 and found[0][1] < wanted < found[1][1]


class _Tree:
    """All levels of a tree, for proofs."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._levels = [leaves]
        while len(self._levels[-1]) > 1:
            below = self._levels[-1]
            self._levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])

    def root(self) -> bytes:
        return root_of(self._levels[0])

    def path(self, index: int) -> list[bytes]:
        return inclusion_proof(index, len(self._levels[0]), lambda level, at: self._levels[level][at])
