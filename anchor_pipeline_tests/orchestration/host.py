"""Somebody else's Dagster project, on disk, and the commands that its team types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from anchor_pipeline_tests.orchestration.conftest import CONFIGURATION

PYPROJECT = """
[project]
name = "host"
version = "0.1.0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "host"
"""

DEFINITIONS = """
from pathlib import Path

import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""

OWN = """
import dagster as dg


@dg.asset
def corpus() -> None: ...


build_all = dg.define_asset_job("build_all", selection=[corpus])


class Engine(dg.ConfigurableResource):
    pass


defs = dg.Definitions(
    assets=[corpus],
    jobs=[build_all],
    resources={"engine": Engine()},
    loggers={"console": dg.colored_console_logger},
    executor=dg.multiprocess_executor,
)
"""
"""What the host has of its own: the names that we would use without a prefix, an executor, a resource, a logger."""


@dataclass(frozen=True)
class Host:
    """What `create-dagster project` makes, with some definitions of its own."""

    root: Path

    @property
    def defs(self) -> Path:
        """The folder of its definitions."""
        return self.root / "src/host/defs"

    def component(self, path: str, *documents: dict[str, Any]) -> Path:
        """Write a defs.yaml of one or several components; gives its folder."""
        folder = self.defs / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "defs.yaml").write_text("---\n".join(yaml.safe_dump(document) for document in documents))
        return folder

    def dg(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `dg` in the project."""
        return self.run("dagster_dg_cli.cli", *arguments, **environ)

    def dagster(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `dagster` in the project."""
        return self.run("dagster", *arguments, **environ)

    def run(self, module: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the command with an instance of its own, and nothing told to anybody outside."""
        own = {
            "DAGSTER_HOME": str(self.root / "home"),
            "DG_CLI_CONFIG": str(self.root / "dg_user.toml"),
            "HOME": str(self.root),
            "PYTHONPATH": str(self.root / "src"),
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }
        command = [sys.executable, "-m", module, *arguments]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "ANCHOR_"))}
        return subprocess.run(
            command, cwd=self.root, env={**kept, **own, **environ}, capture_output=True, text=True, timeout=300
        )

    def listed(self, *arguments: str) -> dict[str, Any]:
        """What `dg list defs` says."""
        done = self.dg("list", "defs", "--json", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def new_host(root: Path) -> Host:
    """A host in a new folder."""
    host = Host(root)
    host.defs.mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "src/host/__init__.py").touch()
    (root / "src/host/definitions.py").write_text(DEFINITIONS)
    (host.defs / "__init__.py").touch()
    (host.defs / "own.py").write_text(OWN)
    (root / "home").mkdir()
    (root / "home/dagster.yaml").write_bytes(CONFIGURATION.read_bytes())
    (root / "dg_user.toml").write_text("[cli]\ntelemetry.enabled = false\n")
    return host
