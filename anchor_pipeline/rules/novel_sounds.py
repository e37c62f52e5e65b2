"""How near synthetic sounds come to originals: bit error rate of fingerprints, at whatever offset."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from anchor_pipeline.facts.media.sound_search import EXACT_COMPARISONS, Nearest, Prints, nearest_sounds
from anchor_pipeline.project.policy import PerceptualNovelty
from anchor_pipeline.rules.comparison import NEAREST, UNJUDGED, Comparison, frame, pairs, reasons

COLUMNS = ("seconds", "print", "unheard")


def compare_sounds(
    synthetic: pl.DataFrame,
    originals: pl.DataFrame,
    setting: PerceptualNovelty,
    *,
    comparisons: int = EXACT_COMPARISONS,
) -> Comparison:
    """Both frames have doc_id, domain and COLUMNS, one row per document; the result does not hang on their order."""
    declared = float(setting.min_audio)
    synthetic, originals = synthetic.sort("doc_id"), originals.sort("doc_id")
    heard, known = synthetic.drop_nulls("print"), originals.drop_nulls("print")
    queries, sounds = _prints(heard), _prints(known)
    near = nearest_sounds(queries, sounds, declared, comparisons=comparisons)
    among = nearest_sounds(queries, queries, declared, itself=True, comparisons=comparisons)
    rest = synthetic.filter(pl.col("print").is_null())
    return Comparison(
        nearest=_rows(heard, known, near),
        unjudged=frame(UNJUDGED, doc_id=rest["doc_id"], domain=rest["domain"], reason=rest["unheard"]),
        originals=len(known),
        originals_unread=reasons(originals["unheard"]),
        alike=_alike(heard, among),
        exact=near.exact,
    )


def _rows(heard: pl.DataFrame, known: pl.DataFrame, near: Nearest) -> pl.DataFrame:
    compared = pl.Series(near.found >= 0, dtype=pl.Boolean)
    ids = known["doc_id"].gather(np.maximum(near.found, 0)) if len(known) else [None] * len(heard)
    rows = frame(
        NEAREST,
        doc_id=heard["doc_id"],
        domain=heard["domain"],
        original=ids,
        measure=["fingerprint"] * len(heard),
        distance=near.rates,
        required=near.limits,
    )
    return rows.with_columns(pl.when(compared).then(pl.col(name)).alias(name) for name in ("original", "distance"))


def _alike(heard: pl.DataFrame, among: Nearest) -> dict[str, Any]:
    near = np.flatnonzero((among.found >= 0) & (among.rates < among.limits))
    ids = heard["doc_id"]
    listed = pairs(ids.gather(near), ids.gather(among.found[near]), pl.Series(np.round(among.rates[near], 4)))
    return {"documents": len(near), "pairs": listed} if len(near) else {}


def _prints(sounds: pl.DataFrame) -> Prints:
    lengths = sounds["print"].list.len().to_numpy().astype(np.int64)
    words = sounds["print"].explode().cast(pl.UInt32).to_numpy() if len(sounds) else np.zeros(0, np.uint32)
    return Prints(np.ascontiguousarray(words), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
