"""Erasure: the content of recalled documents leaves the store, nothing else does, and everything goes on as before."""

from __future__ import annotations

import gzip
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anchor_pipeline import steps
from anchor_pipeline.corpus.document import CONTENT_COLUMNS
from anchor_pipeline.corpus.erasures import Erasure
from anchor_pipeline.corpus.recalls import RecallRecord
from anchor_pipeline.corpus.remote_store import RemoteStore
from anchor_pipeline.corpus.snapshot import read_snapshot
from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.custody.custodian import custodian_of
from anchor_pipeline.errors import Refused, UsageError
from anchor_pipeline.graph.database import file_of
from anchor_pipeline.graph.graph import open_graph
from anchor_pipeline.lineage.validation.files import validate_files
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.project import load_project
from anchor_pipeline.recall.carry_out import lift_it
from anchor_pipeline.recall.erase import erase, erased
from anchor_pipeline.recall.erase_find import to_erase
from anchor_pipeline.recall.settle import settled
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.object_store import Bucket
from anchor_pipeline_tests.projects import PROJECT, small_project
from anchor_pipeline_tests.recall.test_rebuild import cycle_of, files_of, ids, place_of, recall
from anchor_pipeline_tests.test_object_storage import on_s3
from anchor_pipeline_tests.test_object_storage import release as release_on_s3
from anchor_pipeline_tests.test_steps import release

MARK = "Zanzibarquux ate the marker."
NOW = datetime(2026, 3, 4, tzinfo=UTC)


def marked(folder: Path, declaration: str = PROJECT, every: int = 4, source: str = "gazette") -> Path:
    """The small project; every fourth text of a source begins with the marker."""
    small_project(folder, declaration)
    path = folder / f"raw/{source}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        if number % every == 0:
            row["text"] = f"{MARK} {row['text']}"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def carry_out(folder: Path, record: RecallRecord) -> Erasure:
    files = files_of(folder)
    kept = next(one for one in files.all() if one.record.id == record.id)
    return erase(place_of(folder).store, files, kept, "steward", NOW, None)


def holds(path: Path, mark: str = MARK) -> bool:
    """Whether a file has the text, packed or not, in values or in the footer of a Parquet file."""
    data = path.read_bytes()
    if path.suffix == ".parquet":
        table = pq.read_table(path, partitioning=None)
        return mark.encode() in data or any(mark in str(value) for one in table.columns for value in one.to_pylist())
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    return mark.encode() in data


def holding(folder: Path, mark: str = MARK) -> list[str]:
    return [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file() and holds(path, mark)]


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.ParquetFile(path).read().to_pylist()
    return rows


def skeleton(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in CONTENT_COLUMNS} for row in rows]


def shards(folder: Path) -> Iterator[Path]:
    yield from sorted((folder / "store/shards").rglob("*.parquet"))


def test_the_content_is_gone_the_skeleton_stays_and_selections_are_what_they_were(tmp_path: Path) -> None:
    marked(tmp_path)
    first = release(tmp_path)
    record = recall(tmp_path, "source", "gazette")
    place = place_of(tmp_path)
    second = release(tmp_path)
    corpus = steps.current_corpus(place, cycle_of(tmp_path))
    before = {path.stem: rows_of(path) for path in shards(tmp_path)}
    parts = rows_of(first.path / first.manifest.parts[0].path)
    assert len(holding(tmp_path / "store")) == 2, "the shard, the release"
    done = carry_out(tmp_path, record)
    assert holding(tmp_path / "store") == []
    (moved,) = done.shards
    assert (moved.source, moved.rows, done.done) == ("gazette", 60, True)
    after = {path.stem: rows_of(path) for path in shards(tmp_path)}
    assert after.keys() == before.keys() - {moved.old} | {moved.new}
    assert skeleton(after[moved.new]) == skeleton(before[moved.old])
    assert {row["text"] for row in after[moved.new]} == {None}
    assert skeleton(rows_of(first.path / first.manifest.parts[0].path)) == skeleton(parts)
    kept = [row for row in rows_of(first.path / first.manifest.parts[0].path) if row["text"] is not None]
    assert kept == [row for row in parts if row["source"] != "gazette"]
    assert [(one.file, one.rows) for one in done.raw] == [("gazette.jsonl", "1-60")]
    again = release(tmp_path)
    assert (again.digest, again.reused) == (second.digest, True)
    assert steps.current_corpus(place, cycle_of(tmp_path)).digest == corpus.digest
    assert open_mix(again.path).manifest == second.manifest
    assert holding(tmp_path / "store") == []


