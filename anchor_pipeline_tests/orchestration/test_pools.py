"""Steps that read and write, and steps that compute, are bounded over all runs of an instance."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from anchor_pipeline import steps
from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.orchestration.pools import CPU, STORE
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.projects import small_project


@pytest.fixture
def storage() -> str:
    return "postgres"


def test_every_step_that_costs_something_is_in_a_pool(tmp_path: Path) -> None:
    definitions = definitions_for(load_project(small_project(tmp_path)), key_prefix=())
    graph = definitions.resolve_asset_graph()
    found = {"/".join(key.path[:1]): graph.get(key).pools for key in graph.get_all_asset_keys()}
    assert found == {"sources": {STORE}, "corpus": {CPU}, "selection": {CPU}, "mix": {STORE}, "inventory": {CPU}}


def test_a_step_waits_while_another_run_has_the_last_place_of_its_pool(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = load_project(small_project(tmp_path / "project"))
    place = steps.Workplace(project)
    for name in project.sources:
        steps.ingest(place, name, project.calendar.at("2020"))
    places = instance.event_log_storage
    places.set_concurrency_slots(CPU, 1)
    assert places.claim_concurrency_slot(CPU, "11111111-2222-3333-4444-555555555555", "corpus").is_claimed
    freed: list[float] = []
    begun: list[float] = []

    def free() -> None:
        freed.append(time.monotonic())
        places.free_concurrency_slots_for_run("11111111-2222-3333-4444-555555555555")

    assemble = steps.assemble_corpus

    def timed(*arguments: Any) -> Any:
        begun.append(time.monotonic())
        return assemble(*arguments)

    monkeypatch.setattr(steps, "assemble_corpus", timed)
    timer = threading.Timer(5, free)
    timer.start()
    result = (
        definitions_for(project, key_prefix=())
        .resolve_job_def("build_all")
        .execute_in_process(
            instance=instance, partition_key="2020", asset_selection=[dg.AssetKey("corpus")], run_config=QUIET
        )
    )
    timer.join()
    assert result.success
    assert begun[0] >= freed[0]
