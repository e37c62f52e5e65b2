from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest

from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.lineage.outbox import EVENTS, batches_of, days, read_events
from anchor_pipeline.record import Artefact, Recorder
from anchor_pipeline_tests.lineage.builds import events_of

WRITER = """
import sys
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.record import Artefact, Recorder
recorder = Recorder(Store(sys.argv[1]), "assistant")
wide = tuple((f"column_{number}_of_{sys.argv[2]}", "string") for number in range(500))
for turn in range(20):
    with recorder.step(f"sources/{sys.argv[2]}", inputs=[Artefact(f"raw/{turn}", columns=wide)]) as step:
        step.output(Artefact(f"sources/{sys.argv[2]}", rows=turn))
"""

KILLED = """
import os, signal, sys
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.record import Recorder
with Recorder(Store(sys.argv[1]), "assistant").step("corpus"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


class FullDisk(LocalFiles):
    """Takes half of every write and then says that the disk is full."""

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        super().write(file, data[: len(data) // 2])
        file.flush()
        raise OSError(28, "No space left on device")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_what_concurrent_writers_record_is_all_there_in_order(store: Store) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(store.root), name]) for name in "abc"]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    events = events_of(store)
    assert len(events) == 3 * 20 * 2
    for name in "abc":
        own = [event for event in events if event["job"]["name"] == f"sources/{name}"]
        assert [event["eventType"] for event in own] == ["START", "COMPLETE"] * 20
        assert [event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] for event in own[1::2]] == [
            *range(20)
        ]
        assert all(event["inputs"][0]["facets"]["schema"]["fields"][499]["name"].endswith(name) for event in own)


def test_a_killed_step_leaves_its_start_and_no_end(store: Store) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(store.root)], timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert [event["eventType"] for event in events_of(store)] == ["START"]


def test_a_full_disk_costs_its_own_events_only_and_is_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with Recorder(store, "assistant").step("corpus"):
        pass
    full = Store(store.root, FullDisk())
    with Recorder(full, "assistant").step("mix/lost") as step:
        step.output(Artefact("mix/lost"))
    with Recorder(store, "assistant").step("mix/kept"):
        pass
    assert [event["job"]["name"] for event in events_of(store)] == ["corpus", "corpus", "mix/kept", "mix/kept"]
    assert "the start of step mix/lost could not be recorded by OpenLineageFile (" in caplog.text
    assert "the completion of step mix/lost could not be recorded" in caplog.text


def test_a_start_is_on_the_disk_before_the_body_runs(store: Store) -> None:
    with Recorder(store, "assistant").step("corpus"):
        [day] = days(store)
        [batch] = batches_of(store, day)
        [line] = store.read(batch.path).splitlines(keepends=True)
        assert line.endswith(b"}\n")
        assert json.loads(line)["eventType"] == "START"
        assert batch.at.date().isoformat() == day


def test_events_keep_their_order_though_the_clock_stands_still_or_is_set_back(store: Store) -> None:
    hours = iter([12, 12, 12, 11, 11, 10])
    recorder = Recorder(store, "assistant", clock=lambda: datetime(2025, 6, 30, next(hours), tzinfo=UTC))
    for name in ("a", "b", "c"):
        with recorder.step(name):
            pass
    told = [(event["job"]["name"], event["eventType"]) for event in events_of(store)]
    assert told == [(name, state) for name in "abc" for state in ("START", "COMPLETE")]
    assert days(store) == ["2025-06-30"]


def test_no_events_yet(store: Store) -> None:
    assert events_of(store) == []


def test_files_that_are_not_ours_are_passed_over(store: Store) -> None:
    with Recorder(store, "assistant").step("corpus"):
        pass
    store.write(f"{EVENTS}/{days(store)[0]}/.notes", b"x")
    store.write(f"{EVENTS}/README", b"x")
    assert len(events_of(store)) == 2


@pytest.mark.parametrize("content", [b"", b"{}\n", b'{"run": {}}\n', b"\xff\n", b'{"run":'])
def test_events_that_cannot_be_read_are_damaged_data(store: Store, content: bytes) -> None:
    with Recorder(store, "assistant").step("corpus"):
        [batch] = batches_of(store, days(store)[0])
        store.write(batch.path, content)
    with pytest.raises(DamagedData, match=batch.path):
        list(read_events(store))


def test_what_is_recorded_does_not_depend_on_the_environment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "elsewhere")
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    with Recorder(store, "assistant").step("corpus"):
        pass
    assert [event["job"]["namespace"] for event in events_of(store)] == ["anchor://assistant"] * 2


def test_openlineage_is_not_imported_before_something_is_recorded() -> None:
    code = "import sys, anchor_pipeline.record; sys.exit('openlineage' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
