"""Two runs of one cycle at once: the same content is one release; of two contents one wins, and the other says so."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from anchor_pipeline import steps
from anchor_pipeline.errors import AnchorError
from anchor_pipeline.mix import write
from anchor_pipeline.mix.commit import commit_release
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.release import Release
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.projects import rows, small_project, write_rows

CYCLE = "2020"


def place_at(folder: Path) -> steps.Workplace:
    return steps.Workplace(load_project(folder))


def release(folder: Path) -> Release:
    place = place_at(folder)
    cycle = place.project.calendar.at(CYCLE)
    steps.plan_all(place, ["lawful"], cycle)
    return steps.release(place, "lawful", cycle)


class Meeting:
    """Two releases that both come to the commit before either commits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.barrier = threading.Barrier(2, timeout=120)

        def waiting(*given: object) -> Release:
            self.barrier.wait()
            return commit_release(*given)  # type: ignore[arg-type]

        self.monkeypatch = monkeypatch
        monkeypatch.setattr(write, "commit_release", waiting)

    def of(self, *runs: Callable[[], Release]) -> list[Release | AnchorError]:
        """What came of each."""
        found: list[Release | AnchorError] = []

        def noting(one: Callable[[], Release]) -> None:
            try:
                found.append(one())
            except AnchorError as error:
                found.append(error)

        threads = [threading.Thread(target=noting, args=(one,)) for one in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # Whoever releases from here on meets nobody.
        self.monkeypatch.setattr(write, "commit_release", commit_release)
        return found


def test_the_same_content_is_released_once_and_both_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_project(tmp_path)
    place = place_at(tmp_path)
    cycle = place.project.calendar.at(CYCLE)
    steps.plan_all(place, ["lawful"], cycle)
    both = Meeting(monkeypatch).of(*[lambda: steps.release(place_at(tmp_path), "lawful", cycle)] * 2)
    digests = {one.digest for one in both if isinstance(one, Release)}
    assert len(digests) == 1
    assert sorted(one.reused for one in both if isinstance(one, Release)) == [False, True]
    assert [path.name for path in (tmp_path / "store/mix/lawful/2020").iterdir()] == ["0001"]


def test_of_two_contents_one_wins_and_the_other_fails_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_project(tmp_path)
    place = place_at(tmp_path)
    cycle = place.project.calendar.at(CYCLE)
    steps.plan_all(place, ["lawful"], cycle)
    meeting = Meeting(monkeypatch)
    arrived = threading.Event()

    def first() -> Release:
        return steps.release(place_at(tmp_path), "lawful", cycle)

    def second() -> Release:
        # Sources are corrected while the first run is about to commit.
        arrived.wait(120)
        write_rows(tmp_path / "raw/gazette.jsonl", rows("corrected", 60, 5))
        return release(tmp_path)

    written = write._write_content

    def content(*given: object) -> object:
        found = written(*given)  # type: ignore[arg-type]
        arrived.set()
        return found

    monkeypatch.setattr(write, "_write_content", content)
    both = meeting.of(first, second)
    (won,) = [one for one in both if isinstance(one, Release)]
    (lost,) = [one for one in both if isinstance(one, AnchorError)]
    assert "another run released revision 1" in str(lost)
    assert "released nothing, build again" in str(lost)
    current = open_mix(tmp_path / "store/mix/lawful/2020")
    assert current.manifest.digest == won.digest
    assert [one for one in verify_mix(current.path) if not one.ok] == []
    again = release(tmp_path)
    assert any("corrected" in row["doc_id"] for row in open_mix(again.location).rows())
    assert not list((tmp_path / "store/tmp").iterdir())


def commands(folder: Path, number: int) -> list[tuple[int, str]]:
    """So many `anchor build` at once; gives their exit codes and what they say."""
    command = [sys.executable, "-m", "anchor_pipeline", "build", str(folder), "--cycle", CYCLE, "--stage", "lawful"]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=os.environ) for _ in range(number)]
    ended = [process.communicate() for process in running]
    return [(process.returncode, out + err) for process, (out, err) in zip(running, ended, strict=True)]


@pytest.mark.slow
def test_two_commands_at_once_on_a_new_store_both_succeed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same sources, same snapshots, same Data Docs, the same Dagster instance, none of which is there yet."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    small_project(tmp_path / "both")
    small_project(tmp_path / "alone")
    for code, said in commands(tmp_path / "both", 2):
        assert code == 0, said
        assert "Traceback" not in said
    assert [path.name for path in (tmp_path / "both/store/mix/lawful/2020").iterdir()] == ["0001"]
    expected = release(tmp_path / "alone")
    assert open_mix(tmp_path / "both/store/mix/lawful/2020").manifest.digest == expected.digest
    index = (tmp_path / "both/store/data_docs/index.html").read_text()
    assert all(f"{name}.html" in index for name in ("logbooks", "gazette", "drafts"))


@pytest.mark.marathon
def test_commands_at_once_while_sources_are_corrected_leave_whole_releases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    small_project(tmp_path)
    release(tmp_path)
    for turn in range(3):
        write_rows(tmp_path / "raw/gazette.jsonl", rows(f"turn{turn}", 60, turn))
        correction = threading.Timer(
            2.0, write_rows, (tmp_path / "raw/gazette.jsonl", rows(f"correction{turn}", 60, turn))
        )
        correction.start()
        ended = commands(tmp_path, 3)
        correction.join()
        for code, said in ended:
            assert code in (0, 1, 3), said
            assert "Traceback" not in said
        for path in (tmp_path / "store/mix/lawful/2020").iterdir():
            assert [one for one in verify_mix(path) if not one.ok] == []
    final = release(tmp_path)
    assert any("correction2" in row["doc_id"] for row in open_mix(final.location).rows())
