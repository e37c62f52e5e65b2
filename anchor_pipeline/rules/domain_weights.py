"""`domain_weights`: each domain's share of the stage is its declared weight, within the declared tolerance."""

from __future__ import annotations

from fractions import Fraction

from anchor_pipeline.project.policy import RuleSetting
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.expected import modalities_of, weights_of
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place
from anchor_pipeline.rules.shares import above_cap, missing_to_floor, others_above_floor, sums
from anchor_pipeline.rules.wording import amount, in_units, number, percent

RULE = "domain_weights"


def evaluate(evidence: Evidence) -> list[Finding]:
    """Realised share of each domain's tokens, per modality; a domain the stage does not declare has weight 0."""
    declared = evidence.project.stages[evidence.stage]
    total = sums(evidence.cells)
    drawn = sorted(domain for domain in evidence.cells["domain"].unique().to_list())
    found = []
    for modality in modalities_of(evidence.project, evidence.stage, evidence.modalities):
        weights = weights_of(evidence.project, evidence.stage, modality)
        strangers = [domain for domain in drawn if domain not in weights and total[domain, modality]]
        for domain in [*weights, *strangers]:
            place = Place(RULE, evidence.stage, domain, modality, RuleSetting())
            tolerance = declared.tolerance if domain in weights else Fraction(0)
            part, whole = total[domain, modality], total[None, modality]
            found.append(_judge(place, part, whole, weights.get(domain, Fraction(0)), tolerance))
    return found


def _judge(place: Place[RuleSetting], part: int, whole: int, weight: Fraction, tolerance: Fraction) -> Finding:
    if not whole:
        return place.nothing_drawn()
    modality = place.modality or "text"
    lower, upper = max(Fraction(0), weight - tolerance), min(Fraction(1), weight + tolerance)
    share = Fraction(part, whole)
    below, above = part < lower * whole, part > upper * whole
    bound = lower if below else upper if above else None
    message = (
        f"{place.subject} is {percent(share, bound)} of the stage ({number(part, modality)} of"
        f" {amount(whole, modality)}), its declared weight is {percent(weight, share)} ± {percent(tolerance)}"
    )
    shortfall = 0
    if below:
        further, fewer = missing_to_floor(part, whole, lower), others_above_floor(part, whole, lower)
        shortfall = fewer if further is None else further
        remedies = [] if further is None else [f"add {amount(further, modality)} of it"]
        remedies += [f"draw {number(fewer, modality)} fewer of the other domains"] if part else []
        message += f": {', or '.join([*remedies, 'lower its weight'])}"
    elif above:
        shortfall = above_cap(part, whole, upper)
        message += (
            f": draw {number(shortfall, modality)} fewer of it, or {'raise its weight' if weight else 'declare it'}"
        )
    return place.finding(
        "fail" if below or above else "pass",
        message,
        observed=float(share),
        required=float(weight),
        comparator="between",
        shortfall=in_units(shortfall, modality),
        evidence={"lower": float(lower), "upper": float(upper), "part": in_units(part, modality)},
    )
