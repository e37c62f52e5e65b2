"""Weights follow the density ratio, are bounded, and do not hang on the order of documents."""

from __future__ import annotations

import numpy as np
import pytest

from anchor_pipeline.facts.weighting import LEAST, Texts, Weights, weigh

VOCABULARY = np.random.default_rng(1).integers(0, 2**63, 400, dtype=np.uint64) & ~np.uint64(1)


def texts(chances: np.ndarray, number: int, seed: int, length: int = 60) -> Texts:
    """Documents whose words are drawn independently with these chances."""
    rng = np.random.default_rng(seed)
    words = VOCABULARY[rng.choice(len(VOCABULARY), (number, length), p=chances)].ravel()
    return Texts(words, np.arange(number + 1) * length, rng.integers(0, 2**63, number, dtype=np.uint64))


def zipf(shift: int = 0) -> np.ndarray:
    chances = np.roll(1 / np.arange(1.0, len(VOCABULARY) + 1), shift)
    return chances / chances.sum()


def together(*parts: Texts) -> Texts:
    lengths = np.concatenate([np.diff(part.starts) for part in parts])
    return Texts(
        np.concatenate([part.words for part in parts]),
        np.concatenate([[0], np.cumsum(lengths)]),
        np.concatenate([part.keys for part in parts]),
    )


def weighed(anchors: Texts, synthetic: Texts, clip: float = 10, discard: float = 0.01) -> Weights:
    found = weigh(anchors, synthetic, clip=clip, discard=discard)
    assert found is not None
    return found


def test_documents_like_anchors_weigh_more_than_those_unlike_them() -> None:
    anchors = texts(zipf(), 600, 2)
    found = weighed(anchors, together(texts(zipf(), 200, 3), texts(zipf(40), 200, 4)), discard=0)
    like, unlike = found.weight[:200], found.weight[200:]
    assert np.median(like) > 2 * np.median(unlike)
    assert (like > np.median(unlike)).mean() > 0.95
    assert 200 < found.effective < 330, "about half of them carry the weight"


def test_the_ratio_comes_near_the_true_one() -> None:
    # Words are drawn independently, so the true ratio is the product of the words' own.
    one, other = zipf(), 0.7 * zipf() + 0.3 * zipf(3)
    anchors, synthetic = texts(one, 3000, 5, 30), texts(other, 3000, 6, 30)
    found = weighed(anchors, synthetic, clip=1e6, discard=0)
    place = {int(word): index for index, word in enumerate(VOCABULARY)}
    numbers = np.array([place[int(word)] for word in synthetic.words]).reshape(3000, 30)
    true = np.log(one[numbers] / other[numbers]).sum(axis=1)
    assert np.corrcoef(true, np.log(found.weight))[0, 1] > 0.7


def test_where_nothing_tells_them_apart_every_document_weighs_about_the_same() -> None:
    found = weighed(texts(zipf(), 500, 7), texts(zipf(), 500, 8), discard=0)
    assert found.effective > 0.8 * 500


def test_documents_far_from_every_anchor_are_discarded_and_few_others() -> None:
    anchors = texts(zipf(), 1000, 9)
    strange = texts(zipf(200), 100, 10)
    found = weighed(anchors, together(texts(zipf(), 900, 11), strange), discard=0.01)
    assert found.discarded[900:].all()
    assert found.discarded[:900].mean() < 0.03
    assert (found.weight[found.discarded] == 1).all()


@pytest.mark.parametrize("clip", [2.0, 5.0])
def test_weights_are_clipped(clip: float) -> None:
    found = weighed(texts(zipf(), 300, 12), texts(zipf(60), 300, 13), clip=clip, discard=0)
    assert found.weight.min() >= 1 / clip
    assert found.weight.max() <= clip


def test_the_order_of_documents_does_not_matter() -> None:
    anchors, synthetic = texts(zipf(), 200, 14), texts(zipf(9), 200, 15)
    turned = np.random.default_rng(0).permutation(200)

    def reordered(given: Texts) -> Texts:
        return Texts(given.words.reshape(200, -1)[turned].ravel(), given.starts, given.keys[turned])

    one, other = weighed(anchors, synthetic), weighed(reordered(anchors), reordered(synthetic))
    np.testing.assert_allclose(one.weight[turned], other.weight, rtol=1e-9)
    assert (one.discarded[turned] == other.discarded).all()


def test_too_few_documents_are_not_weighed() -> None:
    enough, few = texts(zipf(), LEAST, 16), texts(zipf(), LEAST - 1, 17)
    assert weigh(enough, few, clip=10, discard=0.01) is None
    assert weigh(few, enough, clip=10, discard=0.01) is None
    assert weigh(enough, enough, clip=10, discard=0.01) is not None


def test_empty_documents_do_no_harm() -> None:
    empty = Texts(np.zeros(0, np.uint64), np.zeros(61, np.int64), np.arange(60, dtype=np.uint64))
    found = weighed(texts(zipf(), 100, 18), together(texts(zipf(), 100, 19), empty))
    assert np.isfinite(found.weight).all()
    assert found.discarded[100:].all()
