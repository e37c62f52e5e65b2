"""The whole way: recalled, refused, built again without, and otherwise the same, whatever is lost or comes between."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from anchor_pipeline import steps
from anchor_pipeline.corpus.corpus import SourceCounts
from anchor_pipeline.corpus.recall_files import Kept, RecallFiles
from anchor_pipeline.corpus.recalls import Action, RecallRecord, Target
from anchor_pipeline.custody.release_files import NOTICE
from anchor_pipeline.errors import Refused, UsageError
from anchor_pipeline.graph.graph import open_graph
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.release import Release, current_release
from anchor_pipeline.project import load_project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.recall import guard
from anchor_pipeline.recall.carry_out import keep_receipts, lift_it, record_it
from anchor_pipeline.recall.plan import make_plan, record_of
from anchor_pipeline.recall.settle import settled
from anchor_pipeline_tests.projects import PROJECT, small_project
from anchor_pipeline_tests.test_steps import release

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def place_of(folder: Path) -> steps.Workplace:
    return steps.Workplace(load_project(folder))


def files_of(folder: Path) -> RecallFiles:
    place = place_of(folder)
    return RecallFiles(place.store, place.project.root)


def recall(folder: Path, by: str, value: str, action: Action = "recall", weight: str | None = None) -> RecallRecord:
    place = place_of(folder)
    with open_graph(place.store) as graph:
        target = Target.model_validate({"by": by, "value": value})
        plan = make_plan(graph, place.store, target, "consent withdrawn", action, weight)
    record, packed = record_of(plan, place.project.project, "steward", NOW)
    record_it(place.store, files_of(folder), record, packed)
    return record


def ids(found: Release) -> list[str]:
    return [row["doc_id"] for row in open_mix(found.path).rows()]


def without(folder: Path, gone: set[str]) -> None:
    """The same project whose raw files never had these documents."""
    small_project(folder)
    for path in (folder / "raw").iterdir():
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        kept = [line for line in lines if f"{path.stem}/{line['id']}" not in gone]
        path.write_text("".join(json.dumps(line) + "\n" for line in kept))


def test_the_rebuilt_mix_is_that_of_a_project_that_never_had_the_documents(tmp_path: Path) -> None:
    small_project(tmp_path / "one")
    first = release(tmp_path / "one")
    gone = set(ids(first)[:7:3])
    for doc_id in sorted(gone):
        recall(tmp_path / "one", "document", doc_id)
    with pytest.raises(Refused, match="no later revision"):
        open_mix(first.path)
    second = release(tmp_path / "one")
    assert (second.revision, second.manifest.replaces is not None) == (2, True)
    without(tmp_path / "other", gone)
    expected = release(tmp_path / "other")
    assert second.manifest.parts == expected.manifest.parts
    assert not gone & set(ids(second))
    assert second.manifest.digests.policy == first.manifest.digests.policy
    assert release(tmp_path / "one").reused
    for one in settled(place_of(tmp_path / "one").store, files_of(tmp_path / "one")):
        (replaced,) = one.replaced
        assert replaced is not None
        before, after = set(ids_of_parts(first)), set(ids(second))
        assert replaced.kept == len(before & after)
        assert (replaced.recalled + replaced.removed, replaced.added) == (len(before - after), len(after - before))
        assert (replaced.revision, replaced.policy_changed) == (2, False)


def ids_of_parts(found: Release) -> list[str]:
    return [row["doc_id"] for row in open_mix(found.path, allow_recalled=True).rows()]


def test_a_recall_that_touches_nothing_here_leaves_everything_as_it_was(tmp_path: Path) -> None:
    small_project(tmp_path)
    first = release(tmp_path)
    out = next(f"gazette/gaz{number}" for number in range(60) if f"gazette/gaz{number}" not in set(ids(first)))
    recall(tmp_path, "source", "not_of_this_project")
    assert release(tmp_path).reused
    # One that waits in the corpus, and is in no mix: the corpus is another one, the mix holds the same documents.
    record = recall(tmp_path, "document", out)
    assert record.releases == ()
    second = release(tmp_path)
    assert ids(second) == ids(first)
    assert len(open_mix(first.path)) == len(open_mix(second.path))


def test_a_source_a_licence_and_a_generator(tmp_path: Path) -> None:
    for by, value, source in (
        ("source", "gazette", "gazette"),
        ("licence", "MIT", "gazette"),
        ("generator", "scribe", "drafts"),
    ):
        folder = tmp_path / by
        small_project(folder, PROJECT.replace("tokens: 2k", "tokens: 500"))
        first = release(folder)
        assert any(doc_id.startswith(source) for doc_id in ids(first))
        record = recall(folder, by, value)
        assert [(one.cycle, one.revision) for one in record.releases] == [("2020", 1)]
        second = release(folder)
        assert not any(doc_id.startswith(source) for doc_id in ids(second))


def test_quarantine_holds_from_the_next_build_and_recalls_nothing(tmp_path: Path) -> None:
    small_project(tmp_path)
    first = release(tmp_path)
    record = recall(tmp_path, "generator", "scribe@1", "weight", "0.5")
    assert len(open_mix(first.path)) == first.manifest.rows
    second = release(tmp_path)
    assert 15 < drafts(tmp_path).quarantined["down_weighted"] < 45
    assert drafts(tmp_path).balance == 0
    recall(tmp_path, "generator", "scribe", "quarantine")
    third = release(tmp_path)
    assert drafts(tmp_path).quarantined == {"quarantined_lineage": 60}
    assert not any(doc_id.startswith("drafts") for doc_id in ids(third))
    assert (second.revision, third.revision, record.weight) == (2, 3, "0.5")
    assert len(open_mix(first.path)) == first.manifest.rows


def drafts(folder: Path) -> SourceCounts:
    return steps.current_corpus(place_of(folder), cycle_of(folder)).sources["drafts"]


def cycle_of(folder: Path) -> Cycle:
    return place_of(folder).project.calendar.at("2020")


def test_a_lift_brings_the_documents_back(tmp_path: Path) -> None:
    small_project(tmp_path)
    first = release(tmp_path)
    record = recall(tmp_path, "document", ids(first)[0])
    release(tmp_path)
    files, place = files_of(tmp_path), place_of(tmp_path)
    lift_it(place.store, files, Kept(record, None), "was a mistake", "steward", NOW)
    assert not (first.path / NOTICE).exists()
    assert len(open_mix(first.path)) == first.manifest.rows
    assert release(tmp_path).manifest.parts == first.manifest.parts
    with pytest.raises(UsageError, match="was lifted at"):
        lift_it(place.store, files, files.all()[0], "again", "steward", NOW)


def test_a_store_restored_from_a_backup_still_refuses_and_still_leaves_out(tmp_path: Path) -> None:
    small_project(tmp_path)
    first = release(tmp_path)
    gone = ids(first)[0]
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    record = recall(tmp_path, "document", gone)
    second = release(tmp_path)
    expected = second.manifest
    shutil.rmtree(tmp_path / "store")
    shutil.copytree(tmp_path / "backup", tmp_path / "store")
    again = release(tmp_path)
    assert again.manifest == expected
    assert place_of(tmp_path).store.exists(f"recalls/{record.id}.json"), "put back by the build"
    with pytest.raises(Refused, match=record.id):
        open_mix(first.path)
    (state,) = settled(place_of(tmp_path).store, files_of(tmp_path))
    assert state.notices == ("mix/lawful/2020/0001",)
    assert (first.path / NOTICE).exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from anchor_pipeline.recall import settle
settle._write_notices = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from anchor_pipeline_tests.recall.test_rebuild import recall
recall(Path(sys.argv[1]), "document", sys.argv[2])
"""


