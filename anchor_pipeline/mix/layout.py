"""Cells and limits as arrays: what the linear program and the compiled repair work on.

Rules see of a cell only its domain, whether it is an anchor, fresh, synthetic, and its family and generator.
Cells alike in all of these form a group; the linear program runs over groups, often hundreds for 10,000 cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from anchor_pipeline.mix.cells import Cell, Limits, Scope

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MAX_DENOMINATOR = 10**6
"""Ratios with larger denominators are made stricter, so that 64-bit products can carry them (see `ratios`)."""


@dataclass(frozen=True)
class Kind:
    """What the rules see of a cell: cells with equal Kind are interchangeable."""

    domain: str
    anchor: bool
    fresh: bool
    synthetic: bool
    family: str
    generator: str

    @property
    def words(self) -> str:
        """For messages: "fresh `support` anchors"."""
        if self.anchor:
            return f"{'fresh ' if self.fresh else 'older '}`{self.domain}` anchors"
        if self.synthetic:
            return f"synthetic `{self.domain}` documents of {self.generator or 'an unnamed generator'}"
        return f"human `{self.domain}` documents"


def kind_of(cell: Cell) -> Kind:
    """The part of a cell that rules can see."""
    return Kind(
        cell.domain,
        cell.anchor,
        cell.anchor and cell.fresh,
        cell.synthetic,
        (cell.family or "") if cell.synthetic else "",
        (cell.generator or "") if cell.synthetic else "",
    )


@dataclass(frozen=True)
class Layout:
    """Groups (or cells) as arrays over their positions; domain D (one past the last) stands for the stage."""

    kinds: list[Kind]
    domains: list[str]
    families: list[str]
    generators: list[str]
    domain: Ints
    anchor: Bools
    fresh: Bools
    synthetic: Bools
    family: Ints
    """Index into families, -1 where not synthetic."""
    generator: Ints

    @property
    def size(self) -> int:
        """How many groups (or cells) there are."""
        return len(self.kinds)


def layout(kinds: Sequence[Kind], limits: Limits) -> Layout:
    """Arrays for kinds whose domains all are declared in `limits.weights`."""
    domains = sorted(limits.weights)
    families = sorted({kind.family for kind in kinds if kind.synthetic})
    generators = sorted({kind.generator for kind in kinds if kind.synthetic})
    at_domain, at_family, at_generator = (_positions(names) for names in (domains, families, generators))
    return Layout(
        list(kinds),
        domains,
        families,
        generators,
        np.array([at_domain[kind.domain] for kind in kinds], dtype=np.int64),
        np.array([kind.anchor for kind in kinds], dtype=np.bool_),
        np.array([kind.fresh for kind in kinds], dtype=np.bool_),
        np.array([kind.synthetic for kind in kinds], dtype=np.bool_),
        np.array([at_family[kind.family] if kind.synthetic else -1 for kind in kinds], dtype=np.int64),
        np.array([at_generator[kind.generator] if kind.synthetic else -1 for kind in kinds], dtype=np.int64),
    )


@dataclass(frozen=True)
class Group:
    """Interchangeable cells: their kind, positions, and joint capacity in tokens (repetition included)."""

    kind: Kind
    members: tuple[int, ...]
    capacity: int


def groups(cells: Sequence[Cell], limits: Limits) -> list[Group]:
    """The cells of declared domains by kind, in an order that the input order cannot change."""
    found: dict[Kind, list[int]] = {}
    for i, cell in enumerate(cells):
        if cell.domain in limits.weights:
            found.setdefault(kind_of(cell), []).append(i)
    ordered = sorted(found, key=lambda kind: (kind.domain, *_flags(kind), kind.family, kind.generator))
    return [
        Group(
            kind,
            tuple(sorted(found[kind], key=lambda i: cells[i].identity)),
            sum(cells[i].capacity for i in found[kind]),
        )
        for kind in ordered
    ]


def supply_kinds(limits: Limits) -> list[Kind]:
    """What could be collected for each domain: human text, older anchors, fresh anchors."""
    return [
        Kind(domain, anchor, fresh, False, "", "")
        for domain in sorted(limits.weights)
        for anchor, fresh in ((False, False), (True, False), (True, True))
    ]


@dataclass(frozen=True)
class Ratios:
    """Exact numerators and denominators; index D is the stage. (0, 1) floors nothing, (1, 1) caps nothing."""

    low: Ints
    high: Ints
    anchor: Ints
    fresh: Ints
    synthetic: Ints
    family: Ints
    """(numerator, denominator) of each; shapes (D, 2) and (D + 1, 2), family (2,)."""


def ratios(limits: Limits) -> Ratios:
    """The limits as integer pairs, made stricter where a denominator is too large for 64-bit products."""
    domains = sorted(limits.weights)
    scopes: list[Scope] = [*domains, None]
    zero, one = Fraction(0), Fraction(1)
    most = max(1, min(MAX_DENOMINATOR, 2**61 // max(1, limits.target)))
    family = limits.max_family_share if limits.max_family_share is not None else one
    return Ratios(
        _pairs([max(zero, limits.weights[d] - limits.tolerance) for d in domains], True, most),
        _pairs([min(one, limits.weights[d] + limits.tolerance) for d in domains], False, most),
        _pairs([limits.anchor_share.get(s, zero) for s in scopes], True, most),
        _pairs([limits.anchor_freshness.get(s, zero) for s in scopes], True, most),
        _pairs([limits.synthetic_share.get(s, one) for s in scopes], False, most),
        _pairs([family], False, most)[0],
    )


def _pairs(values: list[Fraction], floor: bool, most: int) -> Ints:
    return np.array([_strict(v, floor, most) for v in values], dtype=np.int64).reshape(len(values), 2)


def _strict(value: Fraction, floor: bool, most: int) -> tuple[int, int]:
    """The fraction itself, or the next multiple of 1/most that asks for no less."""
    if value.denominator <= most:
        return value.numerator, value.denominator
    scaled = value * most
    return (-(-scaled.numerator // scaled.denominator) if floor else scaled.numerator // scaled.denominator), most


def _flags(kind: Kind) -> tuple[bool, bool, bool]:
    return kind.anchor, kind.fresh, kind.synthetic


def _positions(names: list[str]) -> dict[str, int]:
    return {name: i for i, name in enumerate(names)}
