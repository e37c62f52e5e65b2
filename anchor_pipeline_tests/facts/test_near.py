"""Near-duplicates are those that brute force finds, whatever the layout; a million alike take no longer than others."""

from __future__ import annotations

import random
import time
from fractions import Fraction
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.near import Documents, near_duplicates
from anchor_pipeline_tests.facts.near_documents import documents_of, jaccard, shingle_sets

FOUR_FIFTHS = Fraction(4, 5)


def found_in(documents: Documents, folder: Path, similarity: Fraction = FOUR_FIFTHS, older: int = 0) -> list[int]:
    found: list[int] = near_duplicates(documents, similarity, Path(mkdtemp(dir=folder)), older).tolist()
    return found


def kept_by_brute_force(texts: list[str], similarity: Fraction = FOUR_FIFTHS) -> list[int]:
    """The same question, every document against every kept one."""
    sets = shingle_sets(texts)
    found: list[int] = []
    for me, mine in enumerate(sets):
        like = [at for at in range(me) if found[at] < 0 and mine and jaccard(mine, sets[at]) >= similarity]
        found.append(like[0] if like else -1)
    return found


def variants(seed: int, bases: int, words: int, copies: int) -> list[str]:
    """Texts, each followed somewhere by some copies with a few words changed, cut off or added."""
    chance = random.Random(seed)
    texts = []
    for _ in range(bases):
        base = [f"w{chance.randrange(10**9)}" for _ in range(words)]
        texts.append(base)
        for _ in range(copies):
            copy = base[chance.randrange(3) : len(base) - chance.randrange(3)]
            for _ in range(chance.randrange(max(1, words // 25) + 1)):
                copy[chance.randrange(len(copy))] = f"x{chance.random()}"
            texts.append(copy)
    chance.shuffle(texts)
    return [" ".join(text) for text in texts]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    words=st.sampled_from([8, 12, 20, 40, 90, 300]),
    copies=st.integers(1, 4),
    similarity=st.sampled_from([FOUR_FIFTHS, Fraction(9, 10), Fraction(1)]),
)
def test_agrees_with_comparing_every_pair(
    tmp_path: Path, seed: int, words: int, copies: int, similarity: Fraction
) -> None:
    texts = variants(seed, 30, words, copies)
    documents = documents_of(texts, Path(mkdtemp(dir=tmp_path)), file_rows=17, shuffled=seed)
    assert found_in(documents, tmp_path, similarity) == kept_by_brute_force(texts, similarity)


@pytest.mark.parametrize("words", [9, 14, 30, 120, 600])
def test_of_pairs_just_above_the_threshold_hardly_one_is_missed(tmp_path: Path, words: int) -> None:
    chance = random.Random(words)
    texts = []
    for _ in range(800):
        base = [f"w{chance.randrange(10**9)}" for _ in range(words)]
        texts.append(" ".join(base))
        cut = max(1, round((words - 4) * 0.19))
        texts.append(" ".join(base[cut:]))
    sets = shingle_sets(texts)
    true = [at for at in range(1, len(texts), 2) if jaccard(sets[at], sets[at - 1]) >= FOUR_FIFTHS]
    assert len(true) > 700
    found = found_in(documents_of(texts, tmp_path / "texts"), tmp_path)
    assert sum(found[at] == at - 1 for at in true) >= 0.995 * len(true)
    assert sum(at >= 0 for at in found) <= len(true), "precision is exact"


def test_files_and_their_order_have_no_say(tmp_path: Path) -> None:
    texts = variants(1, 40, 60, 3)
    one = found_in(documents_of(texts, tmp_path / "one"), tmp_path)
    other = found_in(documents_of(texts, tmp_path / "other", file_rows=7, shuffled=3), tmp_path)
    assert one == other
    assert sum(at >= 0 for at in one) > 50


def test_punctuation_and_case_make_no_difference_and_texts_without_words_are_like_none(tmp_path: Path) -> None:
    texts = ["Thank you, Ann!", "thank you ann", "🎉🎉", "🎉🎉", "", "...", "Thank you, Bob!"]
    assert found_in(documents_of(texts, tmp_path / "texts"), tmp_path) == [-1, 0, -1, -1, -1, -1, -1]


def test_a_chain_of_small_changes_does_not_join_what_is_unlike(tmp_path: Path) -> None:
    words = [f"w{at}" for at in range(200)]
    texts = [" ".join(words[at : at + 100]) for at in range(0, 100, 5)]
    found, sets = found_in(documents_of(texts, tmp_path / "texts"), tmp_path), shingle_sets(texts)
    assert any(at >= 0 for at in found)
    assert all(at < 0 or jaccard(sets[me], sets[at]) >= FOUR_FIFTHS for me, at in enumerate(found))
    assert all(at < 0 or found[at] < 0 for at in found), "the copy pointed to is a kept one"
    assert found == kept_by_brute_force(texts)


def test_older_documents_are_compared_with_and_never_go(tmp_path: Path) -> None:
    texts = [
        "one two three four five six seven",
        "one two three four five six seven",
        "one two three four five six seven!",
    ]
    assert found_in(documents_of(texts, tmp_path / "texts"), tmp_path, older=2) == [-1, -1, 0]


def test_a_hundred_thousand_equal_or_nearly_equal_documents_take_linear_time(tmp_path: Path) -> None:
    base = [f"w{at}" for at in range(60)]

    def some(number: int) -> Documents:
        texts = [" ".join([*base, f"x{at}"]) for at in range(number)]
        return documents_of(texts, tmp_path / str(number), file_rows=number)

    small, large = some(10_000), some(100_000)
    found_in(some(100), tmp_path)  # compiles
    seconds = []
    for documents in (small, large):
        start = time.process_time()
        found = found_in(documents, tmp_path)
        seconds.append(time.process_time() - start)
        assert found == [-1] + [0] * (len(found) - 1)
    assert seconds[1] < 30 * seconds[0] + 1, seconds


def test_of_unlike_documents_that_share_every_bucket_the_work_is_bounded(tmp_path: Path) -> None:
    # A third of every text is boilerplate: similar to all others, and far below the threshold.
    boilerplate = " ".join(f"b{at}" for at in range(60))
    chance = random.Random(5)
    texts = [f"{boilerplate} " + " ".join(f"w{chance.random()}" for _ in range(30)) for _ in range(16_000)]
    documents = documents_of(texts, tmp_path / "texts", file_rows=16_000)
    found_in(documents_of(texts[:9], tmp_path / "few"), tmp_path)  # compiles
    start = time.process_time()
    assert set(found_in(documents, tmp_path)) == {-1}
    assert time.process_time() - start < 2, "with buckets of any length it takes 4 s"


def test_facts_of_another_text_are_damage(tmp_path: Path) -> None:
    texts = ["one two three four five six seven"] * 2
    documents = documents_of(texts, tmp_path / "texts")
    wrong = documents.measured(0).set_column(1, "shingles", [np.array([4, 4], np.int32)])
    with pytest.raises(DamagedData, match=r"0\.parquet.*other texts than its facts"):
        found_in(Documents(documents.files, lambda _: wrong, documents.file, documents.row), tmp_path)
