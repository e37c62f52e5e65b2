"""Teams that have a Dagster project add ours with Dagster's own commands, as a component."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import dagster as dg
import pytest
import yaml
from dagster.components.component_scaffolding import scaffold_object

from anchor_pipeline import AnchorProject
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.orchestration.host import PYPROJECT, Host, new_host
from anchor_pipeline_tests.projects import PROJECT, small_project

TYPE = "anchor_pipeline.AnchorProject"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return new_host(tmp_path / "host")


def output(host: Host, *arguments: str) -> str:
    done = host.dg(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def releases(folder: Path) -> list[str]:
    return sorted(str(path.parent.relative_to(folder)) for path in folder.rglob("MANIFEST.json"))


@pytest.mark.slow
def test_a_newcomer_lists_scaffolds_checks_and_builds(host: Host) -> None:
    assert TYPE in output(host, "list", "components")
    output(host, "scaffold", "defs", TYPE, "mixes")
    assert (host.defs / "mixes/defs.yaml").read_text() == f"type: {TYPE}\nattributes:\n  project: project.yaml\n"
    assert load_project(host.defs / "mixes").project == "mixes", "a project to start from lies beside it"
    checked = output(host, "check", "defs")
    assert "All component YAML validated" in checked
    assert "All definitions loaded" in checked
    output(host, "launch", "--job", "mixes_build_assistant", "--partition", "2025")
    assert releases(host.defs) == ["mixes/store/mix/assistant/2025/0001"]


@pytest.mark.marathon
def test_assets_are_materialised_in_processes_of_their_own_where_the_host_says_so(host: Host) -> None:
    folder = host.component("mixes", {"type": TYPE})
    small_project(folder)
    # The job works in one process; single assets follow the executor of the host, one process per step.
    output(host, "launch", "--job", "small_build_lawful", "--partition", "2020")
    shutil.rmtree(folder / "store/mix")
    assets = "key:small/selection/lawful or key:small/mix/lawful"
    output(host, "launch", "--assets", assets, "--partition", "2020")
    done = host.dagster(
        "asset", "materialize", "-m", "host.definitions", "--select", "small/mix/greedy", "--partition", "2020"
    )
    assert done.returncode != 0
    assert len(releases(host.defs)) == 1


def test_its_definitions_are_listed_beside_those_of_the_host(host: Host) -> None:
    folder = host.component(
        "mixes",
        {
            "type": TYPE,
            "attributes": {"project": "{{ env.WHERE }}/project.yaml", "key_prefix": "research/sea"},
            "requirements": {"env": ["WHERE"]},
            "post_processing": {
                "assets": [{"target": 'key:"research/sea/mix/*"', "attributes": {"tags": {"cost": "high"}}}]
            },
        },
    )
    small_project(folder / "elsewhere")
    (host.root / ".env").write_text("WHERE=elsewhere\n")
    listed = host.listed()
    assets = {one["asset_key"]: one for one in listed["assets"]}
    assert {"corpus", "research/sea/corpus", "research/sea/mix/lawful", "research/sea/sources/drafts"} <= set(assets)
    mix, selection = assets["research/sea/mix/lawful"], assets["research/sea/selection/lawful"]
    assert {"key": "cost", "value": "high"} in mix["tags"]
    assert {"key": "cost", "value": "high"} not in selection["tags"]
    assert mix["source"].startswith("src/host/defs/mixes/")
    assert {"build_all", "research_sea_build_all"} <= {job["name"] for job in listed["jobs"]}


def scaffolded(folder: Path, scaffold_format: str = "yaml", append: bool = False, **options: str) -> Path:
    """What `dg scaffold defs` does once it has found the component."""
    scaffold_object(folder, TYPE, json.dumps(options), scaffold_format, folder.parent, append)
    return folder


def test_scaffolding_for_a_declaration_that_is_there_names_it_and_makes_no_other(tmp_path: Path) -> None:
    path = small_project(tmp_path / "mixes")
    folder = scaffolded(tmp_path / "defs/sea", project=str(path.parent), key_prefix="research/sea")
    declared = yaml.safe_load((folder / "defs.yaml").read_text())["attributes"]
    assert declared == {"project": "../../mixes/project.yaml", "key_prefix": ["research", "sea"]}
    assert [one.name for one in folder.iterdir()] == ["defs.yaml"]


def test_scaffolding_keeps_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "sea"
    declaration = small_project(folder).read_text()
    scaffolded(folder)
    assert (folder / "project.yaml").read_text() == declaration
    with pytest.raises(click.ClickException, match=r"defs\.yaml is there already"):
        scaffolded(folder)
    with pytest.raises(click.ClickException, match=r"mixs/project\.yaml does not exist"):
        scaffolded(tmp_path / "other", project=str(tmp_path / "mixs/project.yaml"))
    with pytest.raises(click.ClickException, match="'my-team' cannot be part of a key prefix"):
        scaffolded(tmp_path / "another", key_prefix="my-team/sea")
    assert not (tmp_path / "another/project.yaml").exists()


def test_the_component_can_be_scaffolded_and_used_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pythonic/defs/mixes"
    monkeypatch.syspath_prepend(tmp_path)
    scaffolded(folder, "python", key_prefix="")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT.replace('"host"', '"pythonic"'))
    tree = dg.ComponentTree(defs_module=importlib.import_module("pythonic.defs"), project_root=tmp_path)
    keys = {"/".join(key.path) for key in tree.build_defs().resolve_asset_graph().get_all_asset_keys()}
    assert {"corpus", "mix/assistant"} <= keys


def test_a_wrong_declaration_is_told_by_file_and_line(host: Host) -> None:
    folder = host.component("mixes", {"type": TYPE})
    path = small_project(
        folder, PROJECT.replace("volatility: slow", "volatilty: slow").replace("uri: raw/gaz", "ur: raw/gaz")
    )
    done = host.dg("check", "defs")
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert f"{path}:6: unknown key `volatilty` in `domains.sea`; did you mean `volatility`?" in said
    assert f"{path}:18: unknown key `ur`" in said
    assert said.count("volatilty") == 1, "said once"


def test_a_wrong_attribute_is_told_by_check_yaml(host: Host) -> None:
    host.component("mixes", {"type": TYPE, "attributes": {"proect": "project.yaml"}})
    done = host.dg("check", "yaml")
    assert done.returncode == 1
    assert "defs.yaml:2" in done.stdout
    assert "'proect' was unexpected" in done.stdout


def test_the_schema_of_the_component_says_what_each_attribute_is() -> None:
    model = AnchorProject.get_model_cls()
    assert model is not None
    described = model.model_json_schema()["properties"]
    assert set(described) == {"project", "key_prefix"}
    assert all(one["description"] and one["examples"] for one in described.values())


def test_what_is_not_needed_is_not_imported(tmp_path: Path) -> None:
    small_project(tmp_path)
    code = """
import sys

HEAVY = ["dagster", "pyarrow", "polars", "duckdb", "scipy.optimize", "sklearn", "great_expectations", "pandas"]
def imported():
    return [name for name in HEAVY if name in sys.modules]

import anchor_pipeline
assert imported() == [], imported()
dir(anchor_pipeline)
anchor_pipeline.AnchorProject
assert imported() == ["dagster"], imported()
import anchor_pipeline.definitions
anchor_pipeline.definitions.defs.get_repository_def()
assert not {"scipy.optimize", "sklearn", "great_expectations", "pandas"} & set(imported()), imported()
"""
    environ = {**os.environ, "ANCHOR_PROJECT": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
