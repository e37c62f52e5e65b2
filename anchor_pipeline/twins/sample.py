"""A bounded sample of texts that does not depend on their order: those with the smallest digests.

With the texts sorted by the SHA-256 of their content, the sample is the longest beginning of that list within
MAX_WORDS words: a bottom-k sample (Cohen & Kaplan 2007) cut by words. Equal texts count once.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from typing import NamedTuple

from anchor_pipeline.twins.base import Origin, Training

MAX_WORDS = 400_000
"""All texts of a sample together have at most so many words."""

MAX_TEXT_WORDS = 50_000
"""Of a longer text only the beginning is taken."""


class Sampled(NamedTuple):
    """A text of the sample: digest of its content (32 bytes), origin, words."""

    digest: bytes
    origin: Origin
    words: list[str]


def sample_texts(texts: Iterable[Training], max_words: int = MAX_WORDS) -> list[Sampled]:
    """The sample, sorted by digest. Of equal texts the one with the smallest id stands for all.

    Peak memory is that of `max_words` words and one text.
    """
    kept: dict[bytes, Sampled] = {}
    heap: list[tuple[bytes, bytes]] = []  # (digest inverted, digest): the largest digest comes first
    total = 0
    beyond: bytes | None = None  # digests from here on are out, also those that would fit again
    for training in texts:
        digest = hashlib.sha256(training.text.encode()).digest()
        words = training.text.split(None, MAX_TEXT_WORDS)[:MAX_TEXT_WORDS]
        if not words or (beyond is not None and digest >= beyond):
            continue
        twin = kept.get(digest)
        if twin is not None:
            if training.origin.id < twin.origin.id:
                kept[digest] = twin._replace(origin=training.origin)
            continue
        kept[digest] = Sampled(digest, training.origin, words)
        heapq.heappush(heap, (bytes(255 - byte for byte in digest), digest))
        total += len(words)
        while total > max_words:
            beyond = heapq.heappop(heap)[1]
            total -= len(kept.pop(beyond).words)
    return [kept[digest] for digest in sorted(kept)]
