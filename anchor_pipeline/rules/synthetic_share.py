"""Rule 5, `synthetic_share`: a cap on what machines wrote, whichever folder it came from.

Authorship decides. It is recomputed here; the planner's column `synthetic` is not believed. Documents of unknown
authorship count as synthetic unless the setting of their domain says otherwise.
"""

from __future__ import annotations

import polars as pl

from anchor_pipeline.project.policy import SyntheticShare
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import home, setting_at, share_places
from anchor_pipeline.rules.shares import Words, by_source, cap_finding, sums

RULE = "synthetic_share"
_WORDS = Words("synthetic tokens", "synthetic")
_WORDS_OTHER = Words("synthetic ones", "synthetic")


def evaluate(evidence: Evidence) -> list[Finding]:
    """Share of synthetic tokens, against the declared cap."""
    synthetic = synthetic_cells(evidence)
    unknown = synthetic.filter(pl.col("authorship") == "unknown")
    total, part, guessed = sums(evidence.cells), sums(synthetic), sums(unknown)
    found = []
    for place in share_places(evidence, RULE, SyntheticShare):
        scope = (place.domain, place.modality or "")
        words = _WORDS if place.modality == "text" else _WORDS_OTHER
        details = {"unknown_authorship": guessed[scope], "synthetic_sources": by_source(synthetic, place)}
        found.append(cap_finding(place, part[scope], total[scope], place.setting.max, words, details))
    return found


def synthetic_cells(evidence: Evidence) -> pl.DataFrame:
    """The cells of the selection that count as synthetic."""
    strict = [
        domain
        for domain in evidence.cells["domain"].unique().to_list()
        if setting_at(evidence, RULE, SyntheticShare, home(evidence, domain)).unknown_counts
    ]
    unknown = (pl.col("authorship") == "unknown") & pl.col("domain").is_in(strict)
    return evidence.cells.filter((pl.col("authorship") == "synthetic") | unknown)
