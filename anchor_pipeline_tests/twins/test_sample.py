from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.twins import sample
from anchor_pipeline.twins.base import Origin, Training
from anchor_pipeline.twins.sample import sample_texts


def one(id: str, text: str) -> Training:
    return Training(Origin(id, datetime(2024, 1, 1, tzinfo=UTC), "MIT"), text)


@given(st.lists(st.text("ab ", max_size=12), max_size=20), st.integers(0, 30), st.randoms(use_true_random=False))
def test_it_is_the_longest_beginning_in_order_of_digest_that_fits(texts: list[str], limit: int, random: object) -> None:
    by_digest = {hashlib.sha256(text.encode()).digest(): text for text in texts if text.split()}
    expected: list[bytes] = []
    total = 0
    for digest in sorted(by_digest):
        total += len(by_digest[digest].split())
        if total > limit:
            break
        expected.append(digest)
    shuffled = [one(str(n), text) for n, text in enumerate(texts)]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [text.digest for text in sample_texts(shuffled, limit)] == expected


def test_of_equal_texts_the_smallest_id_stands() -> None:
    texts = [one("notes/b", "same words"), one("notes/a", "same words"), one("notes/c", "same words")]
    assert [text.origin.id for text in sample_texts(texts)] == ["notes/a"]


def test_of_a_very_long_text_only_the_beginning_is_taken() -> None:
    (text,) = sample_texts([one("notes/a", "word " * (sample.MAX_TEXT_WORDS + 5))])
    assert len(text.words) == sample.MAX_TEXT_WORDS
