"""The fact set of images, `image-1`. Needs Pillow (extra `media`).

| column | type | meaning |
|---|---|---|
| width, height | int32, null | pixels, as shown; null where the header cannot be read |
| pdq, pdq_mirror | 32 bytes, null | PDQ of the image and of its mirror image, 4 × uint64 little-endian |
| quality | int32, null | PDQ's own, 0 (hardly any step in brightness) to 100 |
| contrast | float32, null | the lightest pixel less the darkest, 0 to 255 |
| phash, phash_mirror | uint64, null | pHash of the image and of its mirror image |
| undecodable | string, null | why there are no hashes: too_large, too_small, truncated, not_decodable |
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.fact_sets import FactSet
from anchor_pipeline.facts.media.decode import Undecodable, decode
from anchor_pipeline.facts.media.pdq import pdq
from anchor_pipeline.facts.media.phash import phash

HASH = pa.binary(32)

IMAGE_SCHEMA = pa.schema(
    [
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("pdq", HASH),
        pa.field("pdq_mirror", HASH),
        pa.field("quality", pa.int32()),
        pa.field("contrast", pa.float32()),
        pa.field("phash", pa.uint64()),
        pa.field("phash_mirror", pa.uint64()),
        pa.field("undecodable", pa.string()),
    ]
)


def measure_images(batch: Batch) -> list[Any]:
    """The columns of IMAGE_SCHEMA for the rows of a batch."""
    rows = [_measure(payload.as_py()) for payload in batch.column("payload")]
    columns = zip(*rows, strict=True) if rows else ([] for _ in IMAGE_SCHEMA)
    return [pa.array(list(column), field.type) for column, field in zip(columns, IMAGE_SCHEMA, strict=True)]


def _measure(payload: bytes | None) -> tuple[Any, ...]:
    if payload is None:
        return (None,) * len(IMAGE_SCHEMA)
    picture = decode(payload)
    if isinstance(picture, Undecodable):
        return (picture.width, picture.height, None, None, None, None, None, None, picture.reason)
    hash_, mirror, quality = pdq(picture.luma)
    whole, turned = phash(picture.grey)
    size = (picture.width, picture.height)
    contrast = float(picture.luma.max() - picture.luma.min())
    return (*size, _bytes(hash_), _bytes(mirror), quality, contrast, int(whole), int(turned), None)


def _bytes(words: Any) -> bytes:
    return np.ascontiguousarray(words, "<u8").tobytes()


IMAGE = FactSet("image-1", "image", IMAGE_SCHEMA, measure_images, reads=("payload",))
