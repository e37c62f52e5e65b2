"""How often the bands fire: on model text, on mixtures, and on human text that they have not seen.

    python -m bench.bench_gates DATA_DIR [--json] [--trials N] [--tokens N] [--tuning]

DATA_DIR holds folders of JSON lines (bench/gates_data.py). Texts are split by the hash of their source document,
before anything is looked at: a third trains the probes, and is where statistics and parameters were chosen; the rest
is divided, anew for each trial and by hash again, into a half that bands are calibrated on and a half that buckets
are drawn from. A bucket holds as many tokens as asked for, or as the least of its parts allows; a corpus of several
domains is judged as a stage is: each domain against its own band, the deviations together. In mixtures no human text
stands beside a rewrite or continuation of itself. `--tuning` runs the same within the first third alone; nothing
that it prints is a result.

Rates have Wilson intervals over buckets. Buckets of one corpus overlap from trial to trial, so an interval speaks of
these texts; `disjoint` says how many such buckets the human texts would fill side by side.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.probes.character_probe import train_character_probe
from anchor_pipeline.facts.probes.probe import open_probe
from anchor_pipeline.facts.probes.word_probe import train_word_probe
from bench.gates_data import HUMAN, Text, load, share_of
from bench.gates_trial import Material, Score, Trial, prepare, trial

TRIALS, TOKENS, HALF_SAMPLES = 100, 100_000, 200
SHARES = (1.0, 0.3)
Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the measurement and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    chosen = parser.parse_args(arguments)
    result = measure(chosen.data, chosen.trials, chosen.tokens, tuning=chosen.tuning)
    sys.stdout.write(json.dumps(result, indent=1) + "\n" if chosen.json else table(result))


def measure(data: Path, trials: int, tokens: int, *, tuning: bool = False) -> dict[str, Any]:
    """Everything that is reported, as plain JSON data."""
    begun = time.process_time()
    training, rest = split(load(data), tuning=tuning)
    score = _probes([text.text for text in training if text.origin == HUMAN])
    rows: list[Row] = []
    unjudged: list[str] = []
    for corpus in sorted({text.corpus for text in rest}):
        own = [text for text in rest if text.corpus == corpus]
        material = prepare(own, score)
        found = [
            one for number in range(trials) for one in trial(corpus, material, number, [tokens], SHARES, HALF_SAMPLES)
        ]
        rows += _rows(found, material)
        unjudged += [] if found else [corpus]
        print(f"{corpus}: {len(found)} buckets, {time.process_time() - begun:.0f} CPU s", file=sys.stderr)
    return {
        "split": "tuning" if tuning else "report",
        "trials": trials,
        "tokens_asked": tokens,
        "training_texts": len(training),
        "summary": _summary(rows),
        "not_judged": unjudged,
        "rows": rows,
        "cpu_seconds": round(time.process_time() - begun),
    }


def split(texts: Sequence[Text], *, tuning: bool = False) -> tuple[list[Text], list[Text]]:
    """Those that probes are trained on, and the rest, by the hash of their groups."""
    first = [text for text in texts if share_of(text.group, "part") < 1 / 3]
    if not tuning:
        return first, [text for text in texts if share_of(text.group, "part") >= 1 / 3]
    return (
        [text for text in first if share_of(text.group, "tuning") < 1 / 3],
        [text for text in first if share_of(text.group, "tuning") >= 1 / 3],
    )


def _probes(texts: Sequence[str]) -> Score:
    column = pa.array(texts, pa.large_string())
    files = {"words": train_word_probe([column]), "characters": train_character_probe([column])}
    probes = {name: open_probe(parts, name, name) for name, parts in files.items()}

    def score(some: pa.Array) -> dict[str, Any]:
        batch = Batch(pa.table({"text": some}))
        measured = {name: probe.measure(batch) for name, probe in probes.items()}
        return {name: (bits, units.astype(np.float64)) for name, (bits, units) in measured.items()}

    return score


def _rows(trials: Sequence[Trial], material: Material) -> list[Row]:
    by: dict[tuple[str, str, float], list[Trial]] = defaultdict(list)
    for one in trials:
        by[one.corpus, one.origin, one.share].append(one)
    human = sum(
        int(np.diff(documents.starts)[material.origins[name] == HUMAN].sum())
        for name, documents in material.domains.items()
    )
    rows = []
    for (corpus, origin, share), found in sorted(by.items()):
        alarms = sum(one.alarm for one in found)
        tokens = sum(one.tokens for one in found) / len(found)
        fired = Counter(
            f"{judged.statistic} {'below' if judged.side < 0 else 'above'}"
            for one in found
            for judged in one.judged
            if judged.side
        )
        rows.append(
            {
                "corpus": corpus,
                "origin": origin,
                "synthetic_share": share,
                "tokens": round(tokens),
                "disjoint": max(1, int(human / tokens)),
                **rate(alarms, len(found)),
                "fired": {name: round(count / len(found), 3) for name, count in fired.most_common()},
            }
        )
    return rows


def _summary(rows: Sequence[Row]) -> dict[str, Any]:
    """The goals of the issue, and what was reached."""
    human = [row for row in rows if row["origin"] == HUMAN]
    found: dict[str, Any] = {
        "human_alarms": {"goal": "<= 0.01", **rate(*_sum(human))},
    }
    for name, share, goal in (("all_synthetic", 1.0, 0.95), ("thirty_percent", 0.3, 0.8)):
        models = [row for row in rows if row["origin"] != HUMAN and row["synthetic_share"] == share]
        missed = [f"{row['corpus']}/{row['origin']} ({row['tokens']:,} tokens)" for row in models if row["rate"] < goal]
        reached = len(models) - len(missed)
        found[name] = {"goal": f">= {goal}", **rate(*_sum(models)), "models": len(models), "reached": reached,
                       "missed": missed}  # fmt: skip
    return found


def _sum(rows: Sequence[Row]) -> tuple[int, int]:
    return sum(row["alarms"] for row in rows), sum(row["buckets"] for row in rows)


def rate(alarms: int, buckets: int) -> dict[str, Any]:
    """A rate and its 95 % interval (Wilson, JASA 22, 1927)."""
    if not buckets:
        return {"alarms": 0, "buckets": 0, "rate": 0.0, "low": 0.0, "high": 1.0}
    z, share = 1.959964, alarms / buckets
    middle = (share + z * z / 2 / buckets) / (1 + z * z / buckets)
    half = z / (1 + z * z / buckets) * math.sqrt(share * (1 - share) / buckets + z * z / 4 / buckets**2)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return {
        "alarms": alarms, "buckets": buckets, "rate": round(share, 4), "low": round(low, 4), "high": round(high, 4),
    }  # fmt: skip


def table(result: dict[str, Any]) -> str:
    """The same as Markdown."""
    lines = [
        "| corpus | text | tokens | disjoint | buckets | fire | 95 % interval | mostly by |",
        "|---|---|--:|--:|--:|--:|---|---|",
    ]
    for row in result["rows"]:
        text = row["origin"] if row["synthetic_share"] in (0.0, 1.0) else f"30 % {row['origin']}"
        fired = ", ".join(f"{name} {share:.2f}" for name, share in list(row["fired"].items())[:3])
        lines.append(
            f"| {row['corpus']} | {text} | {row['tokens']:,} | {row['disjoint']} | {row['buckets']} | {row['rate']:.3f}"
            f" | {row['low']:.3f} to {row['high']:.3f} | {fired} |"
        )
    lines.append("")
    for name, goal in result["summary"].items():
        lines.append(f"- {name} (goal {goal['goal']}): {goal['rate']:.4f}, {goal['low']:.4f} to {goal['high']:.4f}")
        if goal.get("missed"):
            lines.append(f"  - {goal['reached']} of {goal['models']} models reach it; not: {', '.join(goal['missed'])}")
    if result["not_judged"]:
        names = ", ".join(result["not_judged"])
        lines.append(f"- not judged, for too few human documents in a bucket or to calibrate on: {names}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
