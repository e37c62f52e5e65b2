"""Erasures in words: what would be done, what was done, and the receipt for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from anchor_pipeline.corpus.erasures import Erasure
from anchor_pipeline.corpus.recalls import AffectedRelease, RecallRecord, plain
from anchor_pipeline.recall.erase_find import ToErase, raw_rows
from anchor_pipeline.recall.words import counted

_LONGEST = 200
"""Characters of row numbers that are shown on a line; the receipt has them all."""


def dry_lines(record: RecallRecord, found: ToErase) -> Iterator[str]:
    """What an erasure would do."""
    yield f"erase recall {record.id} ({record.what}): {record.reason}"
    where = counted(len(found.held), "shard")
    yield f"  content of {counted(found.rows, 'row')} in {where}, which are written anew without it"
    for release in found.settled.releases:
        yield f"  parts of {_release(release)}: ids, digests and all other documents stay, nobody can open it any more"
    yield "to be erased by whoever holds it, out of reach from here:"
    for raw in raw_rows(found.held):
        yield f"  raw file {plain(raw.file)} of source {raw.source}, records {_short(raw.rows)}"
    for export in found.settled.exports:
        yield f"  export {plain(export.name)} at {plain(export.uri or 'an unknown place')}"
    yield "  backups of the store, copies of releases, caches of other machines"


def state_of(erasure: Erasure, back: bool) -> str:
    """In one line."""
    where = counted(len(erasure.shards), "shard")
    told = f"erased {erasure.at} by {erasure.by}: {counted(erasure.rows, 'row')} in {where}"
    if back:
        return f"{told}; content of it LIES IN THE STORE AGAIN: `anchor recall erase` finishes it"
    return told if erasure.done else f"{told}; NOT FINISHED: `anchor recall erase` finishes it"


def in_markdown(record: RecallRecord, erasure: Erasure) -> bytes:
    """The receipt for people. Names that anybody may have given stand in code."""
    lines = [
        f"# Erasure of recall {record.id}",
        "",
        f"- **What**: {record.what.by} {_code(record.what.value)}",
        f"- **Why**: {_code(record.reason)}",
        f"- **Decided**: {erasure.at}, by {_code(erasure.by)}",
        f"- **State**: {'done' if erasure.done else 'begun, not finished: run `anchor recall erase` again'}",
        f"- **Tombstones**: {record.tombstones.count:,} content digests, list SHA-256 `{record.tombstones.sha256}`",
        "",
        "Text and payload of these documents are gone from the store; ids, digests and all else that is recorded of "
        "them stay.",
    ]
    if erasure.shards:
        lines += ["", "## Shards", "", "| source | rows | was | is now |", "|---|---|---|---|"]
        lines += [f"| {one.source} | {one.rows:,} | `{one.old}` | `{one.new}` |" for one in erasure.shards]
    if erasure.releases:
        lines += ["", "## Releases", "", *(f"- {_release(one)}, mix `{one.digest}`" for one in erasure.releases)]
    if erasure.quarantine:
        lines += ["", "## Files of quarantined rows", "", *(f"- {_code(one)}" for one in erasure.quarantine)]
    lines += ["", "## To be erased by whoever holds it", ""]
    lines += [f"- raw file {_code(one.file)} of source {one.source}, records {one.rows}" for one in erasure.raw]
    lines += [f"- export {_code(one.name)} at {_code(one.uri or 'unknown')}" for one in erasure.exports]
    lines += ["- backups of the store, copies of releases, caches of other machines"]
    return ("\n".join(lines) + "\n").encode(errors="replace")


def as_json(record: RecallRecord, found: ToErase) -> dict[str, Any]:
    """What an erasure would do, for programs."""
    return {
        "recall": record.id,
        "rows": found.rows,
        "shards": [{"shard": one.shard, "source": one.source, "rows": len(one.rows)} for one in found.held],
        "releases": [one.model_dump(mode="json") for one in found.settled.releases],
        "raw": [one.model_dump(mode="json") for one in raw_rows(found.held)],
        "exports": [one.model_dump(mode="json") for one in found.settled.exports],
    }


def _release(one: AffectedRelease) -> str:
    return f"{one.stage} {one.cycle} revision {one.revision}"


def _short(rows: str) -> str:
    return rows if len(rows) <= _LONGEST else f"{rows[:_LONGEST]}…"


def _code(text: str) -> str:
    return f"`{plain(text).replace('`', chr(39)).replace('|', '¦')}`"
