"""Rule 2, `anchor_freshness`: enough of the anchors are of our time, by the documents' own dates.

Ages are recomputed here from `collected_at`, the fresh window of each document's domain and the cycle's `as_of`;
the planner's column `fresh` is not believed. A document of age equal to the window is fresh, one dated at or after
`as_of` is not.
"""

from __future__ import annotations

import polars as pl

from anchor_pipeline.project.policy import AnchorFreshness, AnchorShare
from anchor_pipeline.project.units import Duration
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, setting_at, share_places
from anchor_pipeline.rules.shares import Words, by_source, floor_finding, sums

RULE = "anchor_freshness"
_WORDS = Words("fresh anchors", "fresh anchor", whole="anchor", others="older ones")


def evaluate(evidence: Evidence) -> list[Finding]:
    """Share of fresh tokens among the anchor tokens, against the declared floor."""
    windows = _windows(evidence)
    aged = _anchors_by_age(evidence, windows)
    fresh = aged.filter("fresh")
    total, anchors, young = sums(evidence.cells), sums(aged), sums(fresh)
    found = []
    for place in share_places(evidence, RULE, AnchorFreshness):
        scope = (place.domain, place.modality or "")
        if total[scope] and not anchors[scope]:
            found.append(_no_anchors(evidence, place))
            continue
        details = {
            "window": {name: str(windows[name]) for name in windows if place.domain in (None, name)},
            "as_of": evidence.cycle.as_of.isoformat(),
            "fresh_sources": by_source(fresh, place),
        }
        whole = anchors[scope] if total[scope] else 0
        found.append(floor_finding(place, young[scope], whole, place.setting.min, _WORDS, details))
    return found


def _windows(evidence: Evidence) -> dict[str, Duration]:
    """The fresh window of each domain of the stage: of this rule's setting, otherwise of the domain."""
    windows = {}
    for name in evidence.project.stages[evidence.stage].domains:
        setting = setting_at(evidence, RULE, AnchorFreshness, name)
        windows[name] = setting.window or evidence.project.domains[name].window
    return windows


def _anchors_by_age(evidence: Evidence, windows: dict[str, Duration]) -> pl.DataFrame:
    """Tokens of anchors by modality, domain, source and whether they are fresh."""
    as_of = evidence.cycle.as_of
    since = pl.LazyFrame(
        {"domain": list(windows), "since": [window.before(as_of) for window in windows.values()]},
        schema={"domain": pl.String, "since": pl.Datetime("us", "UTC")},
    )
    young = (pl.col("collected_at") >= pl.col("since")) & (pl.col("collected_at") < as_of)
    return (
        evidence.selected.filter(pl.col("kind") == "anchor")
        .select("modality", "domain", "source", "tokens", "collected_at")
        .join(since, on="domain", how="left")
        .group_by("modality", "domain", "source", young.fill_null(False).alias("fresh"))
        .agg(pl.col("tokens").sum())
        .collect(engine="streaming")
    )


def _no_anchors(evidence: Evidence, place: Place[AnchorFreshness]) -> Finding:
    share = setting_at(evidence, "anchor_share", AnchorShare, place.domain)
    if share.off or share.min == 0:
        return place.finding(
            "pass", f"No anchors required here: {place.name} holds none, and anchor_share asks for none"
        )
    return place.finding(
        "insufficient",
        f"{place.subject} holds no anchors of modality {place.modality}, so their age cannot be judged: add anchors,"
        " see anchor_share for how many",
        required=float(place.setting.min),
        comparator=">=",
    )
