"""Probes, bands and a detector in a store on S3: the same models and verdicts as on a disk, from any machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from anchor_pipeline import steps
from anchor_pipeline.corpus.register import KINDS, active
from anchor_pipeline.project import load_project
from anchor_pipeline.rules.verdict import Verdict
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.facts.origin.writers import write
from anchor_pipeline_tests.object_store import Bucket
from anchor_pipeline_tests.projects import PROJECT, small_project, write_rows

DECLARATION = PROJECT.replace("tokens: 2k", "tokens: 20k").replace("greedy:", "other:").replace("50k", "30k")
WRITERS = (("logbooks", "person", "sea"), ("gazette", "person", "law"), ("drafts", "model", "sea"))


def project_at(folder: Path, declaration: str) -> Path:
    """Enough texts for every model."""
    path = small_project(folder, declaration)
    for name, who, subject in WRITERS:
        texts = [write(who, subject, number) for number in range(220)]
        rows = [{"id": f"{name}{at}", "text": text, "date": "2020-06-01"} for at, text in enumerate(texts)]
        write_rows(folder / f"raw/{name}.jsonl", rows)
    return path


def train(anchor: Run, path: Path) -> dict[str, list[str]]:
    """All models by the commands of a steward; their digests by kind."""
    commands = (
        ("plan", path, "--cycle", "2020"),
        ("probe", "train", path, "--source", "logbooks", "--name", "words", "--since", "2020"),
        (
            "probe",
            "train",
            path,
            "--source",
            "logbooks",
            "--name",
            "letters",
            "--kind",
            "characters",
            "--since",
            "2020",
        ),
        ("calibrate", path, "--cycle", "2020", "--signed-off", "Ann", "--reference", "gazette"),
        ("origin", "train", path, "--ours", "drafts", "--human", "gazette", "--name", "scribe", "--since", "2020"),
    )
    for command in commands:
        code, out, err = anchor(*command)
        assert code in ((0, 1) if command[0] == "plan" else (0,)), out + err
    store = steps.Workplace(load_project(path)).store
    return {kind: [entry.digest for entry in active(store, kind, "2020")] for kind in KINDS}


def verdict(path: Path) -> Verdict:
    place = steps.Workplace(load_project(path))
    cycle = place.project.calendar.at("2020")
    steps.plan_all(place, ["lawful"], cycle)
    return steps.select_stage(place, "lawful", cycle)[1]


@pytest.mark.slow
def test_models_and_verdicts_are_those_of_a_store_on_a_disk(bucket: Bucket, anchor: Run, tmp_path: Path) -> None:
    local = project_at(tmp_path / "local", DECLARATION)
    remote = project_at(tmp_path / "remote", DECLARATION.replace("seed: 3", f"seed: 3\nstore: {bucket.url}/anchor"))
    models = train(anchor, local)
    assert {kind: len(found) for kind, found in models.items()} == {"probe": 2, "band": 1, "origin": 1}
    assert train(anchor, remote) == models
    here = verdict(local)
    judged = {finding.rule for finding in here.findings if finding.status != "insufficient"}
    assert {"entropy_band", "diversity_band", "model_origin"} <= judged
    assert verdict(remote).digest == here.digest
    assert bucket.keys("anchor/facts/"), "facts lie in the bucket"

    # A machine that has nothing yet: it reads the facts, and measures none of them again.
    os.environ["ANCHOR_CACHE"] = str(tmp_path / "cache of another machine")  # the fixture `bucket` puts it back
    bucket.server.requests.clear()
    assert verdict(remote).digest == here.digest
    assert not [one for one in bucket.server.requests if one.startswith("PUT ") and "/facts/" in one]
