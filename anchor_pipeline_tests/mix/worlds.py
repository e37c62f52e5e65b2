"""Small and large worlds of cells, limits and documents for the tests of planning and choosing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import polars as pl

from anchor_pipeline.mix.cells import Cell, Limits
from anchor_pipeline.mix.judge import violations

World = tuple[list[Cell], Limits, pl.DataFrame]


def cell(
    domain: str,
    source: str,
    kind: str,
    sizes: Sequence[int],
    *,
    fresh: bool = True,
    generator: str | None = None,
    family: str | None = None,
    repeat: int = 1,
) -> Cell:
    """A cell of documents of these sizes."""
    return Cell(
        domain,
        source,
        kind,
        fresh,
        kind == "synthetic",
        generator,
        family or generator,
        sum(sizes),
        len(sizes),
        max(sizes, default=0),
        repeat,
    )


def documents(sizes: Sequence[Sequence[int]], seed: int = 0) -> pl.DataFrame:
    """One row per document, with keys drawn from a seed; within a cell, in no particular order."""
    rng = np.random.default_rng(seed)
    n = sum(len(s) for s in sizes)
    return pl.DataFrame(
        {
            "cell": np.repeat(np.arange(len(sizes)), [len(s) for s in sizes]).astype(np.int32),
            "key1": rng.integers(0, 2**64, n, dtype=np.uint64),
            "key2": rng.integers(0, 2**64, n, dtype=np.uint64),
            "tokens": np.array([t for s in sizes for t in s], dtype=np.int64),
        }
    )


KINDS = [
    ("anchor", True, None),
    ("anchor", False, None),
    ("licensed", True, None),
    ("enterprise", False, None),
    ("synthetic", True, "a"),
    ("synthetic", True, "b"),
    ("synthetic", False, "c"),
]


@st.composite
def worlds(draw: st.DrawFn, most_cells: int = 6, largest: int = 12) -> World:
    """A few cells of a few documents, and limits that are often, but not always, satisfiable."""
    names = ["x", "y", "z"][: draw(st.integers(1, 3))]
    cells: list[Cell] = []
    sizes: list[list[int]] = []
    for i in range(draw(st.integers(1, most_cells))):
        kind, fresh, generator = draw(st.sampled_from(KINDS))
        own = draw(st.lists(st.integers(0, largest), min_size=0, max_size=4))
        repeat = draw(st.integers(1, 2))
        domain = draw(st.sampled_from(names))
        cells.append(cell(domain, f"s{i}", kind, own, fresh=fresh, generator=generator, repeat=repeat))
        sizes.append(own)
    return cells, draw(limits(names, max(1, sum(c.capacity for c in cells)))), documents(sizes, draw(st.integers(0, 9)))


@st.composite
def limits(draw: st.DrawFn, names: list[str], available: int) -> Limits:
    """Limits over these domains; every rule is sometimes off, sometimes for the stage, sometimes per domain."""
    parts = [draw(st.integers(1, 5)) for _ in names]
    target = draw(st.integers(1, 2 * available))

    def ratios(*choices: Fraction) -> dict[str | None, Fraction]:
        scopes = draw(st.lists(st.sampled_from([None, *names]), unique=True, max_size=2))
        return {scope: draw(st.sampled_from(choices)) for scope in scopes}

    return Limits(
        target=target,
        minimum=draw(st.sampled_from([1, 1, max(1, target // 4), max(1, target // 2), target])),
        weights={name: Fraction(part, sum(parts)) for name, part in zip(names, parts, strict=True)},
        tolerance=draw(st.sampled_from([Fraction(0), Fraction(1, 20), Fraction(1, 5), Fraction(1, 2), Fraction(1)])),
        anchor_share=ratios(Fraction(3, 20), Fraction(1, 3), Fraction(1, 2)),
        anchor_freshness=ratios(Fraction(1, 3), Fraction(1, 2)),
        anchor_modality=draw(st.booleans()),
        synthetic_share=ratios(Fraction(0), Fraction(3, 10), Fraction(1, 2)),
        max_family_share=draw(st.sampled_from([None, Fraction(1, 2), Fraction(3, 5)])),
        min_effective=draw(st.sampled_from([None, 1.0, 1.5, 2.0])),
    )


def lawful_prefixes(world: World) -> list[int] | None:
    """Brute force: tokens per cell of the first lawful combination of prefixes found, or None if there is none."""
    cells, limits_, docs = world
    ladders = []
    for i, c in enumerate(cells):
        own = docs.filter(pl.col("cell") == i).sort("key1", "key2", "tokens")["tokens"].to_list() * c.repeat
        ladders.append(sorted({0, *itertools.accumulate(own)}))
    for drawn in itertools.product(*ladders):
        if limits_.minimum <= sum(drawn) <= limits_.target and not violations(cells, limits_, drawn):
            return list(drawn)
    return None


def combinations(world: World) -> int:
    """How many combinations the brute force would try at most."""
    out = 1
    for c in world[0]:
        out *= c.documents * c.repeat + 1
    return out


def large_world(cells: int, domains: int, docs: int, seed: int = 0, longest: int = 100_000) -> World:
    """Cells of very unlike sizes (Pareto) with log-normal documents, under all rules at once."""
    rng = np.random.default_rng(seed)
    popularity = rng.pareto(1.2, cells) + 0.05
    at = rng.choice(cells, docs, p=popularity / popularity.sum()).astype(np.int32)
    tokens = np.minimum(rng.lognormal(5.5, 1, docs).astype(np.int64) + 1, longest)
    frame = pl.DataFrame(
        {
            "cell": at,
            "key1": rng.integers(0, 2**64, docs, dtype=np.uint64),
            "key2": rng.integers(0, 2**64, docs, dtype=np.uint64),
            "tokens": tokens,
        }
    )
    held = np.bincount(at, weights=tokens, minlength=cells).astype(np.int64).tolist()
    count = np.bincount(at, minlength=cells).tolist()
    widest = np.zeros(cells, np.int64)
    np.maximum.at(widest, at, tokens)
    names = [f"d{i:03d}" for i in range(domains)]
    made = []
    for i in range(cells):
        kind = ["anchor", "synthetic", "licensed", "enterprise"][int(rng.choice(4, p=[0.3, 0.3, 0.2, 0.2]))]
        g = int(rng.integers(8)) if kind == "synthetic" else None
        made.append(
            Cell(
                names[i % domains],
                f"s{i}",
                kind,
                bool(rng.random() < 0.5),
                g is not None,
                None if g is None else f"g{g}",
                None if g is None else f"f{g // 3}",
                held[i],
                count[i],
                int(widest[i]),
                2 if kind == "anchor" else 1,
            )
        )
    scopes: list[str | None] = [None, *names]
    return (
        made,
        Limits(
            target=sum(held) // 3,
            weights={name: Fraction(1, domains) for name in names},
            tolerance=Fraction(1, 2 * domains),
            anchor_share={s: Fraction(3, 20) if s is None else Fraction(1, 5) for s in scopes},
            anchor_freshness=dict.fromkeys(scopes, Fraction(1, 3)),
            anchor_modality=True,
            synthetic_share=dict.fromkeys(scopes, Fraction(3, 10)),
            max_family_share=Fraction(1, 2),
            min_effective=3.0,
        ),
        frame,
    )
