"""Rule 1, `anchor_share`: enough of every mix comes from anchors, in the stage, each domain and each modality.

Retraining on one's own output keeps a stable fixed point only while a constant share of fresh real data enters:
Bertrand et al., "On the stability of iterative retraining of generative models on their own data", ICLR 2024.
"""

from __future__ import annotations

import polars as pl

from anchor_pipeline.project.policy import AnchorShare
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import share_places
from anchor_pipeline.rules.shares import Words, by_source, floor_finding, sums

RULE = "anchor_share"
_WORDS = Words("anchors", "anchor")


def evaluate(evidence: Evidence) -> list[Finding]:
    """Share of tokens of kind `anchor`, against the declared floor."""
    anchors = evidence.cells.filter(pl.col("kind") == "anchor")
    total, part = sums(evidence.cells), sums(anchors)
    found = []
    for place in share_places(evidence, RULE, AnchorShare):
        scope = (place.domain, place.modality or "")
        sources = {"anchor_sources": by_source(anchors, place)}
        found.append(floor_finding(place, part[scope], total[scope], place.setting.min, _WORDS, sources))
    return found
