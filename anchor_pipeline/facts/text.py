"""The base set of text facts, `text-1`: what is measured of every text, without any model.

| column | type | meaning |
|---|---|---|
| tokens | int64 | words and marks, as facts/words.py finds them |
| words | int64 | words proper |
| normalised | 32 bytes | SHA-256 of the words in lower case, marks left out |
| minhash | 512 bytes | 128 × uint32, little-endian: MinHash of word 5-grams |
| shingles | int32 | different word 5-grams; of one to four words: 1; without words: 0 |
| sketch | list<uint64> | the 5-gram hashes below 2^64/16, rising |
| distinct_1, distinct_2, distinct_3 | int32 | different words, 2-grams and 3-grams of words |
| entropy_1 | float32 | bits per word of the document's own words |

The SHA-256 of the content is the document's column `digest`; it is not computed again.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.distinct import distinct, distinct_and_entropy
from anchor_pipeline.facts.fact_sets import FactSet
from anchor_pipeline.facts.minhash import BINS, minhash
from anchor_pipeline.facts.normalised import DIGEST, digests_of
from anchor_pipeline.facts.shingles import SHINGLE
from anchor_pipeline.facts.sketch import sketch

MINHASH = pa.binary(4 * BINS)

TEXT_SCHEMA = pa.schema(
    [
        pa.field("tokens", pa.int64()),
        pa.field("words", pa.int64()),
        pa.field("normalised", DIGEST),
        pa.field("minhash", MINHASH),
        pa.field("shingles", pa.int32()),
        pa.field("sketch", pa.list_(pa.uint64())),
        pa.field("distinct_1", pa.int32()),
        pa.field("distinct_2", pa.int32()),
        pa.field("distinct_3", pa.int32()),
        pa.field("entropy_1", pa.float32()),
    ]
)


def measure_text(batch: Batch) -> list[Any]:
    """The columns of TEXT_SCHEMA for the rows of a batch."""
    words, starts = batch.proper
    distinct_1, entropy_1 = distinct_and_entropy(words, starts)
    values, offsets = sketch(*batch.shingles)
    # Shorter texts have one shingle, of all their words.
    shingles = np.where(np.diff(starts) < SHINGLE, np.minimum(distinct_1, 1), distinct(words, starts, SHINGLE))
    return [
        pa.array(np.diff(batch.starts)),
        pa.array(np.diff(starts)),
        digests_of(*batch.normalised),
        _signatures(minhash(*batch.shingles)),
        pa.array(shingles, pa.int32()),
        pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values)),
        pa.array(distinct_1),
        pa.array(distinct(words, starts, 2)),
        pa.array(distinct(words, starts, 3)),
        pa.array(entropy_1),
    ]


def _signatures(found: NDArray[np.uint32]) -> Any:
    # Files are the same on machines of either byte order.
    little = found if sys.byteorder == "little" else found.byteswap()
    return pa.Array.from_buffers(MINHASH, len(found), [None, pa.py_buffer(np.ascontiguousarray(little))])


def signatures_of(column: Any) -> NDArray[np.uint32]:
    """The column `minhash` as uint32[rows, 128]. Leave out nulls, the rows of other modalities, before."""
    if column.null_count:
        raise ValueError("rows without a signature have to be left out first")
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) and array.num_chunks else array
    flat = np.frombuffer(array.buffers()[1], "<u4") if len(array) else np.zeros(0, "<u4")
    first = array.offset * BINS
    return flat[first : first + len(array) * BINS].reshape(-1, BINS).astype(np.uint32, copy=False)


TEXT = FactSet("text-1", "text", TEXT_SCHEMA, measure_text)


def text_sets(store: Store, cycle: str) -> list[FactSet]:
    """The set of every cycle."""
    return [TEXT]
