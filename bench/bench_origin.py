"""`python -m bench.bench_origin DATA_DIR [--json]`: how well an origin detector does on a folder like ../shared/data.

Nothing is tuned here. A third of the domains, by hash of the name (origin_data.split_domains), is where constants were
chosen; figures on unseen domains are of the others. Human near-duplicates are left out first, and no text is scored by
a fit that saw its source document or a copy of it. Intervals: 95 %, bootstrap over source documents.

"With its own anchors": a domain whose outputs were never trained on still has human anchors. Half of its source
documents (by hash) say where human text scores there; the other half is what is tested.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anchor_pipeline.facts.origin.figures import auroc, detected_at
from anchor_pipeline.facts.origin.fit import Floats, Labels, fit_linear
from anchor_pipeline.facts.origin.prevalence import ratios, scale_of
from anchor_pipeline.facts.origin.train import LENGTHS, Prepared, calibrate, folds_of, held_out_scores
from bench.measure import table
from bench.origin_data import prepared_of, read_texts, split_domains

DRAWS, BUCKETS, BUCKET = 200, 300, 200
SHARES = (0.05, 0.1, 0.2)
BASE = re.compile(r"gpt2|gpt-?neo|gpt-?j|opt-|davinci|bloom|pythia|falcon|mpt|llama-?2?-?\d+b$|base", re.ASCII)
"""Names of models that were not trained to chat; `text-davinci` was."""

Figures = dict[str, Any]

_GOALS = {
    "unseen domains": (0.94, 0.50),
    "unseen generators, average": (0.92, None),
    "buckets of unseen domains, 10 %": (0.99, 0.85),
}


def main() -> None:
    """Print a table, or JSON."""
    arguments = [word for word in sys.argv[1:] if word != "--json"]
    if len(arguments) != 1:
        raise SystemExit("usage: python -m bench.bench_origin DATA_DIR [--json]")
    found = measure(Path(arguments[0]))
    print(json.dumps(found, indent=1) if "--json" in sys.argv else as_table(found))


def measure(folder: Path) -> Figures:
    """All figures, by what was asked."""
    texts = read_texts(folder)
    found: Figures = {}
    rewrites = [one for one in texts if one.corpus == "l2r"]
    if rewrites:
        found |= _domains(prepared_of(rewrites))
    averages = []
    for corpus in sorted({one.corpus for one in texts}):
        chosen = [one for one in texts if one.corpus == corpus and (not one.origin or not _is_base(one.origin))]
        for name, figures in _generators(prepared_of(chosen)):
            found[f"unseen generator {name} ({corpus})"] = figures
            averages.append(figures)
    if averages:
        found["unseen generators, average"] = {
            "auroc": [round(float(np.mean([one["auroc"][at] for one in averages])), 4) for at in range(3)],
            "detected": [round(float(np.mean([one["detected"][at] for one in averages])), 4) for at in range(3)],
            "texts": sum(one["texts"] for one in averages),
        }
    found |= _base_models(texts)
    return found


def _domains(prepared: Prepared) -> Figures:
    split = split_domains(prepared)
    reported = np.isin(prepared.domains, split.reporting)
    scores = held_out_scores(prepared, folds_of(prepared.groups))
    found: Figures = {"split": {"tuning": split.tuning, "reporting": split.reporting, "copies": prepared.copies}}
    found["seen domains"] = _figures(prepared, scores, reported)
    # One domain is left out at a time, with every text that shares a group with it.
    print("one domain left out at a time …", file=sys.stderr, flush=True)
    unseen = held_out_scores(prepared, prepared.domains)
    found["unseen domains"] = _figures(prepared, unseen, reported)
    for first, end in zip(LENGTHS, (*LENGTHS[1:], 10**9), strict=True):
        name = (
            f"unseen domains, {first} words or more" if end == 10**9 else f"unseen domains, {first} to {end - 1} words"
        )
        found[name] = _figures(prepared, unseen, reported & (prepared.lengths >= first) & (prepared.lengths < end))
    long = reported & (prepared.lengths >= 150)
    found["unseen domains, 150 words or more"] = _figures(prepared, unseen, long)
    own = _anchored(prepared, unseen)
    found["unseen domains, with its own anchors"] = _figures(prepared, own, reported)
    for domain in split.reporting:
        found[f"unseen domain {domain}"] = _figures(prepared, unseen, prepared.domains == domain)
    print("buckets …", file=sys.stderr, flush=True)
    odds = _calibrated(prepared, unseen)
    found |= _all_buckets(prepared, odds, reported)
    for name in sorted(set(prepared.generators[prepared.ours].tolist())):
        ours = prepared.generators == name
        print(f"{name} against people and other models …", file=sys.stderr, flush=True)
        one = held_out_scores(_only(prepared, ours), folds_of(prepared.groups))
        found[f"{name} against people and other models"] = _figures(_only(prepared, ours), one, reported, others=True)
    return found


def _only(prepared: Prepared, ours: Labels) -> Prepared:
    return replace(prepared, ours=ours)


def _generators(prepared: Prepared) -> Iterator[tuple[str, Figures]]:
    """Each generator by fits that saw none of its texts, and none of the source documents that are scored."""
    folds = folds_of(prepared.groups, 3)
    names = sorted(set(prepared.generators[prepared.ours].tolist()))
    for name in names if len(names) > 1 else ():
        mine = prepared.generators == name
        print(f"without {name} …", file=sys.stderr, flush=True)
        scores = held_out_scores(prepared, folds, rows=~mine)
        yield name, _figures(prepared, scores, mine | prepared.human)


def _base_models(texts: list[Any]) -> Figures:
    """A detector of chat models, asked of continuations by base models."""
    corpora = {one.corpus for one in texts if one.origin and _is_base(one.origin)}
    tested = [one for one in texts if one.corpus in corpora and (not one.origin or _is_base(one.origin))]
    learnt = [one for one in texts if one.corpus not in corpora and (not one.origin or not _is_base(one.origin))]
    if not tested or not learnt:
        return {}
    prepared = prepared_of([*learnt, *tested])
    names = {one.domain for one in tested}
    asked = np.isin(prepared.domains, sorted(names))
    learn = ~asked & ~np.isin(prepared.groups, prepared.groups[asked])
    model = fit_linear(prepared.matrix[learn], prepared.ours[learn])
    scores: Floats = model.scores(prepared.matrix)
    found = {"base models, all": _figures(prepared, scores, asked)}
    for name in sorted(set(prepared.generators[asked & prepared.ours].tolist())):
        found[f"base model {name}"] = _figures(
            prepared, scores, asked & (prepared.human | (prepared.generators == name))
        )
    return found


def _is_base(name: str) -> bool:
    return bool(BASE.search(name.lower())) and not name.lower().startswith("text-")


def _calibrated(prepared: Prepared, scores: Floats) -> Floats:
    """Log-odds of each domain, calibrated on the scores of the other domains."""
    odds = np.full(len(scores), np.nan)
    for domain in sorted(set(prepared.domains.tolist())):
        mine = prepared.domains == domain
        constant, slope, per_word = calibrate(
            scores, prepared, ~mine & ~np.isin(prepared.groups, prepared.groups[mine])
        )
        odds[mine] = constant + slope * scores[mine] + per_word * np.log1p(prepared.lengths[mine])
    return odds


def _anchored(prepared: Prepared, scores: Floats) -> Floats:
    """Distance from the mean of the domain's human texts, in their deviations; those texts lie in the other half.

    NaN for the half that was used up, and for domains with fewer than 30 human texts in it.
    """
    anchors, found = folds_of(prepared.groups, 2) == 0, np.full(len(scores), np.nan)
    for domain in sorted(set(prepared.domains.tolist())):
        mine = prepared.domains == domain
        known = scores[mine & anchors & prepared.human]
        if len(known) >= 30:
            found[mine & ~anchors] = (scores[mine & ~anchors] - known.mean()) / known.std()
    return found


def _figures(prepared: Prepared, scores: Floats, chosen: Labels, *, others: bool = False) -> Figures:
    """AUROC and detections at 1 % false alarms, each with its interval: [value, low, high]."""
    against = ~prepared.ours if others else prepared.human
    rows = np.flatnonzero(chosen & (prepared.ours | against) & ~np.isnan(scores))
    ours, values, groups = prepared.ours[rows], scores[rows], prepared.groups[rows]
    if min(ours.sum(), (~ours).sum()) < 20:
        return {"texts": len(rows), "auroc": [None] * 3, "detected": [None] * 3}
    found = _bootstrap(values, ours, groups, (auroc, detected_at))
    return {"texts": len(rows), "auroc": found[0], "detected": found[1]}


def _bootstrap(
    values: Floats, ours: Labels, groups: Any, figures: tuple[Callable[[Floats, Floats], float], ...]
) -> list[list[float]]:
    generator = np.random.default_rng(0)
    _, numbers = np.unique(groups, return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[order], np.arange(numbers.max() + 2))
    drawn = []
    for _ in range(DRAWS):
        picked = generator.integers(0, len(starts) - 1, len(starts) - 1)
        rows = np.concatenate([order[starts[one] : starts[one + 1]] for one in picked])
        human, mine = values[rows][~ours[rows]], values[rows][ours[rows]]
        drawn.append([figure(human, mine) for figure in figures] if len(human) and len(mine) else None)
    kept = np.array([one for one in drawn if one is not None])
    at = [figure(values[~ours], values[ours]) for figure in figures]
    low, high = np.quantile(kept, [0.025, 0.975], axis=0)
    return [[round(float(x), 4) for x in one] for one in zip(at, low, high, strict=True)]


def _all_buckets(prepared: Prepared, odds: Floats, reported: Labels) -> Figures:
    """Buckets drawn from all reported domains together, and from one domain at a time."""
    found: Figures = {}
    values = np.log1p(0.1 * (ratios(odds, scale_of(odds[prepared.human & ~np.isnan(odds)])) - 1))
    own = _anchored(prepared, values)
    names = sorted(set(prepared.domains[reported & prepared.human].tolist()))
    for share in SHARES:
        single = [reported & (prepared.domains == name) for name in names]
        single = [one for one in single if (one & prepared.human).sum() >= 100]
        name = f"{share:.0%}".replace("%", " %")
        found[f"buckets of unseen domains, {name}"] = _buckets(prepared, values, [reported], share)
        name = f"buckets of one unseen domain, {name}"
        found[f"{name}, own false alarms"] = _buckets(prepared, values, single, share, apart=True)
        found[f"{name}, one threshold"] = _buckets(prepared, values, single, share)
        halves = [one & ~np.isnan(own) for one in single]
        found[f"{name}, with its own anchors"] = _buckets(prepared, own, halves, share)
    return found


def _buckets(prepared: Prepared, values: Floats, places: list[Labels], share: float, *, apart: bool = False) -> Figures:
    """Contaminated buckets against clean ones. `apart`: figures of each place, averaged; else all buckets together."""
    generator = np.random.default_rng(1)
    pools = [(values[place & prepared.human], values[place & prepared.ours]) for place in places]
    drawn = []
    for draw in range(31):
        clean, dirty = [], []
        for human, ours in pools:
            if draw:  # the first is of the texts as they are
                human, ours = generator.choice(human, len(human)), generator.choice(ours, len(ours))
            count = round(share * BUCKET)
            clean.append(generator.choice(human, (BUCKETS, BUCKET)).mean(1))
            rest = generator.choice(human, (BUCKETS, BUCKET - count)).sum(1)
            dirty.append((rest + generator.choice(ours, (BUCKETS, count)).sum(1)) / BUCKET)
        if apart:
            each = [(auroc(a, b), detected_at(a, b)) for a, b in zip(clean, dirty, strict=True)]
            drawn.append(np.mean(each, axis=0))
        else:
            a, b = np.concatenate(clean), np.concatenate(dirty)
            drawn.append(np.array([auroc(a, b), detected_at(a, b)]))
    low, high = np.quantile(np.array(drawn[1:]), [0.025, 0.975], axis=0)
    numbers = [[round(float(x), 4) for x in one] for one in zip(drawn[0], low, high, strict=True)]
    return {"texts": sum(len(a) + len(b) for a, b in pools), "auroc": numbers[0], "detected": numbers[1]}


def as_table(found: Figures) -> str:
    """For people."""
    rows = []
    for name, one in found.items():
        if "auroc" not in one:
            continue
        goal = _GOALS.get(name, (None, None))
        rows.append([name, f"{one['texts']:,}", _cell(one["auroc"], goal[0]), _cell(one["detected"], goal[1])])
    return table(["what", "texts", "AUROC (goal)", "detected at 1 % false alarms (goal)"], rows)


def _cell(figure: list[float | None], goal: float | None) -> str:
    value, low, high = figure
    if value is None:
        return "too few"
    return f"{value:.3f} [{low:.3f}, {high:.3f}]" + (f" ({goal:.2f})" if goal is not None else "")


if __name__ == "__main__":
    main()
