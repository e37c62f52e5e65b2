"""Command lines of deployments, understood by the very commands that they call, without running them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click


def understood(command: Sequence[str]) -> dict[str, Any]:
    """The options of a command line of Dagster; click.UsageError if it has none such."""
    from dagster._cli import create_dagster_cli
    from dagster._daemon.cli import create_dagster_daemon_cli
    from dagster_webserver.cli import dagster_webserver

    programs: dict[str, click.Command] = {
        "dagster": create_dagster_cli(),  # type: ignore[no-untyped-call]
        "dagster-daemon": create_dagster_daemon_cli(),
        "dagster-webserver": dagster_webserver,
    }
    found, arguments = programs[command[0]], list(command[1:])
    with click.Context(found) as context:
        while isinstance(found, click.Group):
            name = arguments.pop(0)
            inner = found.get_command(context, name)
            if inner is None:
                raise click.UsageError(f"{command[0]} has no command {name}")
            found = inner
    return dict(found.make_context(command[0], arguments).params)
