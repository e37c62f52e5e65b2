"""`anchor trace`, `anchor recall`, `anchor quarantine`: shown first, done with --yes, told afterwards, on record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline import steps
from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.custody.custodian import custodian_of
from anchor_pipeline.lineage.outbox import read_events
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.lineage.openlineage_spec import needs_spec, problems
from anchor_pipeline_tests.object_store import Bucket
from anchor_pipeline_tests.projects import PROJECT, small_project
from anchor_pipeline_tests.test_object_storage import on_s3
from anchor_pipeline_tests.test_object_storage import release as release_on_s3
from anchor_pipeline_tests.test_steps import release

WHY = ("--reason", "consent withdrawn")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project under custody, with one release."""
    pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install anchor-pipeline[c2pa]")
    folder = tmp_path_factory.mktemp("built")
    custodian = custodian_of(load_project(small_project(folder, PROJECT + "custody: {origin: example.org/small}\n")))
    assert custodian is not None
    begin_custody(custodian, ["pipeline"])
    release(folder)
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "project"))


def first_of(project: Path) -> str:
    return str(next(open_mix(project / "store/mix/lawful/2020/0001", allow_recalled=True).rows())["doc_id"])


def as_json(anchor: Run, *arguments: object) -> Any:
    code, out, err = anchor(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_without_yes_nothing_is_done(anchor: Run, project: Path) -> None:
    doc_id = first_of(project)
    before = sorted(path for path in project.rglob("*") if "lineage" not in path.parts)
    code, out, err = anchor("recall", project, "--document", doc_id, *WHY)
    assert code == 0, err
    assert "1 document, 31 tokens of text" in out
    assert "lawful 2020 revision 1 (current)" in out
    assert "to build again: 1 of the mixes" in out
    assert "nothing was done; add --yes" in out
    assert sorted(path for path in project.rglob("*") if "lineage" not in path.parts) == before
    assert len(open_mix(project / "store/mix/lawful/2020/0001"))


@needs_spec
def test_with_yes_it_is_recorded_told_and_mended(anchor: Run, project: Path) -> None:
    doc_id = first_of(project)
    told = as_json(anchor, "recall", project, "--document", doc_id, *WHY, "--by", "stew|ard <b>", "--yes")
    assert told["carried_out"]
    assert [(one["cycle"], one["revision"]) for one in told["releases"]] == [("2020", 1)]
    (state,) = as_json(anchor, "recall", "status", project)["recalls"]
    assert state["ledger"]["record"] == state["record"]
    assert state["releases"][0]["replaced_by"] is None
    text = (project / f"recalls/{state['recall']}.receipt.md").read_text()
    assert "stew\\|ard &lt;b&gt;" in text
    assert doc_id not in {row["doc_id"] for row in open_mix(release(project).path).rows()}
    code, out, _ = anchor("recall", "status", project)
    assert code == 0
    assert "replaced by revision 2: 63 documents kept, 1 recalled, 0 others left out, 1 added" in out
    assert "ledger example.org/small, entry" in out
    receipt = json.loads((project / f"store/recalls/{state['recall']}.receipt.json").read_bytes())
    assert receipt["releases"][0]["replaced_by"]["kept"] == 63
    code, _, err = anchor("ledger", "verify", project)
    assert code == 0, err
    events = list(read_events(steps.Workplace(load_project(project)).store))
    assert [found for event in events for found in problems(event)] == []
    assert {"START", "COMPLETE"} == {one["eventType"] for one in events if one["job"]["name"].startswith("recall/")}


def test_a_record_that_went_past_the_ledger_is_told(anchor: Run, project: Path) -> None:
    as_json(anchor, "recall", project, "--source", "drafts", *WHY, "--yes")
    (path,) = (path for path in (project / "recalls").glob("*.json") if len(path.stem) == 12)
    from anchor_pipeline.corpus.recalls import RecallRecord

    forged = RecallRecord.model_validate_json(path.read_bytes()).model_copy(update={"reason": "forged"})
    packed = (project / f"recalls/{path.stem}.tombstones.gz").read_bytes()
    (project / f"recalls/{forged.id}.json").write_bytes(forged.encoded())
    (project / f"recalls/{forged.id}.tombstones.gz").write_bytes(packed)
    code, out, _ = anchor("recall", "status", project)
    assert code == 0
    assert out.count("NOT in the ledger") == 1


def test_a_recall_is_lifted_with_a_reason(anchor: Run, project: Path) -> None:
    as_json(anchor, "recall", project, "--generator", "scribe", *WHY, "--yes")
    code, _, err = anchor("recall", project, "--generator", "scribe", *WHY)
    assert (code, "is under recall" in err) == (2, True)
    (state,) = as_json(anchor, "recall", "status", project)["recalls"]
    code, out, _ = anchor("recall", project, "--lift", state["recall"], "--reason", "a mistake")
    assert (code, "would lift" in out) == (0, True)
    code, _, err = anchor("recall", project, "--lift", state["recall"], "--reason", "a mistake", "--yes")
    assert code == 0, err
    (state,) = as_json(anchor, "recall", "status", project)["recalls"]
    assert state["lifted"]["reason"] == "a mistake"
    assert len(open_mix(project / "store/mix/lawful/2020/0001")) == 64


def test_a_trace_tells_the_whole_way(anchor: Run, project: Path) -> None:
    doc_id = first_of(project)
    as_json(anchor, "quarantine", project, "--document", doc_id, *WHY, "--yes")
    source, id = doc_id.split("/")
    found = as_json(anchor, "trace", project, doc_id)
    (row,) = found["recorded"]
    assert (row["source"], row["raw_file"]) == (source, f"{source}.jsonl")
    assert [one["revision"] for one in found["releases"]] == [1]
    assert [(one["cycle"], one["status"]) for one in found["corpus"]] == [("2020", "kept")]
    assert [one["action"] for one in found["recalls"]] == ["quarantine"]
    code, out, _ = anchor("trace", project, doc_id)
    assert code == 0
    assert "mix lawful 2020 revision 1: 1 times" in out
    code, _, err = anchor("trace", project, f"{source}/{id}x")
    assert (code, "was ever recorded" in err, doc_id in err) == (2, True, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "drafts"], "--reason: say why"),
        (["--source", "drafts", "--reason", "two\nlines"], "--reason: say why"),
        (["--source", "drafts", "--reason", "\x1b[31mred"], "--reason: say why"),
        ([*WHY], "give one of"),
        (["--source", "drafts", "--shard", "00", *WHY], "give one of"),
        (["--source", "", *WHY], "expected 1 to 4096"),
        (["--document", "drafts/nobody", *WHY], "was never recorded"),
        (["--lift", "000000000000", *WHY], "no such recall"),
        (["--lift", "000000000000", "--source", "drafts", *WHY], "--lift stands alone"),
    ],
)
def test_wrong_usage_is_told(anchor: Run, project: Path, arguments: list[str], said: str) -> None:
    code, _, err = anchor("recall", project, *arguments)
    assert (code, said in err) == (2, True), err


