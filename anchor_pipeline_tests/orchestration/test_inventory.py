"""The inventory in Dagster: an asset that follows the corpus."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg

from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.projects import small_project


def test_the_asset_writes_what_the_command_says(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    project = load_project(small_project(tmp_path))
    job = definitions_for(project, key_prefix=()).resolve_implicit_global_asset_job_def()
    keys = [*(dg.AssetKey(["sources", name]) for name in project.sources), dg.AssetKey("corpus")]
    key = dg.AssetKey("inventory")
    result = job.execute_in_process(instance=instance, partition_key="2020", asset_selection=[*keys, key])
    assert result.success
    [made] = [event for event in result.get_asset_materialization_events() if event.asset_key == key]
    shown = made.materialization.metadata["sources"].value
    assert [record.data["source"] for record in shown.records] == ["logbooks", "gazette"]
    folder = project.store_path / "inventory/2020"
    written = json.loads((folder / "inventory.json").read_text())
    assert [entry["source"] for entry in written["entries"]] == ["logbooks", "gazette"]
    assert "What to clean, license or collect next" in (folder / "inventory.txt").read_text()
