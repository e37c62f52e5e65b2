"""The Dagster instance of a project: the one whose runs the UI shows."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

from anchor_pipeline.project import Project
from anchor_pipeline.project.addresses import is_url


def prepare_home(project: Project) -> Path:
    """The folder of the instance: DAGSTER_HOME if the environment sets it, else dagster/ in the store.

    Beside a store at a URL it is .anchor/dagster in the project's folder: the instance needs a disk.

    Sets DAGSTER_HOME for this process and its children, and puts a dagster.yaml there if there is none.
    """
    base = project.root / ".anchor" if is_url(project.store_address) else project.store_path
    home = Path(os.environ.get("DAGSTER_HOME") or base / "dagster").absolute()
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        # Whole or not at all: half a file would be another configuration.
        half = home / f"dagster.yaml.{os.getpid()}"
        half.write_bytes(resources.files(__package__).joinpath("dagster.yaml").read_bytes())
        half.replace(config)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def serve_ui(project: Project, host: str, port: int) -> int:
    """Run Dagster's web server and daemon for the project until interrupted; gives their exit code."""
    prepare_home(project)
    environment = {**os.environ, "ANCHOR_PROJECT": str(project.path)}
    module = ["-m", "anchor_pipeline.definitions"]
    command = [sys.executable, "-m", "dagster", "dev", *module, "--host", host, "--port", str(port)]
    with subprocess.Popen(command, cwd=project.root, env=environment) as server:
        try:
            return server.wait()
        except KeyboardInterrupt:
            # It ends the processes that it has started; SIGTERM came to this one alone.
            server.terminate()
            server.wait()
            return 0
