"""The `anchor` command: a thin face over the steps.

Exit codes: 0 fine, 1 refused by rules, 2 wrong declaration or usage, 3 damaged or unreadable data or storage,
130 and 143 stopped by SIGINT and SIGTERM.
Only `build` and `ui` import dagster, and nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anchor_pipeline import __version__
from anchor_pipeline.cli_authority import authority
from anchor_pipeline.cli_calibrate import calibrate
from anchor_pipeline.cli_export import export
from anchor_pipeline.cli_inventory import inventory
from anchor_pipeline.cli_keys import keys
from anchor_pipeline.cli_ledger import ledger
from anchor_pipeline.cli_lineage import delivering, lineage
from anchor_pipeline.cli_origin import origin
from anchor_pipeline.cli_probe import probe
from anchor_pipeline.cli_prove import approve, prove
from anchor_pipeline.cli_recall import quarantine, recall, trace
from anchor_pipeline.cli_validate import validate_lineage
from anchor_pipeline.errors import AnchorError, DeclarationError, UsageError
from anchor_pipeline.interrupts import Interrupted, Interrupts
from anchor_pipeline.project import Project, load_project
from anchor_pipeline.project.addresses import without_credentials
from anchor_pipeline.project.cycles import Cycle

if TYPE_CHECKING:
    from anchor_pipeline.outcome import Results

REFUSED = 1
DAMAGED = 3


def main() -> None:
    """Run the command; an expected error ends in one clear message and its exit code, never in a stack trace."""
    interrupts = Interrupts()
    try:
        with interrupts:
            code = anchor(standalone_mode=False) or 0
        sys.exit(code)
    except (click.exceptions.Abort, KeyboardInterrupt) as stop:
        # click makes an Abort of the interrupt that it meets.
        known = next((one for one in (stop, stop.__cause__) if isinstance(one, Interrupted)), None)
        cause = known or Interrupted(interrupts.came or signal.SIGINT)
        _fail(str(cause), cause.exit_code, [])
    except click.ClickException as error:
        _fail(str(error.format_message()), 2, [])
    except DeclarationError as error:
        _fail(str(error), error.exit_code, [vars(problem) for problem in error.problems])
    except AnchorError as error:
        _fail(str(error), error.exit_code, [])
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        sys.stderr.close()
        sys.exit(0)


def _nobody_reads() -> bool:
    """Whether it was the output that broke, as with `| head`, and not some other pipe."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        return True
    return False


def _fail(message: str, code: int, problems: list[dict[str, Any]]) -> None:
    if "--json" in sys.argv:
        click.echo(json.dumps({"error": {"message": message, "exit_code": code, "problems": problems}}, indent=2))
    click.echo(message, err=True)
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="anchor")
def anchor() -> None:
    """Build training mixes that hold every declared rule, or refuse with the reason."""


keys.add_command(authority)
anchor.add_command(calibrate)
anchor.add_command(export)
anchor.add_command(inventory)
anchor.add_command(keys)
anchor.add_command(ledger)
anchor.add_command(lineage)
anchor.add_command(origin)
anchor.add_command(probe)
anchor.add_command(quarantine)
anchor.add_command(recall)
anchor.add_command(trace)
anchor.add_command(prove)
anchor.add_command(approve)
anchor.add_command(validate_lineage)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """PROJECT, --cycle, --stage, --json: what check, plan and build have in common."""

    @wraps(command)
    def loaded(project: Path, cycle: str | None, stage: tuple[str, ...], as_json: bool) -> Any:
        declared = load_project(project)
        return command(declared, _cycle(declared, cycle), _stages(declared, stage), as_json)

    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else."),
        click.option("--stage", multiple=True, help="Only this stage; may be given several times."),
        click.option("--cycle", help="Which cycle, such as 2021-07; default: the newest one."),
        click.argument("project", type=click.Path(path_type=Path)),
    ):
        loaded = decorate(loaded)
    return loaded


def _cycle(project: Project, key: str | None) -> Cycle:
    now, unfinished = datetime.now(UTC), project.cycle.unfinished
    if key is None:
        return project.calendar.latest(now, unfinished=unfinished)
    try:
        return project.calendar.at(key)
    except ValueError as error:
        raise UsageError(f"--cycle: {error}") from None


def _check_over(project: Project, cycle: Cycle) -> None:
    now = datetime.now(UTC)
    if cycle.end > now and not (project.cycle.unfinished and cycle.start <= now):
        raise UsageError(
            f"cycle {cycle.key} is not over before {cycle.end:%Y-%m-%d %H:%M} UTC; name an earlier one with --cycle, "
            "or declare `unfinished: true` under `cycle` to build the cycle that still runs"
        )


