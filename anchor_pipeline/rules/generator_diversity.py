"""Rule 6, `generator_diversity`: synthetic text must not all come from one generator.

Two findings: the largest family's share of the synthetic tokens, decided in integers; and the effective number of
generators, exp of the Shannon entropy of their token shares (the Hill number of order 1: Hill, "Diversity and
evenness", Ecology 54, 1973), which floats hold to about 1e-15; 1e-9 is allowed for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

import polars as pl

from anchor_pipeline.project.policy import GeneratorDiversity
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, stage_places
from anchor_pipeline.rules.shares import above_cap, others_below_cap, sums, tally
from anchor_pipeline.rules.synthetic_share import synthetic_cells
from anchor_pipeline.rules.wording import amount, in_units, number, percent

RULE = "generator_diversity"
_SLACK = 1e-9


def evaluate(evidence: Evidence) -> list[Finding]:
    """Share of the largest family, and effective number of generators, in the stage."""
    total, synthetic = sums(evidence.cells), synthetic_cells(evidence)
    found: list[Finding] = []
    for place in stage_places(evidence, RULE, GeneratorDiversity):
        if not total[place.domain, place.modality or ""]:
            found.append(place.nothing_drawn())
            continue
        cells = synthetic.filter(pl.col("modality") == place.modality)
        if place.domain is not None:
            cells = cells.filter(pl.col("domain") == place.domain)
        found += _judge(place, cells)
    return found


def _judge(place: Place[GeneratorDiversity], cells: pl.DataFrame) -> list[Finding]:
    families: dict[str, int] = {}
    generators: dict[str, int] = {}
    for generator, family, tokens in cells.select("generator", "family", "tokens").iter_rows():
        line = family or (generator.split("@")[0] if generator else "unknown")
        families[line] = families.get(line, 0) + tokens
        identity = generator or family or "unknown"
        generators[identity] = generators.get(identity, 0) + tokens
    if not sum(families.values()):
        return [place.finding("pass", f"{place.subject} holds no synthetic {place.modality}, so no generator prevails")]
    return [_largest_family(place, families), _effective(place, generators)]


def _largest_family(place: Place[GeneratorDiversity], families: dict[str, int]) -> Finding:
    modality, cap = place.modality or "text", place.setting.max_family_share
    whole = sum(families.values())
    name, part = min(families.items(), key=lambda item: (-item[1], item[0]))
    share, holds = Fraction(part, whole), part <= cap * whole
    excess = above_cap(part, whole, cap)
    message = (
        f"Generator family `{name}` wrote {percent(share, cap)} of the synthetic share of {place.name}"
        f" ({number(part, modality)} of {amount(whole, modality)}), at most {percent(cap, share)} are declared"
    )
    if not holds:
        further = others_below_cap(part, whole, cap)
        message += f": draw {number(excess, modality)} fewer of it"
        message += "" if further is None else f", or add {number(further, modality)} of other families"
    return place.finding(
        "pass" if holds else "fail",
        message,
        observed=float(share),
        required=float(cap),
        comparator="<=",
        shortfall=in_units(excess, modality),
        evidence={"families": tally(families.items(), modality)},
    )


def _effective(place: Place[GeneratorDiversity], generators: dict[str, int]) -> Finding:
    modality, floor = place.modality or "text", float(place.setting.min_effective)
    effective = effective_number(generators.values())
    holds = effective >= floor * (1 - _SLACK)
    message = (
        f"The synthetic share of {place.name} comes from {effective:.4g} generators in effect, of {len(generators)},"
        f" at least {floor:g} are declared"
    )
    if not holds:
        largest = min(generators, key=lambda name: (-generators[name], name))
        message += f": draw less of `{largest}` and more of the others, or add another generator"
    return place.finding(
        "pass" if holds else "fail",
        message,
        observed=effective,
        required=floor,
        comparator=">=",
        evidence={"generators": tally(generators.items(), modality)},
    )


def effective_number(tokens: Iterable[int]) -> float:
    """Effective number of a distribution given as token counts: exp of its Shannon entropy in nats; 0 of nothing."""
    counts = sorted(n for n in tokens if n > 0)
    total = sum(counts)
    return math.exp(-math.fsum(n / total * math.log(n / total) for n in counts)) if total else 0.0
