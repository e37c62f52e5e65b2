"""A digest of the words alone: texts that differ only in case, spaces and punctuation have the same one.

It is the SHA-256 of the words proper of facts/words.py, in lower case as there, joined by one space, in UTF-8: anyone
can compute it again. A text without words has the SHA-256 of nothing. `reference_normalised` in test_normalised.py
says the same in plain Python.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

import pyarrow as pa

from anchor_pipeline.corpus.strings import Bytes, Offsets

DIGEST = pa.binary(32)


def digests_of(text: Bytes, edges: Offsets) -> Any:
    """The SHA-256 of each row text[edges[i]:edges[i + 1]], as an Arrow array of 32 bytes each."""
    # hashlib uses the processor's instructions for it, which compiled Python cannot; slices of a view copy nothing.
    view, sha = memoryview(text.data), hashlib.sha256
    digests = b"".join([sha(view[first:end]).digest() for first, end in pairwise(edges.tolist())])
    return pa.Array.from_buffers(DIGEST, len(edges) - 1, [None, pa.py_buffer(digests)])
