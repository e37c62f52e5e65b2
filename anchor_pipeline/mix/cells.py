"""What the planner is given: cells of documents, and the limits a mix of them must keep.

A cell holds documents that no rule can tell apart: one domain, source, kind, freshness, generator.
Limits are those of one stage and one modality. Ratios are exact fractions, never floats, so that floors and
caps are decided in integers and never violated by even one token. A rule that is off is absent (or None).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

Scope = str | None
"""A domain, or None for the whole stage."""

MAX_TOKENS = 2**53
"""Token counts above this (9e15) are refused: beyond it floats no longer hold every integer."""


@dataclass(frozen=True)
class Cell:
    """Documents that no rule can tell apart, with what is available of them."""

    domain: str
    source: str
    kind: str
    fresh: bool
    synthetic: bool
    generator: str | None
    family: str | None
    tokens: int
    """Tokens of all its documents, each counted once."""
    documents: int
    longest: int
    """Tokens of its longest document."""
    repeat: int = 1
    """How many times a document may occur in the mix."""

    @property
    def capacity(self) -> int:
        """The most tokens the mix may hold of this cell."""
        return self.tokens * self.repeat

    @property
    def anchor(self) -> bool:
        """Whether its documents are anchors."""
        return self.kind == "anchor"

    @property
    def identity(self) -> tuple[str, str, str, bool, bool, str, str]:
        """What distinguishes this cell from all others; cells are put in order by it."""
        return (
            self.domain,
            self.source,
            self.kind,
            self.fresh,
            self.synthetic,
            self.family or "",
            self.generator or "",
        )


@dataclass(frozen=True)
class Limits:
    """What the mix of one stage and one modality must keep."""

    target: int
    """Upper bound of the mix's tokens; the plan takes as many as the rules admit, up to it."""
    weights: Mapping[str, Fraction]
    """Declared share of each domain, summing to 1. Cells of other domains are never drawn."""
    tolerance: Fraction = Fraction(0)
    """How far a realised domain share may be from the declared one, absolute."""
    minimum: int = 1
    """A mix of fewer tokens is refused."""
    anchor_share: Mapping[Scope, Fraction] = field(default_factory=dict)
    """Floor: anchor tokens among all tokens of the scope (rule 1)."""
    anchor_freshness: Mapping[Scope, Fraction] = field(default_factory=dict)
    """Floor: fresh anchor tokens among anchor tokens of the scope (rule 2)."""
    anchor_modality: bool = False
    """At least one anchor document (rule 3)."""
    synthetic_share: Mapping[Scope, Fraction] = field(default_factory=dict)
    """Cap: synthetic tokens among all tokens of the scope (rule 5)."""
    max_family_share: Fraction | None = None
    """Cap: tokens of each generator family among all synthetic tokens (rule 6); no family is a family."""
    min_effective: float | None = None
    """Floor: exp of the Shannon entropy of synthetic tokens over generators (rule 6); none drawn, none asked."""


def check_cells(cells: Sequence[Cell]) -> None:
    """Refuse cells that cannot be meant.

    Raises:
        ValueError: naming the cell, what is wrong and what was expected.

    """
    seen: set[tuple[str, str, str, bool, bool, str, str]] = set()
    for cell in cells:
        if cell.identity in seen:
            raise ValueError(f"cell {cell.identity} is given twice; merge its counts into one")
        seen.add(cell.identity)
        if min(cell.tokens, cell.documents, cell.longest, cell.repeat) < 0:
            raise ValueError(f"cell {cell.identity} has a negative count; expected counts from 0 up")
        if cell.capacity > MAX_TOKENS:
            raise ValueError(
                f"cell {cell.identity} holds {cell.capacity} tokens with repetition; at most {MAX_TOKENS} are"
                " supported: lower its repeat"
            )


def contradictions(limits: Limits) -> list[str]:
    """Why no supply whatever could satisfy these limits: one sentence each, empty when some supply could.

    With these excluded, fresh anchors in every domain satisfy every rule, so a supply always exists.
    """
    found: list[str] = []
    if limits.minimum > limits.target:
        found.append(f"min_tokens {limits.minimum:,} is above the target of {limits.target:,} tokens; lower it")
    if limits.target < 1:
        found.append(f"the target is {limits.target} tokens; declare at least 1")
    if limits.target > MAX_TOKENS:
        found.append(f"the target of {limits.target:,} tokens is above {MAX_TOKENS:,}; lower it")
    if limits.tolerance < 0:
        found.append(f"tolerance {_plain(limits.tolerance)} is negative; declare 0 or more")
    total = sum(limits.weights.values(), Fraction(0))
    if not limits.weights:
        found.append("no domain is declared; declare at least one with its weight")
    elif total != 1:
        found.append(f"domain weights sum to {_plain(total)}; they must sum to 1")
    found += [
        f"the weight of `{name}` is {_plain(weight)}; declare 0 or more"
        for name, weight in sorted(limits.weights.items())
        if weight < 0
    ]
    for rule, values in (
        ("anchor_share", limits.anchor_share),
        ("anchor_freshness", limits.anchor_freshness),
        ("synthetic_share", limits.synthetic_share),
    ):
        for scope, ratio in sorted(values.items(), key=lambda item: (item[0] is not None, item[0] or "")):
            if not 0 <= ratio <= 1:
                where = "the stage" if scope is None else f"`{scope}`"
                found.append(f"{rule} of {where} is {_plain(ratio)}; a share lies between 0 and 1")
    if limits.max_family_share is not None and not 0 <= limits.max_family_share <= 1:
        shown = _plain(limits.max_family_share)
        found.append(f"generator_diversity: max_family_share is {shown}; a share lies between 0 and 1")
    if limits.min_effective is not None and not math.isfinite(limits.min_effective):
        found.append(f"generator_diversity: min_effective is {limits.min_effective}; declare a number")
    return found


def canonical(cells: Sequence[Cell]) -> list[int]:
    """Positions of the cells in the order of their identities, which no input order can change."""
    return sorted(range(len(cells)), key=lambda i: cells[i].identity)


def _plain(value: Fraction) -> str:
    return f"{float(value):.6g}"
