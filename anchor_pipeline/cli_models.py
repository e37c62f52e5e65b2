"""What the commands about frozen models share: their options, the cycle that is meant, the model that is meant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import Project

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store

PROJECT = click.argument("project", type=click.Path(path_type=Path))
SINCE = click.option("--since", help="First cycle in which this holds; default: the newest one.")
SIGNED_OFF = click.option("--signed-off", default="", help="Who answers for it.")


def cycle_key(project: Project, key: str | None, option: str = "--since") -> str:
    """The key of the cycle that was asked for, or of the newest. UsageError, naming the option, if it is none."""
    if key is None:
        return project.calendar.latest(datetime.now(UTC), unfinished=project.cycle.unfinished).key
    try:
        return project.calendar.at(key).key
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def store_of(project: Project) -> Store:
    """The project's store."""
    from anchor_pipeline.corpus.store import Store

    return Store.at(project.store_address)


def model_digest(kind: str, which: str, known: Sequence[tuple[str, str]]) -> str:
    """The digest of the newest model of that name, or of the only one whose digest begins so.

    `known`: names and digests, oldest first. UsageError, with those there are, if it is none or several.
    """
    named = [digest for name, digest in known if name == which]
    begun = sorted({digest for _, digest in known if len(which) >= 4 and digest.startswith(which)})
    if named:
        return named[-1]
    if len(begun) == 1:
        return begun[0]
    there = ", ".join(f"{name} ({digest[:12]})" if name else digest[:12] for name, digest in known) or "none"
    raise UsageError(f"{which!r} is not the name of one {kind}, nor how only its digest begins; there are {there}")
