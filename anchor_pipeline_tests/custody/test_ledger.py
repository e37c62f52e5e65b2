"""What a ledger takes and what it does not: nothing gets in that a verifier would refuse later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.custody.check_ledger import LedgerCheck
from anchor_pipeline.custody.ledger import Entry, Ledger, begin
from anchor_pipeline.custody.merkle import (
    consistency_proof,
    inclusion_proof,
    is_consistent,
    root_at,
    root_from_inclusion,
)
from anchor_pipeline.custody.sqlite_storage import SqliteStorage
from anchor_pipeline.errors import AnchorError, Refused, UsageError
from anchor_pipeline_tests.custody.cases_rules import approval_fields, intent_fields
from anchor_pipeline_tests.custody.forge import ORIGIN, key, run_id

PIPELINE, STEWARD, ROOT = key("pipeline"), key("steward"), key("root")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Begun, with one intent."""
    made = Ledger(SqliteStorage(tmp_path / "ledger.sqlite"), ORIGIN)
    begin(made, ROOT, [PIPELINE.public, STEWARD.public])
    append(made, "intent", intent_fields(), PIPELINE)
    return made


def append(ledger: Ledger, kind: str, fields: dict[str, Any], *signers: Any) -> Entry:
    entry = ledger.append(kind, fields, signers)
    assert entry is not None
    return entry


def leaf(ledger: Ledger, index: int = 1) -> str:
    return next(ledger.entries(index)).leaf


def failure(ledger: Ledger, **changed: Any) -> dict[str, Any]:
    """Fields of a failure of the step that was begun."""
    head = ledger.sign_head(PIPELINE).encoded()
    ending = {"run": run_id(1), "step": "corpus", "intent": leaf(ledger), "checkpoint": head}
    return {**ending, "state": "fail", "reason": "no", **changed}


def assert_sound(ledger: Ledger) -> LedgerCheck:
    check = LedgerCheck(ROOT.public)
    for entry in ledger.entries():
        assert check.take(entry.envelope).leaf.hex() == entry.leaf
    check.check_head(ledger.sign_head(PIPELINE))
    return check


def test_what_is_appended_is_what_a_verifier_takes(ledger: Ledger) -> None:
    append(ledger, "failure", failure(ledger), PIPELINE)
    append(ledger, "approval", approval_fields(), STEWARD)
    added = {"action": "add", "identity": "other", "key": key("other").public.record(), "replaces": None, "reason": ""}
    append(ledger, "key", added, ROOT)
    append(ledger, "intent", {**intent_fields(), "run": run_id(2)}, key("other"))
    append(ledger, "root", {"root": key("root", 1).public.record(), "reason": ""}, ROOT, key("root", 1))
    append(ledger, "authority", {"authority": "a" * 64, "reason": ""}, key("root", 1))
    check = assert_sound(ledger)
    assert check.size == ledger.size() == 8
    assert [entry.index for entry in check.unfinished.values()] == [5] == [one.index for one in ledger.unfinished()]
    assert ledger.keys().in_force() == check.keys.in_force()


def test_heads_cover_all_entries_and_are_signed_once(ledger: Ledger) -> None:
    assert ledger.head() is None
    first = ledger.sign_head(PIPELINE)
    assert first == ledger.sign_head(STEWARD) == ledger.head()
    append(ledger, "approval", approval_fields(), STEWARD)
    second = ledger.sign_head(STEWARD)
    assert (first.size, second.size) == (2, 3)
    with ledger.subtree() as subtree:
        assert root_at(2, subtree) == first.root
        assert is_consistent(2, first.root, 3, second.root, consistency_proof(2, 3, subtree))
        path = inclusion_proof(1, 3, subtree)
        assert root_from_inclusion(1, 3, bytes.fromhex(leaf(ledger)), path) == second.root


def test_a_clock_that_was_set_back_dates_nothing_back(tmp_path: Path) -> None:
    now = [datetime(2026, 11, 20, 12, tzinfo=UTC)]
    made = Ledger(SqliteStorage(tmp_path / "ledger.sqlite"), ORIGIN, clock=lambda: now[0])
    begin(made, ROOT, [PIPELINE.public])
    now[0] -= timedelta(days=1)
    append(made, "intent", intent_fields(), PIPELINE)
    assert_sound(made)


