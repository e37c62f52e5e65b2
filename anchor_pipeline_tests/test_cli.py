"""The command: its exit codes, what it prints, and that `--json` prints one document and nothing else."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.outcome import build_schema
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.projects import PROJECT, small_project


def document(out: str) -> dict[str, Any]:
    """The one JSON document, valid under the published schema."""
    value: dict[str, Any] = json.loads(out)
    jsonschema.Draft202012Validator(build_schema()).validate(value)
    return value


def test_a_lawful_stage_is_released_and_read(anchor: Run, tmp_path: Path) -> None:
    small_project(tmp_path)
    code, out, _ = anchor("build", tmp_path, "--cycle", "2020", "--stage", "lawful", "--json")
    assert code == 0
    (verdict,) = document(out)["verdicts"]
    assert (verdict["stage"], verdict["status"]) == ("lawful", "pass")
    assert {finding["rule"] for finding in verdict["findings"]} >= {"anchor_share", "conservation", "entropy_band"}
    assert sum(row["tokens"] for row in open_mix(verdict["release"]).rows()) == 2000 - 2000 % 31
    code, out, _ = anchor("verify", verdict["release"])
    assert code == 0
    assert "DAMAGED" not in out


def test_a_refusal_says_rule_domain_numbers_and_remedy(anchor: Run, tmp_path: Path) -> None:
    small_project(tmp_path)
    code, out, _ = anchor("build", tmp_path, "--cycle", "2020")
    assert code == 1
    assert "greedy 2020: refused" in out
    (line,) = [line for line in out.splitlines() if "BLOCKS" in line and "stage_tokens" in line]
    assert "40,000" in line
    assert "missing: `sea` lacks" in out
    assert "lawful/2020/0001" in out
    code, out, _ = anchor("build", tmp_path, "--cycle", "2020", "--json")
    assert code == 1
    refused = document(out)["verdicts"][1]
    assert (refused["status"], refused["release"]) == ("fail", None)
    failing = [finding for finding in refused["findings"] if finding["status"] == "fail"]
    assert all(finding["message"] and finding["severity"] for finding in failing)


def test_plan_shows_what_lacks_and_releases_nothing(anchor: Run, tmp_path: Path) -> None:
    small_project(tmp_path)
    code, out, _ = anchor("plan", tmp_path, "--cycle", "2020")
    assert code == 1
    assert "NOT LAWFUL" in out
    assert not (tmp_path / "store/mix").exists()
    code, out, _ = anchor("plan", tmp_path, "--cycle", "2020", "--stage", "lawful", "--json")
    assert code == 0
    assert document(out)["verdicts"][0]["plans"]["text"]["lawful"]


def test_unreadable_data_end_in_3_and_name_file_and_place(anchor: Run, tmp_path: Path) -> None:
    small_project(tmp_path, PROJECT.replace("gazette.jsonl", "gazette.jsonl.gz"))
    whole = gzip.compress((tmp_path / "raw/gazette.jsonl").read_bytes())
    (tmp_path / "raw/gazette.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    code, out, _ = anchor("build", tmp_path, "--cycle", "2020", "--stage", "lawful")
    assert code == 3
    assert "unreadable: gazette: " in out
    assert "gazette.jsonl.gz, byte" in out
    code, out, _ = anchor("build", tmp_path, "--cycle", "2020", "--stage", "lawful", "--json")
    assert code == 3
    assert list(document(out)["unreadable"]) == ["gazette"]


def test_damaged_releases_end_in_3(anchor: Run, tmp_path: Path) -> None:
    small_project(tmp_path)
    anchor("build", tmp_path, "--cycle", "2020", "--stage", "lawful")
    part = next((tmp_path / "store/mix/lawful/2020/0001/data").iterdir())
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    code, out, _ = anchor("verify", tmp_path / "store/mix/lawful/2020/0001", "--json")
    assert code == 3
    assert not json.loads(out)["ok"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["build", "{p}", "--cycle", "21"], "keys read 2021"),
        (["build", "{p}", "--cycle", "2018"], "before the declared start"),
        (["build", "{p}", "--cycle", "2999"], "is not over before 3000-01-01"),
        (["build", "{p}", "--stage", "lawfull"], "stages are lawful, greedy"),
        (["build", "{p}/nowhere"], "anchor init"),
        (["build"], "Missing argument"),
        (["biuld", "{p}"], "No such command"),
        (["check", "{p}", "--josn"], "No such option"),
        (["init", "{p}"], "project.yaml"),
    ],
)
def test_wrong_usage_ends_in_2_with_one_clear_message(
    anchor: Run, tmp_path: Path, arguments: list[str], said: str
) -> None:
    small_project(tmp_path)
    code, out, err = anchor(*(argument.format(p=tmp_path) for argument in arguments))
    assert code == 2
    assert said in err
    assert "Traceback" not in err + out


def test_a_wrong_declaration_ends_in_2_with_file_and_line(anchor: Run, tmp_path: Path) -> None:
    path = small_project(tmp_path, PROJECT.replace("kind: anchor", "kind: ancor"))
    code, _, err = anchor("check", path)
    assert code == 2
    assert f"{path}:9: `sources.logbooks.kind`" in err
    code, out, _ = anchor("check", path, "--json")
    assert code == 2
    assert json.loads(out)["error"]["problems"][0]["line"] == 9


def test_check_is_fine_or_warns_of_missing_files(anchor: Run, tmp_path: Path) -> None:
    small_project(tmp_path)
    code, out, err = anchor("check", tmp_path)
    assert (code, err) == (0, "")
    assert "3 sources, 2 stages" in out
    (tmp_path / "raw/gazette.jsonl").unlink()
    code, _, err = anchor("check", tmp_path)
    assert code == 0
    assert "gazette: no file matches raw/gazette.jsonl" in err


@pytest.mark.parametrize("of", ["project", "build", "manifest"])
def test_schemas_are_schemas(anchor: Run, of: str) -> None:
    code, out, _ = anchor("schema", "--of", of)
    assert code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(out))


def test_init_makes_a_project_that_builds(anchor: Run, tmp_path: Path) -> None:
    assert anchor("init", tmp_path / "new")[0] == 0
    code, out, _ = anchor("build", tmp_path / "new", "--cycle", "2025", "--json")
    assert code == 0, out
    assert all(verdict["release"] for verdict in document(out)["verdicts"])


def test_as_a_process_it_prints_the_document_and_nothing_else(tmp_path: Path) -> None:
    small_project(tmp_path)
    command = [sys.executable, "-m", "anchor_pipeline", "build", str(tmp_path), "--cycle", "2020", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    document(ended.stdout)
    assert "Traceback" not in ended.stderr
    assert "dagster" not in ended.stderr.lower(), "the log of the orchestrator is for its UI"
