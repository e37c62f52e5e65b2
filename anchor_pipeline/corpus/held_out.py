"""Documents that are held out of every mix, so that models can be tried on what they were not trained on.

Which ones follows from the document's id and the project's seed alone (SipHash-2-4, see keyed_hash.py), so that a
document is held out in every cycle and stage or in none, and what is held out at a share stays so at a larger one.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anchor_pipeline.corpus.keyed_hash import seed_key, siphash

_PURPOSE = b"anchor_pipeline/corpus/held_out/v1\0"


def held_out(doc_ids: pa.Array | pa.ChunkedArray, seed: int, share: Fraction) -> NDArray[np.bool_]:
    """Which of the documents are held out when `share` of their source is; ids are strings, none null."""
    limit = share.numerator * 2**64 // share.denominator
    if limit >= 2**64:
        return np.ones(len(doc_ids), np.bool_)
    held: Any = siphash(doc_ids, seed_key(_PURPOSE, seed)) < np.uint64(limit)
    return np.asarray(held, np.bool_)