def test_one_document_goes_and_all_others_of_its_shard_stay(tmp_path: Path) -> None:
    marked(tmp_path, every=40, source="logbooks")
    release(tmp_path)
    record = recall(tmp_path, "document", "logbooks/log0")
    done = carry_out(tmp_path, record)
    assert (done.rows, [one.rows for one in done.raw]) == (1, ["1"])
    assert holding(tmp_path / "store") == []
    (new,) = (rows_of(path) for path in shards(tmp_path) if path.stem == done.shards[0].new)
    assert [row["doc_id"] for row in new if row["text"] is None] == ["logbooks/log0"]
    second = release(tmp_path)
    assert len(open_mix(second.path)) == second.manifest.rows
    assert "logbooks/log0" not in ids(second)
    # One that waits in the corpus: a mix that draws from its shard, and not on it, is the same mix afterwards.
    waits = next(f"gazette/gaz{number}" for number in range(60) if f"gazette/gaz{number}" not in set(ids(second)))
    record = recall(tmp_path, "document", waits)
    third = release(tmp_path)
    assert carry_out(tmp_path, record).releases == ()
    fourth = release(tmp_path)
    assert (fourth.digest, fourth.reused) == (third.digest, True)
    assert len(open_mix(third.path)) == third.manifest.rows


def test_releases_say_that_they_were_recalled_and_erased(tmp_path: Path, anchor: Run) -> None:
    marked(tmp_path)
    first = release(tmp_path)
    record = recall(tmp_path, "source", "gazette")
    carry_out(tmp_path, record)
    for path in (first.path, Path(shutil.copytree(first.path, tmp_path / "copy"))):
        for allowed in (False, True):
            with pytest.raises(Refused, match="was recalled and erased"):
                open_mix(path, allow_recalled=allowed)
        bad = {check.what: check.refused for check in verify_mix(path) if not check.ok}
        assert bad == {"recalled and erased": True, first.manifest.parts[0].path: True}
        told = {check.what: check.detail for check in verify_mix(path)}
        assert "of the rows have no content, the others the digest they state" in told["content"]
        assert "the rows are those that were judged" in told["selection"]
    code, out, _ = anchor("verify", first.path)
    assert code == 1
    assert "REFUSED recalled and erased" in out
    # A row that was put back, or altered, is found all the same.
    part = first.path / first.manifest.parts[0].path
    table = pq.ParquetFile(part).read()
    at = table.schema.get_field_index("text")
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(["forged"] * table.num_rows)), part)
    assert not next(check for check in verify_mix(first.path) if check.what == "content").ok


def test_a_third_party_sees_that_content_was_erased_and_not_lost(tmp_path: Path) -> None:
    marked(tmp_path)
    release(tmp_path)
    carry_out(tmp_path, recall(tmp_path, "source", "gazette"))
    report = validate_files([tmp_path / "store"])
    assert report.findings == []
    assert report.counts["documents whose content was erased"] > 60
    for path in (tmp_path / "store/recalls").glob("*.erasure.json"):
        path.unlink()
    report = validate_files([tmp_path / "store"])
    assert {one.what for one in report.findings} == {"has its content in no column, expected text"}


