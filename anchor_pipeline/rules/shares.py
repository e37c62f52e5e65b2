"""Floors and caps on shares, decided in integers: passing or failing by one token is right at any size.

With `part` of `whole` tokens and a floor f, the least d with (part + d) / (whole + d) >= f is
ceil((f whole - part) / (1 - f)); with a cap c, the least r with (part - r) / (whole - r) <= c is
ceil((part - c whole) / (1 - c)).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import polars as pl

from anchor_pipeline.project.policy import RuleSetting
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place
from anchor_pipeline.rules.wording import amount, in_units, number, percent

Sums = dict[tuple[str | None, str], int]
"""Tokens by (domain or None for the stage, modality); 0 where there are none."""


@dataclass(frozen=True)
class Words:
    """How a message calls the two sides of a share."""

    part: str
    """The counted ones, in the plural: `anchors`."""
    adjective: str
    """The same before a unit: `anchor`."""
    whole: str = ""
    """What they are counted among, before a unit: `anchor` for fresh ones among anchors; nothing for all."""
    others: str = "others"


def sums(cells: pl.DataFrame) -> Sums:
    """Tokens of cells (columns modality, domain, tokens), by stage and domain."""
    found: Sums = defaultdict(int)
    for modality, domain, tokens in cells.select("modality", "domain", "tokens").iter_rows():
        found[domain, modality] += tokens
        found[None, modality] += tokens
    return found


def by_source(cells: pl.DataFrame, place: Place[Any], most: int = 20) -> dict[str, float]:
    """What each source gives to a place, the largest first, in the unit of its modality."""
    modality = place.modality or "text"
    chosen = cells.filter(pl.col("modality") == modality)
    if place.domain is not None:
        chosen = chosen.filter(pl.col("domain") == place.domain)
    totals: dict[str, int] = defaultdict(int)
    for source, tokens in chosen.select("source", "tokens").iter_rows():
        totals[source] += tokens
    largest = sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:most]
    return {source: in_units(tokens, modality) for source, tokens in largest}


def missing_to_floor(part: int, whole: int, floor: Fraction) -> int | None:
    """The least number of further tokens of the right kind that reaches the floor; None if none ever does."""
    if part >= floor * whole:
        return 0
    return None if floor >= 1 else math.ceil((floor * whole - part) / (1 - floor))


def others_above_floor(part: int, whole: int, floor: Fraction) -> int:
    """The least number of other tokens to leave out so that the floor holds."""
    return max(0, math.ceil(whole - part / floor)) if floor > 0 else 0


def above_cap(part: int, whole: int, cap: Fraction) -> int:
    """The least number of the capped tokens to leave out so that the cap holds."""
    return math.ceil((part - cap * whole) / (1 - cap)) if part > cap * whole else 0


def others_below_cap(part: int, whole: int, cap: Fraction) -> int | None:
    """The least number of other tokens to add so that the cap holds; None if none ever does."""
    return max(0, math.ceil(part / cap - whole)) if cap > 0 else None


def floor_finding(
    place: Place[RuleSetting], part: int, whole: int, floor: Fraction, words: Words, evidence: dict[str, Any]
) -> Finding:
    """Whether `part` of `whole` tokens reaches the floor, what is missing and what would fix it."""
    modality = place.modality or "text"
    if whole == 0:
        return place.nothing_drawn()
    share, holds = Fraction(part, whole), part >= floor * whole
    message = (
        f"{place.subject} holds {percent(share, floor)} {words.part} ({number(part, modality)} of"
        f" {amount(whole, modality, words.whole)}), at least {percent(floor, share)} are declared"
    )
    further, fewer = missing_to_floor(part, whole, floor), others_above_floor(part, whole, floor)
    if not holds:
        remedies = [] if further is None else [f"add {amount(further, modality, words.adjective)}"]
        remedies += [f"draw {number(fewer, modality)} fewer {words.others}"] if part else []
        message += ": " + (", or ".join(remedies) or f"draw {words.part} in place of all {words.others}")
    shortfall = 0 if holds else fewer if further is None else further
    return place.finding(
        "pass" if holds else "fail",
        message,
        observed=float(share),
        required=float(floor),
        comparator=">=",
        shortfall=in_units(shortfall, modality),
        evidence={"part": in_units(part, modality), "whole": in_units(whole, modality), **evidence},
    )


def cap_finding(
    place: Place[RuleSetting], part: int, whole: int, cap: Fraction, words: Words, evidence: dict[str, Any]
) -> Finding:
    """Whether `part` of `whole` tokens stays within the cap, how much is too many and what would fix it."""
    modality = place.modality or "text"
    if whole == 0:
        return place.nothing_drawn()
    share, holds = Fraction(part, whole), part <= cap * whole
    message = (
        f"{place.subject} holds {percent(share, cap)} {words.part} ({number(part, modality)} of"
        f" {amount(whole, modality, words.whole)}), at most {percent(cap, share)} are declared"
    )
    excess = above_cap(part, whole, cap)
    if not holds:
        further = others_below_cap(part, whole, cap)
        message += f": draw {number(excess, modality)} fewer {words.part}"
        message += "" if further is None else f", or add {number(further, modality)} {words.others}"
    return place.finding(
        "pass" if holds else "fail",
        message,
        observed=float(share),
        required=float(cap),
        comparator="<=",
        shortfall=in_units(excess, modality),
        evidence={"part": in_units(part, modality), "whole": in_units(whole, modality), **evidence},
    )


def tally(rows: Iterable[tuple[str, int]], modality: str) -> dict[str, float]:
    """Sums by name, sorted by name, in the unit of the modality."""
    totals: dict[str, int] = defaultdict(int)
    for name, tokens in rows:
        totals[name] += tokens
    return {name: in_units(tokens, modality) for name, tokens in sorted(totals.items())}
