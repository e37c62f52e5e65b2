"""A recalled release and the one that took its place, document by document: what went, what came, what stayed."""

from __future__ import annotations

from dataclasses import dataclass

from anchor_pipeline.corpus.recalls import AffectedRelease
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph.graph import Graph
from anchor_pipeline.mix.release import cycle_folder, read_release


@dataclass(frozen=True)
class Replacement:
    """The later revision that holds nothing of what was recalled, compared with the recalled one.

    Documents are ids with their contents: one whose content changed counts as removed and as added.
    """

    revision: int
    digest: str
    kept: int
    """Documents in both, with the same content."""
    recalled: int
    """Documents that went because they were recalled."""
    removed: int
    """Others that went: the plan is another one where recalled documents had borne a share or a floor."""
    added: int
    """Documents that came in their stead."""
    policy_changed: bool
    """Whether the declared rules changed between the two, so that not all of the difference is the recall's."""


def replacement(graph: Graph, store: Store, old: AffectedRelease, affected: frozenset[str]) -> Replacement | None:
    """The newest later revision of the cycle that is not affected itself; None if there is none.

    The graph's table `matched` has the documents of the recall (see find.py).
    """
    later = graph.connection.execute(
        """SELECT release, revision, digest FROM releases
        WHERE stage = ? AND cycle = ? AND revision > ? ORDER BY revision DESC""",
        [old.stage, old.cycle, old.revision],
    ).fetchall()
    fit = [row for row in later if row[2] not in affected]
    before = graph.connection.execute(
        "SELECT release FROM releases WHERE stage = ? AND cycle = ? AND revision = ? AND digest = ?",
        [old.stage, old.cycle, old.revision, old.digest],
    ).fetchall()
    if not fit or not before:
        return None
    number, revision, digest = fit[0]
    kept, recalled, removed, added = _counts(graph, before[0][0], number)
    folder = cycle_folder(old.stage, old.cycle)
    releases = [read_release(store, f"{folder}/{one:04d}") for one in (old.revision, revision)]
    policies = {one.manifest.digests.policy for one in releases if one is not None}
    return Replacement(int(revision), str(digest), kept, recalled, removed, added, len(policies) > 1)


def _counts(graph: Graph, old: int, new: int) -> tuple[int, int, int, int]:
    row = graph.connection.execute(
        """WITH side AS (
            SELECT key, bool_or(release = $old) AS was, bool_or(release = $new) AS is_now FROM members
            WHERE release IN ($old, $new) GROUP BY key
        )
        SELECT count(*) FILTER (was AND is_now),
            count(*) FILTER (was AND NOT is_now AND key IN (SELECT key FROM matched)),
            count(*) FILTER (was AND NOT is_now AND key NOT IN (SELECT key FROM matched)),
            count(*) FILTER (is_now AND NOT was)
        FROM side""",
        {"old": old, "new": new},
    ).fetchone()
    assert row is not None
    kept, recalled, removed, added = (int(one) for one in row)
    return kept, recalled, removed, added
