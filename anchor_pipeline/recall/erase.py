"""Take the content of recalled documents out of the store, and nothing else.

1. The decision is written down: from now on the ingest lets none of it in.
2. Shards that hold such rows are written anew, with text and payload null in them. All other columns stay, digests
   too: that is the skeleton, and rules, lineage and accounts go on as before.
3. What will be done is written down, old and new shard by shard; notices in releases say that they are erased.
4. Snapshots name the new shards, quarantined rows and the parts of recalled releases lose the content.
5. Old shards and what was measured of them and of the releases are removed; what is still asked for is measured again.
6. That it is done is written down.

Every step can be done twice with the same result, so that an erasure that was killed is finished by the next one, and
one of a store that was restored from a backup is done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.erasures import Bar, ErasedShard, Erasure
from anchor_pipeline.corpus.recall_files import Kept, RecallFiles
from anchor_pipeline.corpus.recalls import REASONS
from anchor_pipeline.corpus.snapshot import SourceSnapshot, read_snapshot, write_snapshot
from anchor_pipeline.corpus.store import Shard, Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.recall.erase_files import (
    empty_parts,
    empty_quarantine,
    empty_twin,
    quarantine_files,
    remove_measured,
    shard_name,
)
from anchor_pipeline.recall.erase_find import Held, ToErase, emptied, raw_rows, read_shard, to_erase, with_content
from anchor_pipeline.recall.erase_words import in_markdown, state_of
from anchor_pipeline.recall.settle import settled

Credentials = Callable[[SourceSnapshot], None]
"""Makes what is missing of the credentials of a source's shards."""


@dataclass(frozen=True)
class _Work:
    store: Store
    files: RecallFiles
    bar: Bar
    erasure: Erasure


def must_be_erasable(kept: Kept) -> None:
    """UsageError unless the recall stands, and is one."""
    id = kept.record.id
    if kept.record.action != "recall":
        raise UsageError(
            f"{id} is no recall: what is in quarantine may come back, and releases use it; recall it first"
        )
    if kept.lift is not None:
        raise UsageError(f"recall {id} was lifted at {kept.lift.at}: its documents are in use; recall them again first")


def erase(
    store: Store, files: RecallFiles, kept: Kept, by: str, at: datetime, credentials: Credentials | None
) -> Erasure:
    """Carry out the erasure of a recall, or what is missing of it.

    Raises UsageError if the recall does not stand; DamagedData, Unavailable: run it again when that is mended.
    """
    must_be_erasable(kept)
    begun = kept.erasure or Erasure(
        format=1, recall=kept.record.id, at=f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", by=by, done=False
    )
    _keep(files, kept, begun.model_copy(update={"done": False}))
    found = to_erase(store, files, kept)
    planned = _planned(store, begun, found)
    _keep(files, kept, planned)
    settled(store, files)
    work = _Work(store, files, found.bar, planned)
    _switch(work, credentials)
    for release in planned.releases:
        empty_parts(store, release, found.bar)
    _remove(work)
    done = planned.model_copy(update={"done": True})
    _keep(files, kept, done)
    return done


def _keep(files: RecallFiles, kept: Kept, erasure: Erasure) -> None:
    files.keep_erasure(erasure, in_markdown(kept.record, erasure))


def _planned(store: Store, begun: Erasure, found: ToErase) -> Erasure:
    """The erasure with all that is to be done, or was: new shards are there already."""
    shards = {one.old: one for one in begun.shards}
    for held in found.held:
        shards[held.shard] = ErasedShard(
            old=held.shard, new=_rewritten(store, held, found.bar), source=held.source, rows=len(held.rows)
        )
    releases = {(one.stage, one.cycle, one.revision, one.digest): one for one in begun.releases}
    for release in found.settled.releases:
        releases.setdefault((release.stage, release.cycle, release.revision, release.digest), release)
    exports = {(one.name, one.uri or "", one.release): one for one in (*begun.exports, *found.settled.exports)}
    return begun.model_copy(
        update={
            "done": False,
            "shards": tuple(shards[old] for old in sorted(shards)),
            "quarantine": tuple(sorted({*begun.quarantine, *quarantine_files(store, found.bar)})),
            "releases": tuple(releases[name] for name in sorted(releases)),
            "raw": raw_rows(found.held, begun.raw),
            "exports": tuple(exports[name] for name in sorted(exports)),
            "more": tuple(sorted({*begun.more, *found.more})),
        }
    )


