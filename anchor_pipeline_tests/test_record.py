from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError, Refused
from anchor_pipeline.record import Artefact, Intent, Outcome, Recorder, RunRef
from anchor_pipeline_tests.lineage.builds import finding


class Witness:
    """Notes what it hears; raises what it is told to at one of the three moments."""

    def __init__(
        self, heard: list[str], name: str, *, required: bool = False, breaks: dict[str, BaseException] | None = None
    ) -> None:
        self.required = required
        self.outcomes: list[Outcome] = []
        self.intents: list[Intent] = []
        self._heard = heard
        self._name = name
        self._breaks = breaks or {}

    def opened(self, intent: Intent) -> None:
        self.intents.append(intent)
        self._hear("opened")

    def completed(self, intent: Intent, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._hear(f"completed {outcome.state}")

    def failed(self, intent: Intent, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._hear(f"failed {outcome.state}")

    def _hear(self, what: str) -> None:
        self._heard.append(f"{self._name} {what}")
        error = self._breaks.get(what.split()[0])
        if error is not None:
            raise error


@pytest.fixture
def heard() -> list[str]:
    return []


@pytest.fixture
def recorder(tmp_path: Path, heard: list[str]) -> Callable[..., Recorder]:
    def make(*observers: Witness) -> Recorder:
        return Recorder(Store(tmp_path), "assistant", observers)

    return make


Make = Callable[..., Recorder]


def test_intent_then_body_then_outcome_required_observers_first(recorder: Make, heard: list[str]) -> None:
    lineage, ledger = Witness(heard, "lineage"), Witness(heard, "ledger", required=True)
    with recorder(lineage, ledger).step("corpus"):
        heard.append("body")
    assert heard == [
        *("ledger opened", "lineage opened"),
        "body",
        *("ledger completed complete", "lineage completed complete"),
    ]


def test_the_outcome_holds_all_that_was_told(recorder: Make, heard: list[str]) -> None:
    witness = Witness(heard, "w")
    known, found = Artefact("sources/a"), Artefact("sources/b")
    with recorder(witness).step("selection/pretrain", inputs=[known], outputs=[Artefact("selection/pretrain")]) as step:
        step.input(found)
        step.input(Artefact("sources/a", digest="1"))
        step.output(Artefact("selection/pretrain", digest="2"))
        step.findings([finding()])
        step.findings([finding("drift")], of="sources/a")
        step.findings([finding("synthetic_share")])
        step.reused()
    [intent], [outcome] = witness.intents, witness.outcomes
    assert intent.inputs == (known,)
    assert intent.outputs == (Artefact("selection/pretrain"),)
    assert outcome.inputs == (Artefact("sources/a", digest="1"), found)
    assert outcome.outputs == (Artefact("selection/pretrain", digest="2"),)
    assert {of: [f.rule for f in findings] for of, findings in outcome.checks.items()} == {
        "selection/pretrain": ["anchor_share", "synthetic_share"],
        "sources/a": ["drift"],
    }
    assert outcome.reused


def test_findings_in_the_mix_step_are_those_of_the_selection_it_reads(recorder: Make, heard: list[str]) -> None:
    witness = Witness(heard, "w")
    with recorder(witness).step("mix/pretrain", inputs=[Artefact("selection/pretrain")]) as step:
        step.findings([finding()])
    assert list(witness.outcomes[0].checks) == ["selection/pretrain"]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ValueError("bad"), "fail"),
        (Refused("a rule does not hold"), "fail"),
        (KeyboardInterrupt(), "abort"),
        (SystemExit(3), "abort"),
        (StopIteration(), "fail"),
    ],
)
def test_an_error_passes_through_unchanged(recorder: Make, heard: list[str], error: BaseException, state: str) -> None:
    witness = Witness(heard, "w")
    made = Artefact("corpus")

    def body() -> None:
        with recorder(witness).step("corpus") as step:
            step.output(made)
            raise error

    with pytest.raises(type(error)) as caught:
        body()
    assert caught.value is error
    assert error.__cause__ is None
    assert heard == ["w opened", f"w failed {state}"]
    assert witness.outcomes[0].error is error
    assert witness.outcomes[0].outputs == (made,)


