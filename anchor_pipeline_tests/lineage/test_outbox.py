from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.lineage.outbox import EVENTS, read_events
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

    def write(self, file: BinaryIO, data: bytes) -> None:
        super().write(file, data[: len(data) // 2])
        file.flush()
        raise OSError(28, "No space left on device")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_concurrent_writers_do_not_mix_lines(store: Store) -> None:
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


def test_a_full_disk_costs_its_own_line_only(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with Recorder(store, "assistant").step("corpus"):
        pass
    full = Store(store.root, FullDisk())
    with Recorder(full, "assistant").step("mix/lost") as step:
        step.output(Artefact("mix/lost"))
    with Recorder(store, "assistant").step("mix/kept"):
        pass
    read = read_events(store)
    assert [event["job"]["name"] for event in read.events] == ["corpus", "corpus", "mix/kept", "mix/kept"]
    assert len(read.torn) == 2
    assert "the start of step mix/lost could not be recorded by OpenLineageFile (OSError" in caplog.text
    assert "the completion of step mix/lost could not be recorded" in caplog.text


def test_each_line_is_one_document_and_on_the_disk_before_the_body_runs(store: Store) -> None:
    with Recorder(store, "assistant").step("corpus"):
        [line] = store.path(EVENTS).read_bytes().splitlines(keepends=True)
        assert line.endswith(b"}\n")
        assert json.loads(line)["eventType"] == "START"


def test_no_events_yet(store: Store) -> None:
    assert read_events(store).events == ()


def test_events_that_cannot_be_read_are_damaged_data(store: Store) -> None:
    store.path(EVENTS).mkdir(parents=True)
    with pytest.raises(DamagedData, match=r"events\.jsonl"):
        read_events(store)


def test_nothing_is_sent_whatever_the_environment_says(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as collector:
        collector.setblocking(False)
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{collector.getsockname()[1]}")
        monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "elsewhere")
        monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
        with Recorder(store, "assistant").step("corpus"):
            pass
        with pytest.raises(BlockingIOError):
            collector.accept()
    assert [event["job"]["namespace"] for event in events_of(store)] == ["anchor://assistant"] * 2


def test_openlineage_is_not_imported_before_something_is_recorded() -> None:
    code = "import sys, anchor_pipeline.record; sys.exit('openlineage' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