def test_killed_between_the_record_and_the_notices_it_holds_all_the_same(tmp_path: Path) -> None:
    small_project(tmp_path)
    first = release(tmp_path)
    gone = ids(first)[0]
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), gone], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (first.path / NOTICE).exists()
    with pytest.raises(Refused, match="consent withdrawn"):
        open_mix(first.path)
    (state,) = settled(place_of(tmp_path).store, files_of(tmp_path))
    assert state.notices == ("mix/lawful/2020/0001",)
    assert gone not in ids(release(tmp_path))


def test_a_selection_made_before_the_recall_is_not_released(tmp_path: Path) -> None:
    small_project(tmp_path)
    place, cycle = place_of(tmp_path), cycle_of(tmp_path)
    steps.plan_all(place, ["lawful"], cycle)
    table = pq.read_table(place.store.path("selection/lawful/2020/selection.parquet"))
    recall(tmp_path, "document", table.column("doc_id")[0].as_py())
    with pytest.raises(Refused, match="was selected before recall"):
        steps.release(place, "lawful", cycle)
    assert current_release(place.store, "lawful", "2020") is None
    steps.plan_all(place, ["lawful"], cycle)
    assert steps.release(place, "lawful", cycle).revision == 1


def test_a_recall_that_comes_while_a_mix_is_written_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_project(tmp_path)
    place, cycle = place_of(tmp_path), cycle_of(tmp_path)
    steps.plan_all(place, ["lawful"], cycle)
    table = pq.read_table(place.store.path("selection/lawful/2020/selection.parquet"))
    gone = table.column("doc_id")[0].as_py()
    before: Callable[[guard.Guard], None] = guard.Guard.before

    def then_recalled(self: guard.Guard) -> None:
        before(self)
        assert recall(tmp_path, "document", gone).releases == (), "there is none to be named yet"

    monkeypatch.setattr(guard.Guard, "before", then_recalled)
    with pytest.raises(Refused, match="while it was released recall"):
        steps.release(place, "lawful", cycle)
    monkeypatch.undo()
    found = current_release(place.store, "lawful", "2020")
    assert found is not None
    with pytest.raises(Refused, match="was recalled"):
        open_mix(found.path)
    (found.path / NOTICE).unlink()
    states = settled(place.store, files_of(tmp_path))
    keep_receipts(files_of(tmp_path), states, lambda _: None)
    (found.path / NOTICE).unlink()
    with pytest.raises(Refused, match="was recalled"):
        open_mix(found.path)
    assert gone not in ids(release(tmp_path))


@pytest.mark.slow
def test_recalls_and_builds_at_the_same_time_never_leave_a_mix_that_may_be_read(tmp_path: Path) -> None:
    small_project(tmp_path)
    victims = ids(release(tmp_path))[::9]
    stop = threading.Event()

    def build() -> None:
        while not stop.is_set():
            try:
                release(tmp_path)
            except Exception:
                time.sleep(0.01)

    builder = threading.Thread(target=build)
    builder.start()
    for number, doc_id in enumerate(victims):
        recall(tmp_path, "document", doc_id)
        for path in sorted((tmp_path / "store/mix/lawful/2020").iterdir()):
            try:
                held = {row["doc_id"] for row in open_mix(path).rows()}
            except Refused:
                continue
            assert not held & set(victims[: number + 1]), path
    stop.set()
    builder.join()
    settled(place_of(tmp_path).store, files_of(tmp_path))
    assert not set(victims) & set(ids(release(tmp_path)))
