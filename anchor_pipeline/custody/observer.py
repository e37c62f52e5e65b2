"""Every step in the ledger: its intent signed and on disk before it runs, its end afterwards.

An intent without an end is a step that crashed. The next run closes those whose process is gone as `abandoned`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from anchor_pipeline.custody.entries import read_entry
from anchor_pipeline.custody.keys import Signer
from anchor_pipeline.custody.ledger import Ledger
from anchor_pipeline.custody.statements import Intent as IntentEntry
from anchor_pipeline.custody.storage import LedgerRows
from anchor_pipeline.observer import Artefact, Intent, LedgerEntry, Outcome

_MOST_REASON = 2000


class CustodyObserver:
    """Tells a ledger of every step. A step that cannot be taken down does not run."""

    required = True

    def __init__(self, ledger: Ledger, signer: Signer) -> None:
        self._ledger, self._signer = ledger, signer
        self._open: dict[str, tuple[str, str, ExitStack]] = {}
        """By run: leaf hash of the intent, a head that covers it, and the hold on the run."""
        self._entries: dict[str, tuple[LedgerEntry, ...]] = {}

    def entries_of(self, run: str) -> tuple[LedgerEntry, ...]:
        """What the ledger holds of a run that this observer was told of, in order."""
        return self._entries.get(run, ())

    def opened(self, intent: Intent) -> None:
        """Close what others left open, then append the intent and sign a head that covers it."""
        with self._ledger.storage.together():
            self._begin(intent)

    def completed(self, intent: Intent, outcome: Outcome) -> None:
        """Append the completion."""
        fields = {
            "inputs": _data(outcome.inputs),
            "outputs": _data(outcome.outputs),
            "reused": outcome.reused,
            "findings": {name: _tally([one.status for one in found]) for name, found in sorted(outcome.checks.items())},
            "credentials": outcome.credentials,
        }
        self._close("completion", intent, fields)

    def failed(self, intent: Intent, outcome: Outcome) -> None:
        """Append the failure; of a step whose intent could not be appended there is nothing to say."""
        if intent.run.id in self._open:
            error = outcome.error
            reason = f"{type(error).__name__}: {error}" if error is not None else outcome.state
            # A file name that is no UTF-8 may be quoted in it; an entry has Unicode only.
            readable = reason[:_MOST_REASON].encode(errors="replace").decode()
            self._close("failure", intent, {"state": outcome.state, "reason": readable})

    def _begin(self, intent: Intent) -> None:
        close_abandoned(self._ledger, self._signer)
        hold = ExitStack()
        # Held before the intent is there, so that nobody takes it for abandoned.
        hold.enter_context(self._ledger.storage.running(intent.run.id))
        try:
            entry = self._ledger.append("intent", _intent_fields(intent), [self._signer])
            assert entry is not None
            self._entries[intent.run.id] = (LedgerEntry(self._ledger.origin, "intent", entry.index, entry.leaf),)
            head = self._ledger.sign_head(self._signer).encoded()
        except BaseException:
            hold.close()
            raise
        self._open[intent.run.id] = entry.leaf, head, hold

    def _close(self, kind: str, intent: Intent, fields: dict[str, Any]) -> None:
        leaf, head, hold = self._open.pop(intent.run.id)
        ending = {"run": intent.run.id, "step": intent.run.job, "intent": leaf, "checkpoint": head}
        with hold, self._ledger.storage.together():
            entry = self._ledger.append(kind, {**ending, **fields}, [self._signer])
            assert entry is not None
            self._ledger.sign_head(self._signer)
        told = LedgerEntry(self._ledger.origin, kind, entry.index, entry.leaf)
        self._entries[intent.run.id] = (*self._entries[intent.run.id], told)


def close_abandoned(ledger: Ledger, signer: Signer) -> int:
    """Close every intent whose process is gone; how many they were."""
    closed = 0
    for stored in ledger.unfinished():
        intent = read_entry(stored.envelope, f"entry {stored.index}").predicate
        assert isinstance(intent, IntentEntry)
        if ledger.storage.is_running(intent.run):
            continue
        fields = {
            "run": intent.run,
            "step": intent.step,
            "intent": stored.leaf,
            "checkpoint": ledger.sign_head(signer).encoded(),
            "reason": "the process that ran it is gone; closed by a later run",
        }
        # Another run may be at the same work: whoever comes second has nothing to close.
        entry = ledger.append("abandoned", fields, [signer], only_if=_still_open(stored.leaf))
        closed += entry is not None
    return closed


def _still_open(leaf: str) -> Callable[[LedgerRows], bool]:
    return lambda rows: rows.is_open(leaf)


def _intent_fields(intent: Intent) -> dict[str, Any]:
    cycle, parent = intent.cycle, intent.parent
    return {
        "run": intent.run.id,
        "step": intent.run.job,
        "parent": None if parent is None else {"run": parent.id, "job": parent.job},
        "project": intent.project,
        "cycle": None if cycle is None else cycle.key,
        "as_of": None if cycle is None else cycle.as_of.isoformat(),
        "version": intent.version,
        "policy": intent.policy,
        "inputs": _data(intent.inputs),
        "outputs": _data(intent.outputs),
        "description": intent.description,
    }


def _data(artefacts: Iterable[Artefact]) -> list[dict[str, Any]]:
    return [{"name": one.name, "digest": one.digest, "rows": one.rows} for one in artefacts]


def _tally(statuses: list[str]) -> dict[str, int]:
    return {status: statuses.count(status) for status in ("pass", "fail", "insufficient")}
