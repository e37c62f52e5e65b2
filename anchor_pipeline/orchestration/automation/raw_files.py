"""The sensor for raw files: new, changed and removed ones start a build of the newest cycle, once they are finished."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import dagster as dg

from anchor_pipeline.errors import AnchorError
from anchor_pipeline.orchestration.automation.listings import ABSENT, Listings
from anchor_pipeline.orchestration.automation.missed import Outcomes
from anchor_pipeline.orchestration.automation.schedules import build_request
from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.looks.tags import CYCLE, stage_tags
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle

INTERVAL = 60
"""Seconds between two looks. Files count as finished when they are the same in two looks."""

PATIENCE = 40.0
"""Seconds for one look; Dagster ends a tick after 60."""


@dataclass
class Cursor:
    """What the sensor remembers: two digests per source, however many files it has."""

    seen: dict[str, str] = field(default_factory=dict)
    """At the last look."""
    built: dict[str, str] = field(default_factory=dict)
    """At the last build that was asked for."""
    requests: int = 0
    since: str = ""
    """When the sensor began to remember, so that run keys of another time are not taken for its own."""

    @staticmethod
    def read(text: str | None) -> Cursor | None:
        """None if there is none, or it is not ours; then the sensor starts anew."""
        try:
            return Cursor(**json.loads(text)) if text else None
        except (ValueError, TypeError):
            return None

    def write(self) -> str:
        return json.dumps(vars(self), sort_keys=True)


def raw_file_sensor(blueprint: Blueprint) -> dg.SensorDefinition:
    """Asks for a build when the raw files of any source are others than at the last build that it asked for.

    All sources are waited for until they are the same in two looks: files still being written, or copied one after
    the other, are left until they are finished. What is there when the sensor is switched on counts as built if the
    newest cycle is; else it is built as soon as every source has files.
    """
    project, names = blueprint.project, blueprint.names
    running = project.automation.watch
    listings = Listings(project)

    @dg.sensor(
        name=names.flat("build_on_new_files"),
        job_name=names.job(None),
        minimum_interval_seconds=INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Builds the newest cycle when raw files were added, changed or removed, and are finished.",
    )
    def build_on_new_files(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        found, trouble = listings.look(PATIENCE)
        now = datetime.now(UTC)
        cycle = newest_cycle(project, now)
        cursor = Cursor.read(context.cursor) or Cursor(built=_baseline(project, cycle, found), since=now.isoformat())
        changed, reason = changes(cursor, found)
        seen = {**cursor.seen, **found}
        if reason is None and cycle is None:
            reason = "the first cycle of the project is not over yet"
        if reason is not None or cycle is None:
            waiting = replace(cursor, seen=seen)
            return dg.SensorResult(skip_reason=_told(reason or "", trouble), cursor=waiting.write())
        after = replace(cursor, seen=seen, built={**cursor.built, **found}, requests=cursor.requests + 1)
        return dg.SensorResult(run_requests=[_request(blueprint, cycle, changed, after)], cursor=after.write())

    return build_on_new_files


def changes(cursor: Cursor, found: dict[str, str]) -> tuple[list[str], str | None]:
    """(sources that are others than when they were last built, why nothing is to be built yet if so)."""
    changed = sorted(name for name, digest in found.items() if cursor.built.get(name) != digest)
    moving = [name for name in changed if cursor.seen.get(name) != found[name]]
    missing = [name for name in changed if name not in cursor.built and found[name] == ABSENT]
    if not changed:
        return [], "no raw files have changed"
    if moving:
        return changed, f"waiting until these are the same in two looks: {_some(moving)}"
    if missing:
        return changed, f"waiting for files of: {_some(missing)}"
    return changed, None


def newest_cycle(project: Project, now: datetime) -> Cycle | None:
    """The newest cycle that may be built at `now`: the running one if the project declares so."""
    unfinished = project.cycle.unfinished
    cycle = project.calendar.latest(now, unfinished=unfinished)
    return cycle if cycle.end <= now or (unfinished and cycle.start <= now) else None


def _baseline(project: Project, cycle: Cycle | None, found: dict[str, str]) -> dict[str, str]:
    try:
        return dict(found) if cycle is not None and Outcomes(project).decided(cycle) else {}
    except (AnchorError, OSError):
        return {}  # built once too often does no harm: unchanged input gives the release that is there


def _request(blueprint: Blueprint, cycle: Cycle, changed: list[str], cursor: Cursor) -> dg.RunRequest:
    # Dagster runs a key once and for all, and files may come to be what they were before: hence the number.
    run_key = f"{cycle.key} {cursor.since} {cursor.requests}"
    project = blueprint.project
    if project.automation.mode != "declarative":
        return build_request(project, cycle, run_key)
    # The rest follows by its conditions.
    tags = {**stage_tags(project, []), CYCLE: cycle.key}
    selection = [blueprint.names.source(name) for name in changed]
    return dg.RunRequest(run_key=run_key, partition_key=cycle.key, asset_selection=selection, tags=tags)


def _told(reason: str, trouble: dict[str, str]) -> str:
    lines = [reason, *(f"source {name}: {text}" for name, text in sorted(trouble.items())[:10])]
    lines += [f"and {len(trouble) - 10} more"] if len(trouble) > 10 else []
    return "; ".join(lines)


def _some(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
