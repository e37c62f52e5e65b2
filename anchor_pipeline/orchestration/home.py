"""The Dagster instance of a project: the one whose runs the UI shows."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

from anchor_pipeline.project import Project


def prepare_home(project: Project) -> Path:
    """The folder of the instance: DAGSTER_HOME if the environment sets it, else dagster/ in the store.

    Sets DAGSTER_HOME for this process and its children, and puts a dagster.yaml there if there is none.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or project.store_path / "dagster").absolute()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_bytes(resources.files(__package__).joinpath("dagster.yaml").read_bytes())
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def serve_ui(project: Project, host: str, port: int) -> int:
    """Run Dagster's web server and daemon for the project until interrupted; gives their exit code."""
    prepare_home(project)
    environment = {**os.environ, "ANCHOR_PROJECT": str(project.path)}
    module = ["-m", "anchor_pipeline.definitions"]
    command = [sys.executable, "-m", "dagster", "dev", *module, "--host", host, "--port", str(port)]
    try:
        return subprocess.run(command, cwd=project.root, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 0
