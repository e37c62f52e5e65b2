from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import load_project
from anchor_pipeline.project.scaffold import init_project, project_name


def test_it_writes_a_project_that_loads(tmp_path: Path) -> None:
    folder = tmp_path / "Bike shop"
    written = init_project(folder)
    assert written == sorted(path for path in folder.rglob("*") if path.is_file())
    project = load_project(folder)
    assert project.project == "bike_shop"
    assert project.calendar.at("2025").key == "2025"


def test_every_source_finds_its_file_with_the_columns_it_names(tmp_path: Path) -> None:
    init_project(tmp_path / "shop")
    project = load_project(tmp_path / "shop")
    for source in project.sources.values():
        rows = [json.loads(line) for line in (project.root / str(source.uri)).read_text("utf-8").splitlines()]
        assert len(rows) == 12
        columns = {spec.column for _, spec in source.fields if spec is not None and spec.column}
        assert all(columns <= set(row) for row in rows)


def test_parents_of_the_replies_are_documents_of_the_project(tmp_path: Path) -> None:
    init_project(tmp_path / "shop")
    data = tmp_path / "shop" / "data"
    tickets = {f"tickets/{json.loads(line)['id']}" for line in (data / "tickets.jsonl").read_text("utf-8").splitlines()}
    replies = [json.loads(line) for line in (data / "replies.jsonl").read_text("utf-8").splitlines()]
    assert {parent for reply in replies for parent in reply["made_from"]} == tickets


def test_it_brings_the_schema_that_the_declaration_names(tmp_path: Path) -> None:
    init_project(tmp_path / "shop")
    text = (tmp_path / "shop" / "project.yaml").read_text("utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(.*)", text)
    assert named is not None
    schema = json.loads((tmp_path / "shop" / named[1]).read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    declared = json.loads(json.dumps(yaml.safe_load(text), default=str))
    jsonschema.validate(declared, schema)


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tickets.jsonl").write_text("mine", "utf-8")
    with pytest.raises(UsageError, match=r"tickets\.jsonl is there already"):
        init_project(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["tickets.jsonl"]
    assert (tmp_path / "data" / "tickets.jsonl").read_text("utf-8") == "mine"


def test_a_second_time_is_refused(tmp_path: Path) -> None:
    init_project(tmp_path)
    with pytest.raises(UsageError, match="are there already"):
        init_project(tmp_path)


def test_a_link_that_leads_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "project.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    with pytest.raises(UsageError, match=r"project\.yaml is there already"):
        init_project(tmp_path)


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(UsageError, match="cannot be written"):
        init_project(tmp_path / "file")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("shop", "shop"),
        ("My shop (2)", "my_shop_2"),
        ("2025-mix", "project_2025_mix"),
        ("Überblick", "uberblick"),
        ("…", "my_project"),
        ("x" * 80, "x" * 63),
    ],
)
def test_names_are_made_valid(folder: str, name: str) -> None:
    assert project_name(Path(folder)) == name
