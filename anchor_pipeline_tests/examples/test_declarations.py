"""The example projects load, and find the data they name where it is present."""

from __future__ import annotations

import glob
from pathlib import Path

import pytest

from anchor_pipeline.ingest.filter import Where
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.data import shared_data

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = ("assistant", "demo", "multimodal")


@pytest.fixture(params=NAMES)
def project(request: pytest.FixtureRequest) -> Project:
    return load_project(EXAMPLES / request.param, environ={})


def test_each_example_is_tested() -> None:
    assert tuple(sorted(path.parent.name for path in EXAMPLES.glob("*/project.yaml"))) == NAMES


def test_each_example_is_described() -> None:
    text = (EXAMPLES / "README.md").read_text("utf-8")
    assert all(f"**`{name}/`**" in text for name in NAMES)


def test_every_domain_of_a_stage_has_anchors_of_each_of_its_modalities(project: Project) -> None:
    for stage in project.stages.values():
        for domain in stage.domains:
            feeding = [source for source in project.sources.values() if source.domain.name in (domain, None)]
            for modality in {source.modality for source in feeding}:
                assert any(source.kind == "anchor" and source.modality == modality for source in feeding)


def test_filters_are_valid(project: Project) -> None:
    for name, source in project.sources.items():
        if source.where is not None:
            Where(name, source.where)


@pytest.mark.parametrize("name", ["assistant", "multimodal"])
def test_every_source_finds_files(name: str) -> None:
    project = load_project(EXAMPLES / name, environ={"DATA": str(shared_data())})
    for source in project.sources.values():
        assert glob.glob(str(project.root / str(source.uri))), source.uri  # noqa: PTH207


def test_without_the_variable_the_data_lies_beside_the_repository() -> None:
    project = load_project(EXAMPLES / "assistant", environ={})
    beside = EXAMPLES.parents[1] / "shared" / "data" / "peps" / "peps.jsonl"
    assert (project.root / str(project.sources["peps"].uri)).resolve() == beside.resolve()


def test_data_can_lie_elsewhere(tmp_path: Path) -> None:
    project = load_project(EXAMPLES / "assistant", environ={"DATA": str(tmp_path)})
    assert all(str(source.uri).startswith(str(tmp_path)) for source in project.sources.values())


def test_all_kinds_of_sources_are_shown() -> None:
    for name in ("assistant", "demo"):
        kinds = {source.kind for source in load_project(EXAMPLES / name, environ={}).sources.values()}
        assert kinds == {"anchor", "licensed", "enterprise", "synthetic"}