def test_the_same_raw_file_does_not_bring_it_back(tmp_path: Path) -> None:
    marked(tmp_path)
    release(tmp_path)
    for by, value in (("source", "drafts"), ("document", "logbooks/log0"), ("licence", "MIT"), ("generator", "scribe")):
        carry_out(tmp_path, recall(tmp_path, by, value))
    small = tmp_path / "raw/logbooks.jsonl"
    # One line more: every row is read anew. The last one has lost its date, and is quarantined with its content.
    lines = small.read_text().splitlines()
    extra = {"id": "again", "text": json.loads(lines[0])["text"]}
    fresh = {"id": "fresh", "text": "quite another one", "date": "2020-06-01"}
    small.write_text("\n".join([*lines, json.dumps(extra), json.dumps(fresh)]) + "\n")
    shutil.rmtree(tmp_path / "store/sources/gazette")
    place, cycle = place_of(tmp_path), cycle_of(tmp_path)
    steps.plan_all(place, [], cycle)
    counts = steps.current_corpus(place, cycle).sources
    assert all(one.balance == 0 for one in counts.values())
    assert counts["logbooks"].quarantined == {"recalled": 1, "no_date": 1}
    assert counts["gazette"].quarantined == {"recalled": 60}
    first = json.loads(lines[0])["text"]
    assert holding(tmp_path / "store", first) == []
    snapshot = read_snapshot(place.store, "logbooks")
    assert snapshot is not None
    rows = [row for path in (tmp_path / "store/quarantine/logbooks").glob("[0-9a-f]*.parquet") for row in rows_of(path)]
    assert {(row["reason"], row["id"], row["content"]) for row in rows if "cycle" not in row} == {
        ("recalled", "log0", b""),
        ("no_date", "again", b""),
    }


def test_quarantined_rows_lose_the_content_as_well(tmp_path: Path) -> None:
    marked(tmp_path)
    path = tmp_path / "raw/logbooks.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, json.dumps({"id": "x", "text": json.loads(lines[0])["text"]})]) + "\n")
    release(tmp_path)
    text = json.loads(lines[0])["text"]
    record = recall(tmp_path, "document", "logbooks/log0")
    assert any("quarantine" in name for name in holding(tmp_path / "store", text))
    done = carry_out(tmp_path, record)
    assert len(done.quarantine) == 1
    assert holding(tmp_path / "store", text) == []
    snapshot = read_snapshot(place_of(tmp_path).store, "logbooks")
    assert snapshot is not None
    (unit,) = snapshot.units
    assert unit.quarantine is not None
    (row,) = rows_of(tmp_path / "store" / unit.quarantine)
    assert (row["content"], row["bytes"], row["reason"]) == (b"", len(text.encode()), "no_date")


KILLED = """
import os, signal, sys
from pathlib import Path
from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline_tests.recall import test_erase
calls = 0
def counted(name):
    original = getattr(LocalFiles, name)
    def call(self, *arguments, **options):
        global calls
        if "lineage" not in str(arguments[0]):
            calls += 1
            if calls == int(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)
        return original(self, *arguments, **options)
    setattr(LocalFiles, name, call)
for name in ("replace", "remove"):
    counted(name)
folder = Path(sys.argv[1])
kept = next(one for one in test_erase.files_of(folder).all() if one.record.id == sys.argv[2])
test_erase.carry_out(folder, kept.record)
print("done", calls)
"""


