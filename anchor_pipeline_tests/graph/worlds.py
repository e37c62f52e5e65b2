"""Little worlds of documents, shards and releases: as files of a store, and as plain rows for brute force."""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.mix.manifest import FORMAT, Digests, Manifest, Part, part_path
from anchor_pipeline.mix.parts import mix_schema

Row = dict[str, Any]
Document = tuple[str, str]
"""Id and content digest."""


def document(doc_id: str, content: str = "", **fields: Any) -> Row:
    """A row of a shard; what is not said follows from its id."""
    source = doc_id.split("/")[0]
    text = content or doc_id
    generated = fields.get("generator") is not None
    row: Row = {
        "doc_id": doc_id,
        "text": text,
        "payload": None,
        "source": source,
        "kind": "synthetic" if generated else "licensed",
        "authorship": "synthetic" if generated else "human",
        "domain": "sea",
        "modality": "text",
        "tokens": 12,
        "bytes": len(text),
        "digest": hashlib.sha256(f"text\0{text}".encode()).hexdigest(),
        "collected_at": 0,
        "licence": "CC0-1.0",
        "generator": None,
        "family": None,
        "parents": [],
        "stratum": None,
        "raw_file": f"{source}.jsonl",
        "raw_row": 1,
    }
    return {**row, **fields}


def write_shard(store: Store, rows: Sequence[Row]) -> str:
    """Keep rows as a shard; its digest."""
    return store.write_shard(pa.Table.from_pylist(list(rows), schema=DOCUMENT_SCHEMA)).digest


def write_release(
    store: Store, rows: Sequence[Row], stage: str = "main", cycle: str = "2020", revision: int = 1
) -> str:
    """Keep rows as a released mix, a row that comes again as a further pass; its folder."""
    folder = f"mix/{stage}/{cycle}/{revision:04d}"
    seen: dict[Document, int] = defaultdict(int)
    lines = []
    for row in rows:
        lines.append({**row, "epoch": seen[row["doc_id"], row["digest"]]})
        seen[row["doc_id"], row["digest"]] += 1
    schema = mix_schema(("text",))
    table = pa.Table.from_pylist([{name: line[name] for name in schema.names} for line in lines], schema=schema)
    path = store.path(f"{folder}/{part_path(0, 1)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    data = path.read_bytes()
    part = Part(
        path=part_path(0, 1), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), rows=table.num_rows,
        tokens=sum(row["tokens"] for row in rows),
    )  # fmt: skip
    manifest = Manifest(
        format=FORMAT, project="tests", stage=stage, cycle=cycle, as_of="2020-01-01T00:00:00+00:00", written_by="tests",
        parts=(part,), files=(), rows=table.num_rows, amounts={}, shares={},
        digests=Digests(policy="", selection="", corpus="", verdict=""), documents=None, previous=None,
        revision=revision, replaces=None, digest="",
    )  # fmt: skip
    whole = manifest.model_copy(update={"digest": manifest.computed_digest()})
    store.write(f"{folder}/MANIFEST.json", whole.encoded())
    return folder


@dataclass
class World:
    """Shards and releases, as rows."""

    shards: list[list[Row]] = field(default_factory=list)
    releases: dict[str, list[Row]] = field(default_factory=dict)
    """By cycle."""

    def write(self, store: Store) -> None:
        """Put everything into a store."""
        for rows in self.shards:
            write_shard(store, rows)
        for cycle, rows in self.releases.items():
            write_release(store, rows, cycle=cycle)

    @property
    def rows(self) -> list[Row]:
        return list(itertools.chain.from_iterable(self.shards))


_NAMES = st.sampled_from(["1", "2", "3", "x/1"])
_SOURCES = st.sampled_from(["a", "b"])
_IDS = st.builds("{}/{}".format, _SOURCES, _NAMES)
_PARENTS = st.lists(st.one_of(_IDS, _NAMES, st.just("gone")), max_size=3)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to a dozen rows with parents of every kind: whole ids and bare ones, ambiguous, missing, in circles."""

    def row() -> Row:
        generator = draw(st.sampled_from([None, None, "gpt@1", "gpt@2", "phi@1"]))
        fields: Row = {"parents": draw(_PARENTS), "generator": generator, "tokens": draw(st.integers(0, 20))}
        if generator is None:
            fields["authorship"] = draw(st.sampled_from(["human", "human_edited", "unknown"]))
        return document(draw(_IDS), draw(st.sampled_from(["", "other"])), **fields)

    shards = [[row() for _ in range(draw(st.integers(1, 4)))] for _ in range(draw(st.integers(1, 3)))]
    # What has the same id and content is the same document wherever it lies.
    known: dict[Document, Row] = {}
    shards = [[known.setdefault((one["doc_id"], one["digest"]), one) for one in rows] for rows in shards]
    every = list(known.values())
    drawn = st.lists(st.sampled_from(every), min_size=1, max_size=6)
    releases = {f"{2020 + n}": draw(drawn) for n in range(draw(st.integers(0, 3)))}
    return World(shards, releases)


def meant(rows: Iterable[Row], child: str, parent: str) -> list[str]:
    """The documents that a parent may mean, by the words of rules.ancestry."""
    ids = {row["doc_id"] for row in rows}
    if parent in ids:
        return [parent]
    return sorted(id for id in ids if id.partition("/")[2] == parent and id != child)


def parents_of(rows: Sequence[Row]) -> dict[str, dict[str, list[str]]]:
    """By document: its parents as they are named, with the documents that each may mean."""
    found: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for row in rows:
        for parent in row["parents"]:
            found[row["doc_id"]][parent] = meant(rows, row["doc_id"], parent)
    return found


def reached(edges: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """Everything that at least one step leads to."""
    found: set[str] = set()
    waiting = list(edges.get(start, ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += edges.get(one, ())
    return found


def origins_of(world: World, cycle: str) -> dict[tuple[str, str, str], Fraction]:
    """What `origins` says, followed path by path with exact fractions."""
    rows = world.rows
    named = parents_of(rows)
    certain = {child: [ids[0] for ids in own.values() if len(ids) == 1] for child, own in named.items()}
    found: dict[tuple[str, str, str], Fraction] = defaultdict(Fraction)

    def label(rows: list[Row]) -> tuple[str, str]:
        def of(row: Row) -> tuple[str, str]:
            if row["generator"] or row["authorship"] == "synthetic":
                return "generator", row["generator"].split("@")[0]
            return ("human", row["source"]) if "human" in row["authorship"] else ("unknown", "authorship not stated")

        return min(map(of, rows))

    def climb(id: str, amount: Fraction) -> None:
        if id in reached(certain, id):
            found["text", "unknown", "made from itself"] += amount
            return
        # Two names of one document are one parent.
        sure = sorted(set(certain.get(id, ())))
        missing = [ids for ids in named[id].values() if not ids]
        unclear = [ids for ids in named[id].values() if len(ids) > 1]
        if not named[id]:
            found["text", *label([row for row in rows if row["doc_id"] == id])] += amount
            return
        each = amount / (len(sure) + len(missing) + len(unclear))
        for parent in sure:
            climb(parent, each)
        found["text", "unknown", "parents that are not recorded"] += each * len(missing)
        found["text", "unknown", "parents that several documents may be"] += each * len(unclear)

    for row in world.releases[cycle]:
        if named[row["doc_id"]]:
            climb(row["doc_id"], Fraction(row["tokens"]))
        else:
            found["text", *label([row])] += row["tokens"]
    return {key: amount for key, amount in found.items() if amount}