def _stages(project: Project, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in project.stages:
            raise UsageError(f"--stage: {name!r} is not declared; stages are {', '.join(project.stages)}")
    return tuple(dict.fromkeys(names))


@anchor.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Make a small project in FOLDER that builds as it is: a start to edit."""
    from anchor_pipeline.project.scaffold import init_project

    for path in init_project(folder):
        click.echo(path)
    click.echo(f"next: anchor build {folder}")


@anchor.command()
@_options
def check(project: Project, cycle: Cycle, stages: tuple[str, ...], as_json: bool) -> None:
    """Check the declaration, and that its local files are there. Reads no data."""
    from anchor_pipeline.project.presence import missing_files

    absent = missing_files(project)
    if as_json:
        summary = {"project": project.project, "cycle": cycle.key, "stages": list(stages or project.stages)}
        click.echo(json.dumps({**summary, "sources": list(project.sources), "no_files": absent}, indent=2))
        return
    for name, uri in absent.items():
        click.echo(f"warning: source {name}: no file matches {uri}", err=True)
    count = f"{len(project.sources)} sources, {len(project.stages)} stages"
    click.echo(f"{project.path}: fine ({count}, cycle {cycle.key}, as of {cycle.as_of:%Y-%m-%d %H:%M} UTC)")


@anchor.command()
@_options
def plan(project: Project, cycle: Cycle, stages: tuple[str, ...], as_json: bool) -> int:
    """Read the sources and show what each stage would draw and what it lacks. Releases nothing."""
    from anchor_pipeline import outcome, steps
    from anchor_pipeline.console import Progress

    _check_over(project, cycle)
    wanted = stages or tuple(project.stages)
    watcher = outcome.Watcher()
    bar = Progress(_console(), len(project.sources) + 1 + len(wanted))
    with delivering(project) as courier, bar as progress:
        place = steps.Workplace(project, (progress, watcher, courier))
        steps.plan_all(place, wanted, cycle)
    return _show(outcome.results(place, cycle, wanted, watcher), as_json, outcome.plan_lines)


@anchor.command()
@_options
def build(project: Project, cycle: Cycle, stages: tuple[str, ...], as_json: bool) -> int:
    """Build the mixes of a cycle as a Dagster run in this process, or refuse with the reason."""
    from anchor_pipeline import outcome, steps
    from anchor_pipeline.console import Progress
    from anchor_pipeline.orchestration.build import build as run

    _check_over(project, cycle)
    wanted = stages or tuple(project.stages)
    watcher = outcome.Watcher()
    bar = Progress(_console(), len(project.sources) + 1 + 2 * len(wanted))
    with delivering(project) as courier, bar as progress:
        run(project, cycle, stages, (progress, watcher, courier))
    return _show(outcome.results(steps.Workplace(project), cycle, wanted, watcher), as_json, outcome.build_lines)


@anchor.command()
@click.argument("mix")
@click.option("--root", type=click.Path(path_type=Path), help="The root key you trust (root.pub.json).")
@click.option(
    "--pin",
    type=click.Path(path_type=Path),
    help="File with the last head of the ledger that you saw: an older or another one fails. Replaced if all holds.",
)
@click.option(
    "--rows/--no-rows", default=True, help="Compute digests and shares from the rows again, or hash the files only."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")
def verify(mix: str, root: Path | None, pin: Path | None, rows: bool, as_json: bool) -> int:
    """Check a released MIX, a folder or URL: every digest, count and share, and its chain of custody.

    From its files alone; --root says whose word the chain of custody has to begin with.
    """
    from anchor_pipeline.custody.key_files import read_public
    from anchor_pipeline.custody.pins import keep_pin, read_pin
    from anchor_pipeline.mix.verify import head_of, verify_mix
    from anchor_pipeline.mix.wording import check_lines

    seen = None if pin is None else read_pin(pin)
    findings = verify_mix(
        mix, rows=rows, root=None if root is None else read_public(root), pins=[] if seen is None else [seen]
    )
    if pin is not None and all(one.ok for one in findings):
        keep_pin(pin, head_of(mix))
    bad = [one for one in findings if not one.ok]
    if as_json:
        listed = [{"what": one.what, "ok": one.ok, "refused": one.refused, "detail": one.detail} for one in findings]
        click.echo(json.dumps({"mix": without_credentials(mix), "ok": not bad, "findings": listed}, indent=2))
    else:
        for line in check_lines(findings):
            click.echo(line)
    return DAMAGED if any(not one.refused for one in bad) else REFUSED if bad else 0


@anchor.command()
@click.option(
    "--of",
    type=click.Choice(["project", "build", "manifest"]),
    default="project",
    show_default=True,
    help="project.yaml, the output of build --json, or MANIFEST.json.",
)
def schema(of: str) -> None:
    """Print a JSON Schema, so that editors complete project.yaml and programs can rely on the output."""
    click.echo(json.dumps(_schema(of), indent=2))


def _schema(of: str) -> dict[str, Any]:
    if of == "build":
        from anchor_pipeline.outcome import build_schema

        return build_schema()
    if of == "manifest":
        from anchor_pipeline.mix.manifest import manifest_schema

        return manifest_schema()
    from anchor_pipeline.project.schema import project_schema

    return project_schema()


@anchor.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=3000, show_default=True)
def ui(project: Path, host: str, port: int) -> int:
    """Open the Dagster UI of PROJECT, on the instance that `anchor build` uses."""
    from anchor_pipeline.orchestration.home import serve_ui

    return serve_ui(load_project(project), host, port)


def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True)


def _show(found: Results, as_json: bool, lines: Callable[[Results], list[str]]) -> int:
    """Print what a build or plan came to; gives the exit code."""
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2))
    else:
        for line in lines(found):
            click.echo(line)
    return found.exit_code
