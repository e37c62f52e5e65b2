"""A backfill of 22 cycles of the real-data example, by daemon and code server, completes on both storages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_pipeline import open_mix
from anchor_pipeline_tests.data import shared_data
from anchor_pipeline_tests.deploy.processes import ROOT, Deployment, deployed
from anchor_pipeline_tests.orchestration.postgres import running_postgres

pytestmark = pytest.mark.marathon

CYCLES = [str(year) for year in range(2000, 2022)]
LOCATED = """{repositoryOrError(repositorySelector: {repositoryName: "__repository__",
    repositoryLocationName: "anchor_pipeline"}) {__typename}}"""
LAUNCH = """mutation($cycles: [String!]) {launchPartitionBackfill(backfillParams: {partitionNames: $cycles,
    selector: {partitionSetName: "build_minutes_partition_set", repositorySelector: {
    repositoryName: "__repository__", repositoryLocationName: "anchor_pipeline"}}}) {
    __typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message}}}"""
STATE = """query($id: String!) {partitionBackfillOrError(backfillId: $id) {... on PartitionBackfill {
    status partitionStatusCounts {runStatus count}}}}"""


@pytest.fixture(params=["sqlite", "postgres"])
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    text = (ROOT / "examples/assistant/project.yaml").read_text()
    project = tmp_path / "project.yaml"
    project.write_text(text.replace("${DATA:-../../../shared/data}", str(shared_data())))
    if request.param == "sqlite":
        with deployed(tmp_path / "deployment", {"ANCHOR_PROJECT": str(project)}) as running:
            yield running
    else:
        with running_postgres() as server:
            settings = {"ANCHOR_PROJECT": str(project), "DAGSTER_POSTGRES_URL": server.database()}
            with deployed(tmp_path / "deployment", settings) as running:
                yield running


def test_a_backfill_of_22_cycles_completes(deployment: Deployment, tmp_path: Path) -> None:
    deployment.wait_for(
        "the code location is loaded",
        lambda: deployment.ask(LOCATED)["repositoryOrError"]["__typename"] == "Repository" or None,
    )
    launched = deployment.ask(LAUNCH, cycles=CYCLES)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched

    def ended() -> dict[str, int] | None:
        state = deployment.ask(STATE, id=launched["backfillId"])["partitionBackfillOrError"]
        counts = {one["runStatus"]: int(one["count"]) for one in state["partitionStatusCounts"]}
        return counts if counts.get("SUCCESS", 0) + counts.get("FAILURE", 0) == len(CYCLES) else None

    counts = deployment.wait_for("the backfill has ended", ended, seconds=3000)
    assert counts["SUCCESS"] == len(CYCLES), counts
    for cycle in CYCLES:
        assert open_mix(tmp_path / "store/mix/minutes" / cycle).manifest.rows > 0
