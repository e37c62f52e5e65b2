"""`dg scaffold defs anchor_pipeline.AnchorProject`: a defs.yaml, and a small project where there is none yet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import dagster as dg
import yaml
from pydantic import BaseModel, Field

from anchor_pipeline.errors import AnchorError, UsageError
from anchor_pipeline.orchestration.keys import prefix_of
from anchor_pipeline.project import load_project

_PYTHON = '''\
"""Training mixes, built by anchor_pipeline."""

import dagster as dg
from anchor_pipeline import AnchorProject


@dg.component_instance
def load(context: dg.ComponentLoadContext) -> AnchorProject:
    return AnchorProject({arguments})
'''


class ScaffoldOptions(BaseModel):
    """What the command can be told."""

    project: str | None = Field(
        None, description="An existing project.yaml or its folder; without it a small project is made to start from."
    )
    key_prefix: str | None = Field(
        None, description="What asset keys begin with, parts separated by /; default: the name of the project."
    )


class ProjectScaffolder(dg.Scaffolder[ScaffoldOptions]):
    """Writes what the component needs in its folder."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldOptions]:
        return ScaffoldOptions

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldOptions]) -> None:
        """Raises ClickException, which `dg` shows as one message, if the declaration is wrong or a file is there."""
        # With `append` the target is the defs.yaml itself.
        folder = request.target_path.parent if request.append else request.target_path
        try:
            attributes = _attributes(folder, request.params)
            if request.scaffold_format == "python":
                arguments = ", ".join(f"{name}={value!r}" for name, value in attributes.items())
                _write(folder / "component.py", _PYTHON.format(arguments=arguments), "x")
            else:
                text = yaml.safe_dump({"type": request.type_name, "attributes": attributes}, sort_keys=False)
                _write(folder / "defs.yaml", f"---\n{text}" if request.append else text, "a" if request.append else "x")
        except AnchorError as error:
            raise click.ClickException(str(error)) from error


def _attributes(folder: Path, options: ScaffoldOptions) -> dict[str, Any]:
    """The attributes of the component in `folder`; makes the project if there is none."""
    attributes: dict[str, Any] = {"project": "project.yaml"}
    if options.key_prefix is not None:
        attributes["key_prefix"] = list(prefix_of(options.key_prefix))
    if options.project is not None:
        # Given from where the command runs, kept from where the defs.yaml lies: so the checkout can move as a whole.
        path = load_project(options.project).path
        attributes["project"] = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    elif not (folder / "project.yaml").exists():
        from anchor_pipeline.project.scaffold import init_project

        init_project(folder)
    return attributes


def _write(path: Path, text: str, mode: str) -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already and will not be overwritten; name another folder") from None
