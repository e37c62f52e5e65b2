"""How near synthetic images come to originals: PDQ, or pHash where an image has too few features for PDQ.

Each synthetic image and its mirror image are searched for among the originals.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from anchor_pipeline.facts.media.hamming import HashIndex
from anchor_pipeline.facts.media.pdq import BITS, LEAST_QUALITY
from anchor_pipeline.facts.media.phash import BITS as PHASH_BITS
from anchor_pipeline.project.policy import PerceptualNovelty
from anchor_pipeline.rules.comparison import NEAREST, UNJUDGED, Comparison, frame, pairs, reasons

COLUMNS = ("pdq", "pdq_mirror", "quality", "contrast", "phash", "phash_mirror", "undecodable")

LEAST_CONTRAST = 2.0
"""Of 255: below, an image is an even area but for rounding."""

_ALL_PAIRS = 400_000_000
"""Up to so many pairs the nearest is found however far it is: a few seconds."""

_SHOWS = pl.col("contrast") >= LEAST_CONTRAST

Words = NDArray[np.uint64]


def compare_images(synthetic: pl.DataFrame, originals: pl.DataFrame, setting: PerceptualNovelty) -> Comparison:
    """Both frames have doc_id, domain and COLUMNS, one row per document; the result does not hang on their order."""
    synthetic, originals = synthetic.sort("doc_id"), originals.sort("doc_id")
    rich, poor = _rich(synthetic), _poor(synthetic)
    fine, all_fine = _rich(originals), originals.filter(_SHOWS)
    parts = [
        _nearest(rich, fine, "pdq", BITS, setting.min_pdq),
        _nearest(poor, all_fine, "phash", PHASH_BITS, setting.min_phash),
    ]
    rest = synthetic.filter(~_SHOWS.fill_null(False))
    why = rest["undecodable"].fill_null("featureless")
    return Comparison(
        nearest=pl.concat(parts).sort("doc_id"),
        unjudged=frame(UNJUDGED, doc_id=rest["doc_id"], domain=rest["domain"], reason=why),
        originals=len(all_fine),
        originals_unread=reasons(originals["undecodable"]),
        alike=_alike(rich, setting.min_pdq),
    )


def _rich(images: pl.DataFrame) -> pl.DataFrame:
    return images.filter(_SHOWS & (pl.col("quality") >= LEAST_QUALITY))


def _poor(images: pl.DataFrame) -> pl.DataFrame:
    return images.filter(_SHOWS & (pl.col("quality") < LEAST_QUALITY))


def _nearest(synthetic: pl.DataFrame, originals: pl.DataFrame, measure: str, bits: int, least: int) -> pl.DataFrame:
    within = bits if len(synthetic) * len(originals) <= _ALL_PAIRS else least - 1
    index = HashIndex.of(_words(originals[measure]))
    found, distance = index.nearest(_words(synthetic[measure]), within)
    mirror, turned = index.nearest(_words(synthetic[f"{measure}_mirror"]), within)
    mirrored = turned < distance
    found, distance = np.where(mirrored, mirror, found), np.where(mirrored, turned, distance)
    known = found >= 0
    ids = originals["doc_id"].gather(np.maximum(found, 0)) if len(originals) else [None] * len(synthetic)
    rows = frame(
        NEAREST,
        doc_id=synthetic["doc_id"],
        domain=synthetic["domain"],
        original=ids,
        measure=[measure] * len(synthetic),
        distance=distance,
        required=[least] * len(synthetic),
        mirrored=mirrored,
    )
    known_rows = pl.Series(known, dtype=pl.Boolean)
    return rows.with_columns(
        pl.when(known_rows).then(pl.col(name)).alias(name) for name in ("original", "distance", "mirrored")
    )


def _alike(images: pl.DataFrame, least: int) -> dict[str, Any]:
    """Synthetic images as near to another one, mirrored or not."""
    hashes, mirrors = _words(images["pdq"]), _words(images["pdq_mirror"])
    index = HashIndex.of(hashes)
    found, distance = index.nearest(hashes, least - 1, itself=True)
    mirror, turned = index.nearest(mirrors, least - 1, itself=True)
    found, distance = np.where(turned < distance, mirror, found), np.minimum(distance, turned)
    near = np.flatnonzero(found >= 0)
    ids = images["doc_id"]
    listed = pairs(ids.gather(near), ids.gather(found[near]), pl.Series(distance[near]))
    return {"documents": len(near), "pairs": listed} if len(near) else {}


def _words(hashes: pl.Series) -> Words:
    """Hashes, 8 or 32 bytes each, as rows of words."""
    if hashes.dtype == pl.Binary:
        return np.frombuffer(b"".join(hashes.to_list()), "<u8").reshape(-1, BITS // 64).astype(np.uint64)
    return hashes.cast(pl.UInt64).to_numpy().reshape(-1, 1)
