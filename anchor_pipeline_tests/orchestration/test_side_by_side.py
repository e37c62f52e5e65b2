"""Several projects in one code location or in several: nothing of one clashes with the other, or with the host's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster.components.testing.utils import DefsFolderSandbox, create_defs_folder_sandbox

from anchor_pipeline.errors import UsageError
from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.component import WrongDeclaration
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.orchestration.host import OWN, Host, new_host
from anchor_pipeline_tests.projects import PROJECT, small_project

TYPE = "anchor_pipeline.AnchorProject"


def declared(folder: Path, name: str) -> Project:
    """The small project under another name: the same sources, stages and rules."""
    return load_project(small_project(folder / name, PROJECT.replace("project: small", f"project: {name}")))


@pytest.fixture
def north(tmp_path: Path) -> Project:
    return declared(tmp_path, "north")


@pytest.fixture
def south(tmp_path: Path) -> Project:
    return declared(tmp_path, "south")


def host_definitions() -> dg.Definitions:
    space: dict[str, Any] = {}
    exec(OWN, space)
    made: dg.Definitions = space["defs"]
    return made


def names(definitions: dg.Definitions) -> dict[str, set[str]]:
    """Everything that Dagster knows by a name which must be unique within a location, or an instance."""
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    jobs = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    return {
        "assets": {key.to_user_string() for key in graph.get_all_asset_keys()},
        "checks": {key.to_user_string() for key in graph.asset_check_keys},
        "groups": {str(graph.get(key).group_name) for key in graph.get_all_asset_keys()},
        "jobs": {job.name for job in jobs},
        "ops": {op.name for job in jobs for op in job.graph.node_defs},
        "schedules": {one.name for one in repository.schedule_defs},
        "sensors": {one.name for one in repository.sensor_defs if one.name != "default_automation_condition_sensor"},
    }


def mixes(project: Project) -> list[str]:
    store = project.store_path
    return sorted(str(path.parent.relative_to(store)) for path in store.glob("mix/**/MANIFEST.json"))


def test_no_name_of_one_project_is_a_name_of_the_other(north: Project, south: Project) -> None:
    first, second = names(definitions_for(north)), names(definitions_for(south))
    for kind, found in first.items():
        assert not found & second[kind], kind
        assert len(found) == len(second[kind]), kind
    assert all(first[kind] for kind in ("assets", "checks", "groups", "jobs", "ops"))


def test_both_build_in_one_location_each_into_its_own_store(
    north: Project, south: Project, instance: dg.DagsterInstance
) -> None:
    merged = dg.Definitions.merge(host_definitions(), definitions_for(north), definitions_for(south))
    dg.Definitions.validate_loadable(merged)
    for project in (north, south):
        job = merged.resolve_job_def(f"{project.project}_build_lawful")
        assert job.execute_in_process(instance=instance, partition_key="2020", run_config=QUIET).success
        assert mixes(project) == ["mix/lawful/2020/0001"]
    for project in (north, south):
        key = dg.AssetKey([project.project, "mix", "lawful"])
        assert instance.get_materialized_partitions(key) == {"2020"}
    assert not instance.get_materialized_partitions(dg.AssetKey(["mix", "lawful"]))


def test_the_definitions_of_the_host_stay_as_they_are(north: Project) -> None:
    own = host_definitions()
    merged = dg.Definitions.merge(own, definitions_for(north))
    assert merged.executor is own.executor
    assert merged.resources == own.resources
    assert merged.loggers == own.loggers
    both, alone = names(merged), names(definitions_for(north))
    assert both["assets"] - alone["assets"] == {"corpus"}
    assert both["jobs"] - alone["jobs"] == {"build_all"}
    assert merged.resolve_job_def("build_all").executor_def.name == "multiprocess"
    assert merged.resolve_job_def("north_build_all").executor_def.name == "in_process"


def test_the_same_project_twice_is_refused_by_name_of_the_key(north: Project) -> None:
    twice = dg.Definitions.merge(definitions_for(north), definitions_for(north))
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"Duplicate asset key.*'north', 'sources', 'logbooks'"):
        dg.Definitions.validate_loadable(twice)
    again = dg.Definitions.merge(definitions_for(north), definitions_for(north, key_prefix=["again"]))
    dg.Definitions.validate_loadable(again)


def test_a_prefix_of_which_no_names_can_be_made_is_refused(north: Project) -> None:
    with pytest.raises(UsageError, match="'my-team' cannot be part of a key prefix; use letters, digits and _"):
        definitions_for(north, key_prefix=["my-team"])


@pytest.fixture
def sandbox() -> Iterator[DefsFolderSandbox]:
    with create_defs_folder_sandbox() as made:
        yield made


def component(sandbox: DefsFolderSandbox, path: str, *projects: Project, **attributes: object) -> None:
    folder = sandbox.defs_folder_path / path
    folder.mkdir(parents=True)
    documents = [{"type": TYPE, "attributes": {"project": str(one.path), **attributes}} for one in projects]
    (folder / "defs.yaml").write_text("---\n".join(yaml.safe_dump(document) for document in documents))


def test_components_stand_side_by_side_in_folders_and_in_one_file(
    sandbox: DefsFolderSandbox, north: Project, south: Project
) -> None:
    component(sandbox, "both", north, south)
    component(sandbox, "third", north, key_prefix="third/north")
    component(sandbox, "bare", south, key_prefix=[])
    with sandbox.build_all_defs() as definitions:
        dg.Definitions.validate_loadable(definitions)
        found = names(definitions)["assets"]
    assert {"north/corpus", "south/corpus", "third/north/corpus", "corpus"} <= found


def test_two_components_of_one_project_are_told_where_both_are_and_what_to_do(
    sandbox: DefsFolderSandbox, north: Project
) -> None:
    component(sandbox, "one", north)
    component(sandbox, "two", north)
    with pytest.raises(Exception, match="Error while building definitions") as caught, sandbox.build_all_defs():
        pass
    cause = caught.value.__cause__
    while cause is not None and not isinstance(cause, WrongDeclaration):
        cause = cause.__cause__
    assert "one[0] and two[0] would both name their mixes north/mix/…; give one of them another `key_prefix`" in str(
        cause
    )


def test_a_location_is_loaded_again_with_what_the_declaration_says_then(
    sandbox: DefsFolderSandbox, north: Project
) -> None:
    component(sandbox, "one", north)
    with sandbox.build_all_defs() as definitions:
        assert "north/mix/greedy" in names(definitions)["assets"]
    north.path.write_text(north.path.read_text().replace("  greedy:\n", "  modest:\n"))
    with sandbox.build_all_defs() as definitions:
        found = names(definitions)["assets"]
    assert "north/mix/modest" in found
    assert "north/mix/greedy" not in found


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return new_host(tmp_path / "host")


@pytest.mark.slow
def test_locations_of_a_workspace_are_valid_side_by_side(host: Host, north: Project, south: Project) -> None:
    for project in (north, south):
        (host.root / f"{project.project}_location.py").write_text(
            "from anchor_pipeline import definitions_for, load_project\n\n"
            f"defs = definitions_for(load_project({str(project.path)!r}))\n"
        )
    files = ["north_location.py", "south_location.py"]
    entries: list[Any] = [{"python_file": {"relative_path": name, "location_name": name[:5]}} for name in files]
    entries.append({"python_module": {"module_name": "anchor_pipeline.definitions", "location_name": "single"}})
    (host.root / "workspace.yaml").write_text(yaml.safe_dump({"load_from": entries}))
    validate = ("definitions", "validate", "-w", "workspace.yaml")
    done = host.dagster(*validate, ANCHOR_PROJECT=str(north.path))
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert [name for name in ("north", "south", "single") if f"code location {name}" not in said] == []


@pytest.mark.slow
def test_locations_share_an_instance_and_each_builds_into_its_own_store(
    host: Host, north: Project, south: Project
) -> None:
    for project in (north, south):
        environ = {"ANCHOR_PROJECT": str(project.path), "ANCHOR_KEY_PREFIX": f"team/{project.project}"}
        job = ("job", "execute", "-m", "anchor_pipeline.definitions", "-j", f"team_{project.project}_build_lawful")
        done = host.dagster(*job, "--tags", '{"dagster/partition": "2020"}', **environ)
        assert done.returncode == 0, done.stdout + done.stderr
    assert mixes(north) == mixes(south) == ["mix/lawful/2020/0001"]
    with dg.DagsterInstance.from_config(str(host.root / "home")) as instance:
        for name in ("north", "south"):
            assert instance.get_materialized_partitions(dg.AssetKey(["team", name, "mix", "lawful"])) == {"2020"}