@pytest.mark.parametrize("weight", ["0", "1", "-0.5", "half", "0.1234567", "nan", "1e-9"])
def test_a_weight_lies_between_nothing_and_all(anchor: Run, project: Path, weight: str) -> None:
    code, _, err = anchor("quarantine", project, "--source", "drafts", *WHY, f"--weight={weight}")
    assert (code, "--weight" in err) == (2, True)


def test_a_store_in_a_bucket_is_recalled_from_as_well(
    anchor: Run,
    bucket: Bucket,
    tmp_path: Path,
) -> None:
    on_s3(bucket, tmp_path)
    first = release_on_s3(tmp_path)
    doc_id = next(open_mix(first.location).rows())["doc_id"]
    as_json(anchor, "recall", tmp_path, "--document", doc_id, *WHY, "--yes")
    code, _, err = anchor("verify", first.location)
    assert code == 1, err
    second = release_on_s3(tmp_path, "another machine")
    assert doc_id not in {row["doc_id"] for row in open_mix(second.location).rows()}
    (state,) = as_json(anchor, "recall", "status", tmp_path)["recalls"]
    assert state["releases"][0]["replaced_by"]["revision"] == 2
    code, _, err = anchor("recall", tmp_path, "--lift", state["recall"], "--reason", "a mistake", "--yes")
    assert code == 0, err
    assert len(open_mix(first.location)) == 64


def test_a_name_that_nothing_bears_is_taken_for_a_mistake_unless_it_is_meant(anchor: Run, project: Path) -> None:
    code, out, err = anchor("recall", project, "--source", "gazete", *WHY, "--yes")
    assert (code, "--ahead" in err) == (2, True)
    assert "nothing was done" in out
    assert not (project / "recalls").exists()
    code, _, err = anchor("recall", project, "--source", "gazete", *WHY, "--yes", "--ahead")
    assert code == 0, err
    assert list((project / "recalls").glob("*.json"))
