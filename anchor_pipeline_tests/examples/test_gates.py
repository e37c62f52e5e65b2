"""docs/gates.md, "Gates in ten minutes", on the examples: every rule that measures content is an asset check."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import dagster as dg
import pytest

from anchor_pipeline.orchestration.keys import Names
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.data import shared_data
from anchor_pipeline_tests.examples.test_builds import EXAMPLES

DOCS = EXAMPLES.parent / "docs"
MEASURED = (
    *("entropy_band", "novelty_band", "diversity_band", "model_origin", "near_duplicates"),
    *("eval_contamination", "anchor_drift"),
)


def commands() -> list[list[str]]:
    """What the section tells a newcomer to type, as arguments of `anchor`."""
    page = (DOCS / "gates.md").read_text("utf-8")
    section = page.split("## Gates in ten minutes")[1].split("\n## ")[0]
    blocks = "\n".join(re.findall(r"```console\n(.*?)```", section, re.DOTALL)).replace("\\\n", " ")
    found = [line.removeprefix("$ anchor ") for line in blocks.splitlines() if line.startswith("$ anchor ")]
    return [[word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)] for line in found]


def evaluated(folder: Path, stage: str) -> dict[str, dg.AssetCheckEvaluation]:
    """The newest results of the checks of a selection, by rule, as the UI of the project reads them."""
    found = {}
    with dg.DagsterInstance.from_config(str(folder / "store/dagster")) as instance:
        for rule in ("verdict", "perceptual_novelty", *MEASURED):
            key = dg.AssetCheckKey(Names().selection(stage), rule)
            (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
            event = record.event
            assert event is not None, rule
            assert event.dagster_event is not None
            found[rule] = event.dagster_event.asset_check_evaluation_data
    return found


@pytest.mark.slow
def test_the_commands_of_the_page_bring_every_rule_about_content_into_dagster(
    anchor: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA", str(shared_data()))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").mkdir()
    shutil.copytree(EXAMPLES / "assistant", "examples/assistant", ignore=shutil.ignore_patterns("store"))
    typed = commands()
    assert [" ".join(one[:2]).split(" examples")[0] for one in typed] == [
        *("plan", "probe train", "probe train", "calibrate", "origin train", "build")
    ]
    for one in typed:
        code, out, err = anchor(*one)
        assert code in ((0, 1) if one[0] in ("plan", "build") else (0,)), f"{one}: {out}{err}"
    folder = tmp_path / "examples/assistant"
    checks = evaluated(folder, "pretrain")
    statuses = {rule: str(checks[rule].metadata["status"].value) for rule in MEASURED}
    # Human text of the sources that are vouched for sets nothing off; what is missing is said.
    assert statuses["entropy_band"] == statuses["diversity_band"] == "insufficient"
    assert "smallest calibrated bucket" in str(checks["entropy_band"].description)
    assert statuses["near_duplicates"] == "pass"
    assert "no earlier release" in str(checks["novelty_band"].description)
    assert "▁" in str(checks["entropy_band"].metadata["distributions"].value)
    report = (folder / "store/selection/pretrain/2021/report.html").read_text("utf-8")
    assert report.count('<svg class="plot"') >= 4
    numbers = checks["entropy_band"].metadata.keys()
    assert {"observed/stage/bits:words/domain", "observed/support/bits:words/domain"} <= numbers
    # Six models' essays against human ones: both rules see it.
    essays = evaluated(folder, "safety")
    for rule in ("entropy_band", "diversity_band"):
        assert str(essays[rule].metadata["status"].value) == "fail", rule
        assert essays[rule].severity == dg.AssetCheckSeverity.ERROR
    assert not essays["verdict"].passed


@pytest.mark.slow
def test_images_and_sounds_are_checked_for_copies(anchor: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", str(shared_data()))
    shutil.copy(EXAMPLES / "multimodal/project.yaml", tmp_path)
    code, out, err = anchor("build", tmp_path, "--cycle", "2015", "--stage", "voices")
    assert code == 0, out + err
    check = evaluated(tmp_path, "voices")["perceptual_novelty"]
    # No source is synthetic, so nothing could be a copy of a recording: that is said.
    assert str(check.metadata["status"].value) == "pass"
    assert check.description
