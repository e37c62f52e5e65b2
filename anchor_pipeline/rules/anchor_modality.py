"""Rule 3, `anchor_modality`: every modality of the mix has anchors; a text anchor cannot hide drift in images."""

from __future__ import annotations

import polars as pl

from anchor_pipeline.corpus.document import AMOUNT_UNITS
from anchor_pipeline.project.policy import AnchorModality
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, stage_places
from anchor_pipeline.rules.shares import sums
from anchor_pipeline.rules.wording import amount, in_units

RULE = "anchor_modality"


def evaluate(evidence: Evidence) -> list[Finding]:
    """At least one anchor token in each modality of the stage, and of each domain that declares the rule itself."""
    total, anchors = sums(evidence.cells), sums(evidence.cells.filter(pl.col("kind") == "anchor"))
    found = []
    for place in stage_places(evidence, RULE, AnchorModality):
        scope = (place.domain, place.modality or "")
        found.append(_judge(place, anchors[scope]) if total[scope] else place.nothing_drawn())
    return found


def _judge(place: Place[AnchorModality], tokens: int) -> Finding:
    modality = place.modality or "text"
    holds = tokens > 0
    message = f"{place.subject} holds {amount(tokens, modality, 'anchor')} of modality {modality}"
    if not holds:
        unit = AMOUNT_UNITS[modality]
        message += (
            f", and anchors of every modality are declared: add {unit} from an anchor source of modality {modality}"
        )
    return place.finding(
        "pass" if holds else "fail",
        message,
        observed=in_units(tokens, modality),
        required=in_units(1, modality),
        comparator=">=",
        shortfall=0 if holds else in_units(1, modality),
    )
