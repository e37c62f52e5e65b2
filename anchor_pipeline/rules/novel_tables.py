"""How near series in synthetic table rows come to originals: windows of 32 values that repeat, and column entropies.

A row is compared by the windows that start at it. Rows whose windows say nothing (windows.py) are not compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from anchor_pipeline.facts.media.windows import apart
from anchor_pipeline.project.policy import PerceptualNovelty
from anchor_pipeline.rules.comparison import NEAREST, UNJUDGED, Comparison

COLUMNS = ("layout", "cells", "windows")

ValuesAt = Callable[[pl.DataFrame], NDArray[np.float64]]
"""Gives the 32 values of windows (columns shard, shard_row, field), a row for each."""

_MOST_ALIKE = 16
"""Originals compared with of those whose window has the same word; a copied series has many windows to be found by."""
_AT_ONCE = 100_000
_MOST_ROWS = 100_000
_MOST_COLUMNS = 40


def compare_tables(
    synthetic: pl.DataFrame, originals: pl.DataFrame, setting: PerceptualNovelty, values: ValuesAt
) -> Comparison:
    """Both frames have doc_id, domain, digest, shard, shard_row and COLUMNS; their order does not matter."""
    synthetic, originals = synthetic.sort("doc_id"), originals.sort("doc_id")
    windows = _windows(synthetic)
    near = _nearest(windows, _windows(originals), values)
    nearest = (
        windows.select("doc_id", "domain")
        .unique(maintain_order=True)
        .join(near, on="doc_id", how="left", maintain_order="left")
        .with_columns(
            measure=pl.lit("window"), required=pl.lit(float(setting.min_table)), mirrored=pl.lit(None, pl.Boolean)
        )
    )
    return Comparison(
        nearest=nearest.select(pl.col(name).cast(kind) for name, kind in NEAREST.items()),
        unjudged=pl.DataFrame(schema=UNJUDGED),
        originals=len(originals),
        notes={
            "rows_with_a_window": len(nearest),
            "rows_without_a_window": len(synthetic) - len(nearest),
            "entropy": column_entropies(synthetic, originals),
        },
    )


def _windows(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per window: doc_id, domain, shard, shard_row, field, word."""
    places = ["doc_id", "domain", "shard", "shard_row"]
    long = rows.drop_nulls("windows").filter(pl.col("windows").list.len() > 0)
    long = long.select(*places, field=pl.int_ranges(0, pl.col("windows").list.len()), word="windows")
    return long.explode("field", "word").filter(pl.col("word") != 0)


def _nearest(windows: pl.DataFrame, originals: pl.DataFrame, values: ValuesAt) -> pl.DataFrame:
    """doc_id, original, distance: the nearest original window of each document that meets one with the same word."""
    few = originals.filter(pl.int_range(pl.len()).over("word") < _MOST_ALIKE)
    meeting = windows.join(few, on="word", how="inner", suffix="_original", maintain_order="left_right")
    found = []
    for start in range(0, len(meeting), _AT_ONCE):
        part = meeting.slice(start, _AT_ONCE)
        other = part.select(shard="shard_original", shard_row="shard_row_original", field="field_original")
        distance = apart(values(part.select("shard", "shard_row", "field")), values(other))
        found.append(part.select("doc_id", original="doc_id_original", distance=pl.Series(distance)))
    schema = {"doc_id": pl.String(), "original": pl.String(), "distance": pl.Float64()}
    together = pl.concat([pl.DataFrame(schema=schema), *found])
    return together.sort("doc_id", "distance", "original").unique("doc_id", keep="first", maintain_order=True)


def column_entropies(synthetic: pl.DataFrame, originals: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Shannon entropy of the values of each column, in bits, of synthetic rows and of as many originals.

    Entropy grows with the number of rows, so both sides give equally many, the first by content digest. Columns of
    rows with other fields are other columns. Keys are names of columns, `name (2)` where several layouts have it.
    """
    found: dict[str, dict[str, float]] = {}
    layouts = sorted(set(synthetic["layout"].drop_nulls()) & set(originals["layout"].drop_nulls()))
    for layout in layouts:
        sides = [rows.filter(pl.col("layout") == layout).sort("digest", "doc_id") for rows in (synthetic, originals)]
        rows = min(*map(len, sides), _MOST_ROWS)
        entropies = [_entropies(side.head(rows)) for side in sides]
        for name, ours, theirs in zip(orjson.loads(layout), *entropies, strict=True):
            if len(found) == _MOST_COLUMNS:
                return found
            known = sum(key == name or key.startswith(f"{name} (") for key in found)
            key = f"{name} ({known + 1})" if known else name
            found[key] = {"synthetic": ours, "originals": theirs, "rows": rows}
    return found


def _entropies(rows: pl.DataFrame) -> list[float]:
    """Of each column, in bits, rounded to 1e-6: sums in another order differ beyond that."""
    cells = np.stack(rows["cells"].to_list(), axis=1) if len(rows) else np.zeros((0, 0))
    return [_entropy(column) for column in cells]


def _entropy(values: Any) -> float:
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return round(float(-(shares * np.log2(shares)).sum()) + 0.0, 6)