Change = Callable[[Ledger], tuple[str, dict[str, Any], Sequence[Any]]]
WRONG: dict[str, tuple[type[AnchorError], Change]] = {
    "a second genesis": (Refused, lambda ledger: ("genesis", {}, [ROOT])),
    "a stranger": (Refused, lambda ledger: ("intent", intent_fields(), [key("pipeline", 7)])),
    "the root, of an intent": (UsageError, lambda ledger: ("intent", intent_fields(), [ROOT])),
    "the pipeline, of a key": (
        UsageError,
        lambda ledger: ("authority", {"authority": None, "reason": ""}, [PIPELINE]),
    ),
    "the pipeline, of an approval": (UsageError, lambda ledger: ("approval", approval_fields(), [PIPELINE])),
    "two signers": (UsageError, lambda ledger: ("intent", intent_fields(), [PIPELINE, STEWARD])),
    "a root change by one": (
        UsageError,
        lambda ledger: ("root", {"root": key("root", 1).public.record(), "reason": ""}, [ROOT]),
    ),
    "a root change by another": (
        UsageError,
        lambda ledger: ("root", {"root": key("root", 1).public.record(), "reason": ""}, [ROOT, key("root", 2)]),
    ),
    "an end of nothing": (UsageError, lambda ledger: ("failure", failure(ledger, intent="0" * 64), [PIPELINE])),
    "an end of the genesis": (
        UsageError,
        lambda ledger: ("failure", failure(ledger, intent=leaf(ledger, 0)), [PIPELINE]),
    ),
    "an end of another run": (UsageError, lambda ledger: ("failure", failure(ledger, run=run_id(2)), [PIPELINE])),
    "an end of another step": (UsageError, lambda ledger: ("failure", failure(ledger, step="plan"), [PIPELINE])),
    "an end by another": (UsageError, lambda ledger: ("failure", failure(ledger), [STEWARD])),
    "an end without a head": (UsageError, lambda ledger: ("failure", failure(ledger, checkpoint="no"), [PIPELINE])),
    "an end with a foreign head": (
        UsageError,
        lambda ledger: (
            "failure",
            failure(ledger, checkpoint=failure(ledger)["checkpoint"].replace("\n2\n", "\n3\n")),
            [PIPELINE],
        ),
    ),
    "a shape of another kind": (UsageError, lambda ledger: ("intent", approval_fields(), [PIPELINE])),
    "an integer too large": (
        UsageError,
        lambda ledger: (
            "intent",
            {**intent_fields(), "inputs": [{"name": "a", "digest": None, "rows": 2**53}]},
            [PIPELINE],
        ),
    ),
    "half a character": (UsageError, lambda ledger: ("intent", {**intent_fields(), "version": "\ud800"}, [PIPELINE])),
    "too much": (UsageError, lambda ledger: ("intent", {**intent_fields(), "version": "a" * 70_000}, [PIPELINE])),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_no_verifier_would_accept_does_not_get_in(ledger: Ledger, what: str) -> None:
    error, change = WRONG[what]
    kind, fields, signers = change(ledger)
    before = ledger.size()
    with pytest.raises(error):
        ledger.append(kind, fields, signers)
    assert ledger.size() == before
    assert_sound(ledger)


def test_a_step_ends_once(ledger: Ledger) -> None:
    fields = failure(ledger)
    append(ledger, "abandoned", {name: fields[name] for name in fields if name != "state"}, STEWARD)
    with pytest.raises(Refused, match="is closed in the ledger already"):
        ledger.append("failure", fields, [PIPELINE])
    assert assert_sound(ledger).unfinished == {}


def test_a_head_of_before_the_intent_does_not_cover_it(ledger: Ledger) -> None:
    early = ledger.sign_head(PIPELINE).encoded()
    begun = append(ledger, "intent", {**intent_fields(), "run": run_id(2)}, PIPELINE)
    with pytest.raises(UsageError, match="a head of this ledger that covers its intent"):
        ledger.append("failure", failure(ledger, run=run_id(2), intent=begun.leaf, checkpoint=early), [PIPELINE])


def test_only_keys_in_force_sign_a_head(ledger: Ledger) -> None:
    with pytest.raises(Refused, match="not in force"):
        ledger.sign_head(key("pipeline", 7))
    revoked = {
        "action": "revoke",
        "identity": "pipeline",
        "key": None,
        "replaces": PIPELINE.public.id,
        "reason": "lost",
    }
    append(ledger, "key", revoked, ROOT)
    with pytest.raises(Refused, match="not in force"):
        ledger.sign_head(PIPELINE)
    with pytest.raises(Refused, match="not in force"):
        ledger.append("intent", intent_fields(), [PIPELINE])
    assert ledger.sign_head(STEWARD).size == 3


def test_a_ledger_that_has_not_begun(tmp_path: Path) -> None:
    made = Ledger(SqliteStorage(tmp_path / "ledger.sqlite"), ORIGIN)
    assert (made.size(), made.head(), list(made.entries()), made.unfinished()) == (0, None, [], [])
    assert not (tmp_path / "ledger.sqlite").exists()
    for attempt in (lambda: made.sign_head(PIPELINE), lambda: made.append("intent", intent_fields(), [PIPELINE])):
        with pytest.raises(Refused, match="anchor keys init"):
            attempt()
    with pytest.raises(UsageError, match="begun by the identity root"):
        begin(made, PIPELINE, [])
    with pytest.raises(UsageError, match="cannot name a ledger"):
        Ledger(made.storage, "two words")


def test_two_ledgers_lie_in_one_storage(ledger: Ledger) -> None:
    other = Ledger(ledger.storage, f"{ORIGIN}/2")
    begin(other, key("root", 1), [PIPELINE.public])
    assert (ledger.size(), other.size()) == (2, 1)
    with pytest.raises(UsageError, match="never began in this ledger"):
        other.append("failure", failure(ledger), [PIPELINE])
    assert_sound(ledger)


def test_only_if_is_asked_within_the_lock(ledger: Ledger) -> None:
    assert ledger.append("approval", approval_fields(), [STEWARD], only_if=lambda rows: rows.size() == 3) is None
    assert ledger.append("approval", approval_fields(), [STEWARD], only_if=lambda rows: rows.size() == 2) is not None
