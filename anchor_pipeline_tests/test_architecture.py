"""The house keeps its own rules: floors, small files, light imports, one dagster.yaml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]


def test_no_import_runs_upward_and_only_the_shell_imports_dagster(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename="pyproject.toml", cache_dir=None) == 0, capsys.readouterr().out


def test_files_hold_one_idea() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "anchor_pipeline").rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 350
    }
    assert long == {}


def test_the_steps_import_neither_great_expectations_nor_scikit_learn_nor_dagster() -> None:
    code = (
        "import sys, anchor_pipeline.steps, anchor_pipeline.outcome\n"
        "print(sorted({'great_expectations', 'sklearn', 'pandas', 'dagster', 'torch', 'datasets'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_the_instance_of_the_package_is_the_one_at_the_top_level() -> None:
    packaged = ROOT / "anchor_pipeline/orchestration/dagster.yaml"
    assert packaged.read_bytes() == (ROOT / "dagster.yaml").read_bytes()


def test_the_command_and_the_package_have_one_version() -> None:
    import anchor_pipeline

    out = subprocess.run(
        [sys.executable, "-m", "anchor_pipeline", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert anchor_pipeline.__version__ in out
