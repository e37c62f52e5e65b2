"""Carry out what was planned: the decision first, then its effect on every release, then the receipt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from anchor_pipeline.corpus.recall_files import Kept, RecallFiles
from anchor_pipeline.corpus.recalls import Lift, RecallRecord
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.observer import Artefact
from anchor_pipeline.recall.erase import let_in_again
from anchor_pipeline.recall.receipt import encoded, in_markdown, receipt
from anchor_pipeline.recall.settle import Settled, settled

OnRecord = Callable[[str], dict[str, Any] | None]
"""By the id of a recall: where the ledger has it, if there is a ledger."""


def artefacts(record: RecallRecord) -> tuple[list[Artefact], Artefact]:
    """What the step of a recall reads (the releases that it affects) and makes (its record), as they are recorded."""
    read = [
        Artefact(f"mix/{one.stage}/{one.cycle}/{one.revision:04d}", one.digest, one.documents)
        for one in record.releases
    ]
    return read, Artefact(f"recalls/{record.id}", record.digest, record.tombstones.count)


def record_it(store: Store, files: RecallFiles, record: RecallRecord, tombstones: bytes) -> Settled:
    """Write the decision down, then put notices wherever it holds, in what was released meanwhile as well."""
    files.add(record, tombstones)
    return next(one for one in settled(store, files) if one.kept.record.id == record.id)


def lift_it(store: Store, files: RecallFiles, kept: Kept, reason: str, by: str, at: datetime) -> Lift:
    """Let a recall stand no more: its documents come back with the next build, and its releases may be read again."""
    if kept.lift is not None:
        raise UsageError(f"recall {kept.record.id} was lifted at {kept.lift.at}: {kept.lift.reason}")
    lift = Lift(format=1, recall=kept.record.id, reason=reason, at=f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", by=by)
    files.lift(lift)
    if kept.erasure is not None:
        let_in_again(store, files, kept.erasure)
    settled(store, files)
    return lift


def keep_receipts(files: RecallFiles, recalls: Sequence[Settled], on_record: OnRecord) -> None:
    """Write the receipts anew where they say something else than before."""
    for one in recalls:
        id = one.kept.record.id
        told = receipt(one, on_record(id))
        data = encoded(told)
        if files.receipt(id) != data:
            files.keep_receipt(id, data, in_markdown(told))