@pytest.mark.slow
def test_killed_anywhere_it_is_finished_by_the_next_one(tmp_path: Path) -> None:
    marked(tmp_path / "whole")
    first = release(tmp_path / "whole")
    record = recall(tmp_path / "whole", "source", "gazette")
    shutil.copytree(tmp_path / "whole", tmp_path / "other")
    expected = carry_out(tmp_path / "other", record)
    for at in range(1, 1000, 3):
        folder = tmp_path / f"killed-{at}"
        shutil.copytree(tmp_path / "whole", folder)
        command = [sys.executable, "-c", KILLED, str(folder), record.id, str(at)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        with pytest.raises(Refused):
            open_mix(folder / first.path.relative_to(tmp_path / "whole"))
        assert carry_out(folder, record) == expected
        assert holding(folder / "store/shards") == holding(folder / "store/mix") == []
        shutil.rmtree(folder / "store/tmp", ignore_errors=True)
        assert holding(folder / "store") == []
        assert release(folder).manifest.revision == 2
        shutil.rmtree(folder)
    assert at > 20


def test_a_store_restored_from_a_backup_is_told_of_and_erased_again(tmp_path: Path) -> None:
    marked(tmp_path)
    release(tmp_path)
    record = recall(tmp_path, "source", "gazette")
    shutil.copytree(tmp_path / "store", tmp_path / "backup")
    done = carry_out(tmp_path, record)
    assert carry_out(tmp_path, record) == done, "a second time changes nothing"
    shutil.rmtree(tmp_path / "store")
    shutil.copytree(tmp_path / "backup", tmp_path / "store")
    place, files = place_of(tmp_path), files_of(tmp_path)
    told = erased(place.store, files.all()[0], lambda _: None)
    assert told is not None
    assert "LIES IN THE STORE AGAIN" in told["state"]
    assert carry_out(tmp_path, record) == done
    assert holding(tmp_path / "store") == []


def test_a_graph_built_anew_says_the_same_of_what_was_erased(tmp_path: Path) -> None:
    marked(tmp_path)
    release(tmp_path)
    record = recall(tmp_path, "source", "gazette")
    carry_out(tmp_path, record)
    store, files = place_of(tmp_path).store, files_of(tmp_path)
    (before,) = settled(store, files)
    Path(file_of(store)).unlink()
    (after,) = settled(store, files)
    assert (after.releases, after.notices) == (before.releases, ())
    with open_graph(store) as graph:
        assert graph.updated.troubles == []
    assert to_erase(store, files, files.all()[0]).rows == 0


def test_after_a_lift_it_is_read_again_from_the_raw_files_and_the_release_stays_erased(tmp_path: Path) -> None:
    marked(tmp_path)
    first = release(tmp_path)
    record = recall(tmp_path, "source", "gazette")
    other = recall(tmp_path, "document", "logbooks/log1")
    carry_out(tmp_path, record)
    carry_out(tmp_path, other)
    files, store = files_of(tmp_path), place_of(tmp_path).store
    release(tmp_path)
    kept = next(one for one in files.all() if one.record.id == record.id)
    lift_it(store, files, kept, "was a mistake", "steward", NOW)
    again = release(tmp_path)
    assert any(doc_id.startswith("gazette/") for doc_id in ids(again))
    with pytest.raises(Refused, match="recalled and erased"):
        open_mix(first.path)
    with pytest.raises(UsageError, match="was lifted"):
        carry_out(tmp_path, record)
    # What stands is erased again if it must be, and leaves alone what came back.
    carry_out(tmp_path, other)
    assert len(open_mix(release(tmp_path).path)) == again.manifest.rows
    later = recall(tmp_path, "source", "gazette")
    carry_out(tmp_path, later)
    assert holding(tmp_path / "store") == []


def test_under_custody_credentials_and_the_ledger_know_of_it(tmp_path: Path, anchor: Run) -> None:
    pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install anchor-pipeline[c2pa]")
    marked(tmp_path, PROJECT + "custody: {origin: example.org/small}\n")
    custodian = custodian_of(load_project(tmp_path / "project.yaml"))
    assert custodian is not None
    begin_custody(custodian, ["pipeline"])
    first = release(tmp_path)
    record = recall(tmp_path, "generator", "scribe")
    for doc_id in ("logbooks/log0", "logbooks/log4"):
        recall(tmp_path, "document", doc_id)
    code, out, err = anchor("recall", "erase", tmp_path, record.id)
    assert code == 0, err
    assert "content of 60 rows in 1 shard" in out
    assert "raw file drafts.jsonl of source drafts, records 1-60" in out
    assert len(rows_of(first.path / first.manifest.parts[0].path)) == first.manifest.rows
    for one in files_of(tmp_path).all():
        code, out, err = anchor("recall", "erase", tmp_path, one.record.id, "--yes")
        assert code == 0, err
    code, out, err = anchor("recall", "status", tmp_path, "--json")
    told = json.loads(out)["recalls"]
    assert [one["erased"]["ledger"]["record"] == one["erased"]["record"] for one in told] == [True] * 3
    second = release(tmp_path)
    assert all(check.ok for check in verify_mix(second.path))
    code, out, err = anchor("ledger", "verify", tmp_path)
    assert code == 0, err
    code, out, _ = anchor("recall", "status", tmp_path)
    assert out.count("erased 20") == 3
    bad = {check.what for check in verify_mix(first.path) if not check.ok}
    assert bad == {"recalled and erased", first.manifest.parts[0].path}, "its chain of custody still holds"


def test_a_store_in_a_bucket_loses_it_as_well(anchor: Run, bucket: Bucket, tmp_path: Path) -> None:
    on_s3(bucket, tmp_path)
    first = release_on_s3(tmp_path)
    second = next(open_mix(first.location).rows())
    text, doc_id = second["text"], second["doc_id"]
    code, _, err = anchor("recall", tmp_path, "--document", doc_id, "--reason", "consent withdrawn", "--yes")
    assert code == 0, err
    (record,) = files_of(tmp_path).standing()
    code, _, err = anchor("recall", "erase", tmp_path, record.id, "--yes")
    assert code == 0, err
    store = place_of(tmp_path).store
    assert holding(store.root, text) == [], "copies on this machine"
    assert isinstance(store, RemoteStore)
    for number, name in enumerate(sorted(store.remote.sizes(""))):
        assert store.remote.fetch(name, tmp_path / f"{number}{Path(name).suffix}")
        assert not holds(tmp_path / f"{number}{Path(name).suffix}", text), name
    assert number > 30
    assert doc_id not in {row["doc_id"] for row in open_mix(release_on_s3(tmp_path, "another").location).rows()}
    code, out, _ = anchor("verify", first.location)
    assert code == 1
    assert "recalled and erased" in out


def test_only_a_recall_that_stands_is_erased(tmp_path: Path, anchor: Run) -> None:
    marked(tmp_path)
    release(tmp_path)
    record = recall(tmp_path, "source", "gazette", "quarantine")
    with pytest.raises(UsageError, match="is no recall"):
        carry_out(tmp_path, record)
    code, _, err = anchor("recall", "erase", tmp_path, "000000000000")
    assert (code, "no such recall" in err) == (2, True)
    assert len(holding(tmp_path / "store")) == 2


TWIN = """
  echoes:
    kind: synthetic
    domain: sea
    generate: {twin: markov, fit: gazette, documents: 20, tokens: 25}
    generator: {name: echo}
stages:
"""


def twin(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "store/twins/echoes.jsonl").read_text().splitlines()]


