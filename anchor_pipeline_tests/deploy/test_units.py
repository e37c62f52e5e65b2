"""The systemd units start what the tested Procfile starts, and systemd itself finds nothing wrong with them."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from anchor_pipeline_tests.deploy.processes import PROCESSES

UNITS = PROCESSES / "systemd"
BIN = "/opt/anchor/.venv/bin/"


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string((UNITS / name).read_text())
    return parser


def procfile() -> dict[str, str]:
    lines = (PROCESSES / "Procfile").read_text().splitlines()
    return {name: command.strip() for name, _, command in (line.partition(":") for line in lines)}


def test_each_unit_runs_the_command_of_the_procfile() -> None:
    services = {path.stem.removeprefix("anchor-") for path in UNITS.glob("anchor-*.service")} - {"migrate"}
    assert services == set(procfile())
    for name, command in procfile().items():
        assert unit(f"anchor-{name}.service")["Service"]["ExecStart"] == BIN + command


def test_the_target_starts_all_of_them_after_the_tables_are_there() -> None:
    names = {f"anchor-{name}.service" for name in procfile()}
    assert set(unit("anchor.target")["Unit"]["Wants"].split()) == names
    for name in names:
        assert "anchor-migrate.service" in unit(name)["Unit"]["Requires"].split()
        assert "anchor-migrate.service" in unit(name)["Unit"]["After"].split()
        assert unit(name)["Service"]["Restart"] == "on-failure"


def test_all_units_share_user_and_settings_and_none_is_root() -> None:
    shared = [
        tuple(unit(path.name)["Service"][key] for key in ("User", "WorkingDirectory", "EnvironmentFile", "Environment"))
        for path in sorted(UNITS.glob("*.service"))
    ]
    assert len(set(shared)) == 1
    assert shared[0][0] != "root"


def test_every_variable_of_a_command_is_set_in_the_example_of_the_settings() -> None:
    example = (PROCESSES / "anchor.env.example").read_text()
    used = {part.partition("}")[0] for command in procfile().values() for part in command.split("${")[1:]}
    assert used == {"ANCHOR_CODE_PORT", "ANCHOR_UI_PORT"}
    # systemd knows no defaults, so they must not be commented out.
    assert all(f"\n{name}=" in example for name in used)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    for path in UNITS.iterdir():
        # systemd looks whether the programs are there; here they are in another place.
        (tmp_path / path.name).write_text(path.read_text().replace(BIN, f"{Path(sys.executable).parent}/"))
    names = [str(tmp_path / path.name) for path in sorted(UNITS.iterdir())]
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True)
    ours = [line for line in said.stderr.splitlines() if "anchor" in line]
    assert (said.returncode, ours) == (0, []), said.stderr