def test_a_step_does_not_run_unless_a_required_observer_took_down_its_intent(recorder: Make, heard: list[str]) -> None:
    first = Witness(heard, "first", required=True)
    ledger = Witness(heard, "ledger", required=True, breaks={"opened": OSError("disk is full")})
    lineage = Witness(heard, "lineage")
    with (
        pytest.raises(AnchorError, match=r"step corpus was not run: its intent .* Witness \(disk is full\)") as caught,
        recorder(lineage, first, ledger).step("corpus"),
    ):
        heard.append("body")
    assert isinstance(caught.value.__cause__, OSError)
    assert heard == ["first opened", "ledger opened", "first failed fail"]


def test_a_completion_that_a_required_observer_cannot_take_down_does_not_count(
    recorder: Make, heard: list[str]
) -> None:
    ledger = Witness(heard, "ledger", required=True, breaks={"completed": OSError("disk is full")})
    lineage = Witness(heard, "lineage")
    with (
        pytest.raises(AnchorError, match="step corpus does not count: its completion could not be recorded"),
        recorder(lineage, ledger).step("corpus"),
    ):
        heard.append("body")
    assert heard[-3:] == ["body", "ledger completed complete", "lineage failed fail"]


@pytest.mark.parametrize("moment", ["opened", "completed"])
def test_another_broken_observer_is_said_and_stops_nothing(
    recorder: Make, heard: list[str], moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Witness(heard, "broken", breaks={moment: RuntimeError("collector on fire")})
    with recorder(broken, Witness(heard, "w")).step("corpus"):
        heard.append("body")
    assert heard == ["broken opened", "w opened", "body", "broken completed complete", "w completed complete"]
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert "step corpus could not be recorded by Witness (RuntimeError: collector on fire)" in record.getMessage()


def test_an_observer_that_breaks_on_a_failure_does_not_hide_it(
    recorder: Make, heard: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Witness(heard, "ledger", required=True, breaks={"failed": RuntimeError("ledger gone")})
    with pytest.raises(ValueError, match="bad"), recorder(ledger, Witness(heard, "w")).step("corpus"):
        raise ValueError("bad")
    assert heard[-2:] == ["ledger failed fail", "w failed fail"]
    assert "the failure of step corpus could not be recorded by Witness (RuntimeError: ledger gone)" in caplog.text


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("opened", ["a opened", "b opened", "a failed abort", "b failed abort"]),
        (
            "completed",
            [
                "a opened",
                "b opened",
                "c opened",
                "body",
                "a completed complete",
                "b completed complete",
                "c failed abort",
            ],
        ),
    ],
)
def test_an_interrupt_while_recording_leaves_nobody_waiting(
    recorder: Make, heard: list[str], moment: str, expected: list[str]
) -> None:
    interrupt = KeyboardInterrupt()
    b = Witness(heard, "b", breaks={moment: interrupt})
    with pytest.raises(KeyboardInterrupt) as caught, recorder(Witness(heard, "a"), b, Witness(heard, "c")).step("x"):
        heard.append("body")
    assert caught.value is interrupt
    assert heard == expected


def test_data_told_outside_the_block_is_refused_not_lost(recorder: Make) -> None:
    step = recorder().step("corpus")
    with pytest.raises(RuntimeError, match="step corpus does not run"):
        step.input(Artefact("sources/a"))
    with step:
        pass
    with pytest.raises(RuntimeError, match="inside its `with` block"):
        step.output(Artefact("corpus"))
    with pytest.raises(RuntimeError, match="entered before"), step:
        pass


def test_a_clock_set_back_does_not_end_a_step_before_it_began(tmp_path: Path, heard: list[str]) -> None:
    start = datetime(2021, 7, 1, tzinfo=UTC)
    times = iter([start, start - timedelta(hours=1)])
    witness = Witness(heard, "w")
    with Recorder(Store(tmp_path), "assistant", [witness], clock=lambda: next(times)).step("corpus"):
        pass
    assert witness.outcomes[0].at == start


def test_run_ids_sort_by_time_and_differ(tmp_path: Path) -> None:
    start = datetime(2021, 7, 1, tzinfo=UTC)
    times = iter(start + timedelta(milliseconds=number // 2) for number in range(100))
    recorder = Recorder(Store(tmp_path), "assistant", [], clock=lambda: next(times))
    ids = [recorder.step("corpus").run.id for _ in range(100)]
    assert [id[:13] for id in ids] == sorted(id[:13] for id in ids)
    assert len(set(ids)) == 100


def test_a_parent_has_to_be_a_uuid() -> None:
    with pytest.raises(ValueError, match="the id of run 'nightly' has to be a UUID, not '17'"):
        RunRef("17", "nightly", "dagster")