def _rewritten(store: Store, held: Held, bar: Bar) -> str:
    """The digest of the shard with the same rows, these without content."""
    table = read_shard(store, held.shard)
    return store.write_shard(emptied(table, with_content(table, bar)).cast(DOCUMENT_SCHEMA).combine_chunks()).digest


def _switch(work: _Work, credentials: Credentials | None) -> None:
    """Let the snapshots of all sources name the new shards and quarantine files, which have their credentials.

    Those of earlier erasures as well: a build that ran at the same time may have put an old snapshot back.
    """
    store = work.store
    # After a lift the old shard may be in use again.
    newer = _newer(one.erasure for one in work.files.all() if one.erasure is not None and one.stands)
    made = set(newer.values())
    for source in store.list("sources"):
        before = read_snapshot(store, source)
        if before is None:
            continue
        units = tuple(
            unit.model_copy(
                update={
                    "shards": tuple(
                        one if one.digest not in newer else _named(one, newer[one.digest]) for one in unit.shards
                    ),
                    "quarantine": empty_quarantine(store, unit.quarantine, work.bar) if unit.quarantine else None,
                }
            )
            for unit in before.units
        )
        snapshot = before.model_copy(update={"units": units})
        if snapshot != before:
            write_snapshot(store, snapshot)
        if credentials is not None and made.intersection(snapshot.shards):
            credentials(snapshot)


def _named(shard: Shard, digest: str) -> Shard:
    return Shard(digest, shard.rows, shard.tokens, shard.bytes)


def _newer(erasures: Iterable[Erasure]) -> dict[str, str]:
    """By shard that was written anew: the one that has its rows now."""
    following = {one.old: one.new for erasure in erasures for one in erasure.shards if one.old != one.new}
    newest = {}
    for old in following:
        digest = old
        while digest in following:
            digest = following[digest]
        newest[old] = digest
    return newest


def _remove(work: _Work) -> None:
    """Remove what held the content; nothing refers to it any more. The shards last: they tell what is to be done."""
    store, erasure = work.store, work.erasure
    for source in sorted({one.source for one in erasure.shards}):
        empty_twin(store, source, work.bar)
    for name in erasure.quarantine:
        if empty_quarantine(store, name, work.bar) != name:
            store.remove(name)
    remove_measured(store, [one.old for one in erasure.shards], [one.digest for one in erasure.releases])
    for shard in erasure.shards:
        store.remove(shard_name(shard.old))


def let_in_again(store: Store, files: RecallFiles, erasure: Erasure) -> list[str]:
    """After a lift: the next ingest reads the raw files anew from which the content came. The sources that it reads."""
    newer = _newer(one.erasure for one in files.all() if one.erasure is not None)
    empty = {newer.get(one.new, one.new) for one in erasure.shards}
    again = []
    for source in store.list("sources"):
        before = read_snapshot(store, source)
        if before is None:
            continue
        stale = {unit.id for unit in before.units if empty.intersection(shard.digest for shard in unit.shards)}
        stale |= {file.unit for file in before.files if REASONS["recall"] in file.quarantined}
        if stale:
            kept = tuple(file for file in before.files if file.unit not in stale)
            units = tuple(unit for unit in before.units if unit.id not in stale)
            write_snapshot(store, before.model_copy(update={"files": kept, "units": units}))
            again.append(source)
    return again


def erased(store: Store, kept: Kept, on_record: Callable[[str], dict[str, Any] | None]) -> dict[str, Any] | None:
    """What became of the erasure of a recall, for `anchor recall status`; None if there is none."""
    if kept.erasure is None:
        return None
    told = kept.erasure.model_dump(mode="json", include={"at", "by", "done", "shards", "raw", "exports"})
    back = is_back(store, kept)
    state = {"state": state_of(kept.erasure, back), "back": back, "record": kept.erasure.digest}
    return {**told, **state, "ledger": on_record(f"{kept.record.id}/erasure")}


def is_back(store: Store, kept: Kept) -> bool:
    """Whether content that was erased lies in the store again, as after a restore from a backup."""
    if kept.erasure is None or not kept.stands:
        return False
    return any(store.exists(shard_name(one.old)) for one in kept.erasure.shards)
