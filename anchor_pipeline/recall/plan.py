"""What a recall would do, before anything is written: the dry run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from anchor_pipeline.corpus.recall_files import tombstones_of
from anchor_pipeline.corpus.recalls import Action, AffectedRelease, RecallRecord, Target
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.graph.graph import Graph
from anchor_pipeline.mix.release import current_release
from anchor_pipeline.recall.find import Found, find


@dataclass(frozen=True)
class Rebuild:
    """The current release of a stage and cycle, which holds recalled documents: what building it again takes."""

    stage: str
    cycle: str
    revision: int
    rows: int
    """Of the release; all of them are written again."""
    bytes: int
    """Of its parts."""
    tokens: dict[str, int]
    """Recalled tokens in it, by modality: what the planner has to do without or find elsewhere."""


@dataclass(frozen=True)
class Plan:
    """A recall that nobody has decided yet."""

    target: Target
    action: Action
    weight: str | None
    reason: str
    found: Found
    rebuilds: tuple[Rebuild, ...]
    """Nothing else is written again: no source is read, no shard or fact is made anew."""


def make_plan(
    graph: Graph, store: Store, target: Target, reason: str, action: Action = "recall", weight: str | None = None
) -> Plan:
    """What the recall of `target` would affect. UsageError if there is no such document or shard.

    Sources, licences and generators may be recalled before any of their documents came.
    """
    found = find(graph, store, target)
    if not found.digests and target.by in ("document", "shard"):
        raise UsageError(
            f"{target}: was never recorded in this project; `anchor trace` finds documents, and names their shards"
        )
    rebuilds = tuple(_rebuilds(store, found.releases)) if action == "recall" else ()
    return Plan(target, action, weight, reason, found, rebuilds)


def record_of(plan: Plan, project: str, by: str, at: datetime) -> tuple[RecallRecord, bytes]:
    """The decision to do what was planned, and the file of its tombstones."""
    packed, tombstones = tombstones_of(plan.found.digests)
    releases = plan.found.releases if plan.action == "recall" else ()
    record = RecallRecord(
        format=1,
        project=project,
        what=plan.target,
        action=plan.action,
        weight=plan.weight,
        reason=plan.reason,
        at=f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        by=by,
        tombstones=tombstones,
        releases=releases,
        exports=plan.found.exports if releases else (),
    )
    return record, packed


def _rebuilds(store: Store, releases: tuple[AffectedRelease, ...]) -> list[Rebuild]:
    found = []
    for one in releases:
        current = current_release(store, one.stage, one.cycle)
        if current is None or current.digest != one.digest or current.revision != one.revision:
            continue  # A later revision has taken its place already.
        size = sum(part.bytes for part in current.manifest.parts)
        found.append(Rebuild(one.stage, one.cycle, one.revision, current.manifest.rows, size, one.tokens))
    return found
