"""Whatever a collector does, in whatever order: every event arrives in the end, and each run's events in order."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from types import TracebackType

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.lineage.delivery import deliver
from anchor_pipeline.lineage.outbox import days
from anchor_pipeline.lineage.receipts import DELIVERED, Receipts
from anchor_pipeline.lineage.waiting import WAITING
from anchor_pipeline.record import Artefact, Recorder, Step
from anchor_pipeline_tests.lineage.builds import events_of, finding
from anchor_pipeline_tests.lineage.collectors import Collector, by_run, first_offers, key

MODES = st.sampled_from(["ok", "ok", "500", "503", "429", "401", "400", "drop", "half", "header"])
SOON = 0.0001
NONE: tuple[type[BaseException] | None, BaseException | None, TracebackType | None] = (None, None, None)


class Deliveries(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.store = Store(self._folder.name)
        self.collector = Collector(0)
        os.environ["OPENLINEAGE_URL"] = self.collector.url
        # The clock stands still, so that only the outbox can keep the order.
        self.recorder = Recorder(self.store, "assistant", clock=lambda: datetime.now(UTC).replace(microsecond=0))
        self.running: list[Step] = []
        self.begun = 0

    @rule()
    def a_step_begins(self) -> None:
        self.begun += 1
        self.running.append(self.recorder.step(f"sources/{self.begun}").__enter__())

    @precondition(lambda self: bool(self.running))
    @rule(number=st.integers(0, 10), checked=st.booleans(), fails=st.booleans())
    def a_step_ends(self, number: int, checked: bool, fails: bool) -> None:
        step = self.running.pop(number % len(self.running))
        if checked:
            step.output(Artefact(step.run.job))
            step.findings([finding()], of=step.run.job)
        step.__exit__(*((OSError, OSError("no"), None) if fails else NONE))

    @rule(modes=st.lists(MODES, max_size=8), then=st.sampled_from(["ok", "500", "drop"]), eager=st.booleans())
    def delivery(self, modes: list[str], then: str, eager: bool) -> None:
        ahead = iter(modes)
        self.collector.mode = lambda _: next(ahead, then)
        result = deliver(self.store, deadline=10, pause=SOON, eager=eager)
        assert (result.error is None) == (result.pending == 0)

    @precondition(lambda self: bool(days(self.store)))
    @rule(which=st.sampled_from(["notes", "waiting"]))
    def notes_are_lost(self, which: str) -> None:
        self.store.write(f"{DELIVERED}/{days(self.store)[0]}.json" if which == "notes" else WAITING, b"")

    @invariant()
    def each_run_arrives_in_order(self) -> None:
        arrived = by_run(first_offers([event for _, event, _ in self.collector.offered]))
        recorded = by_run([key(event) for event in events_of(self.store)])
        for run, keys in arrived.items():
            assert keys == recorded[run][: len(keys)]

    def teardown(self) -> None:
        try:
            self.collector.mode = "ok"
            result = deliver(self.store, deadline=30, pause=SOON, eager=True)
            assert (result.pending, result.error) == (0, None)
            self.each_run_arrives_in_order()
            refused = {(note.run, note.type) for note in Receipts(self.store).rejected()}
            taken = {key(event) for event in self.collector.taken}
            lost = [one for one in map(key, events_of(self.store)) if one not in taken and one[:2] not in refused]
            assert lost == []
        finally:
            self.collector.close()
            self._folder.cleanup()
            del os.environ["OPENLINEAGE_URL"]


Deliveries.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestDeliveries = Deliveries.TestCase