def test_the_text_of_a_generated_source_is_a_raw_file_in_the_store(tmp_path: Path) -> None:
    marked(tmp_path, PROJECT.replace("\nstages:\n", TWIN))
    place, cycle = place_of(tmp_path), cycle_of(tmp_path)
    steps.plan_all(place, [], cycle)
    lines = twin(tmp_path)
    gone = lines[0]["text"]
    record = recall(tmp_path, "document", f"echoes/{lines[0]['id']}")
    carry_out(tmp_path, record)
    assert holding(tmp_path / "store", gone) == []
    assert twin(tmp_path) == lines[1:]
    steps.plan_all(place, [], cycle)
    counts = steps.current_corpus(place, cycle).sources["echoes"]
    assert (counts.balance, counts.kept) == (0, 19)
    assert holding(tmp_path / "store", gone) == []
    # What was fitted on erased documents is not fitted anew; another seed fits on those that are left.
    carry_out(tmp_path, recall(tmp_path, "document", "gazette/gaz0"))
    (tmp_path / "project.yaml").write_text(PROJECT.replace("\nstages:\n", TWIN).replace("seed: 3", "seed: 4"))
    steps.plan_all(place_of(tmp_path), [], cycle)
    assert steps.current_corpus(place, cycle).sources["echoes"].kept == 20
