"""A detector is the same for the same texts, knows how it does on what it has not seen, and says what it cannot."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from anchor_pipeline.corpus.strings import buffers_of
from anchor_pipeline.errors import DamagedData, UsageError
from anchor_pipeline.facts.origin import train
from anchor_pipeline.facts.origin.fit import fit_linear
from anchor_pipeline.facts.origin.groups import group_texts
from anchor_pipeline.facts.origin.model import Detector, detector_of
from anchor_pipeline.facts.origin.train import Samples, calibrate, folds_of, held_out_scores, prepare, train_detector
from anchor_pipeline.facts.words import hash_words, words_of
from anchor_pipeline_tests.facts.origin.writers import SUBJECTS, samples, write


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return train_detector(samples(), "ours", {"logs": "ab" * 32})


@pytest.fixture(scope="module")
def detector(files: dict[str, bytes]) -> Detector:
    return detector_of(files, "0" * 64)


def scored(detector: Detector, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    data, offsets = buffers_of(pa.array(texts, pa.string()))
    return detector.score(data, offsets, *hash_words(data, offsets))


def test_the_same_texts_give_the_same_bytes(files: dict[str, bytes]) -> None:
    assert train_detector(samples(), "ours", {"logs": "ab" * 32}) == files


def test_new_texts_are_told_apart_and_the_log_odds_mean_what_they_say(detector: Detector) -> None:
    ours, _ = scored(detector, [write("model", "sea", f"new {i}") for i in range(200)])
    human, _ = scored(detector, [write("person", "sea", f"new {i}") for i in range(200)])
    assert (ours > 0).mean() > 0.95
    assert (human < 0).mean() > 0.95


def test_weights_of_one_byte_give_the_score_that_was_fitted_and_calibrated(detector: Detector) -> None:
    given = samples()
    prepared = prepare(given)
    constant, slope, per_word = calibrate(held_out_scores(prepared, folds_of(prepared.groups)), prepared)
    model = fit_linear(prepared.matrix, prepared.ours)
    expected = constant + slope * model.scores(prepared.matrix) + per_word * np.log1p(prepared.lengths)
    found, _ = scored(detector, given.texts.to_pylist())
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert detector.weights.dtype == np.int8
    assert np.abs(detector.weights).max() == 127


def test_the_card_says_what_was_seen_and_what_is_not(detector: Detector) -> None:
    card = detector.card
    assert card.seen == ("bot@1",)
    assert card.training == {"logs": "ab" * 32}
    assert set(card.domains) == set(SUBJECTS) == set(card.scales)
    assert card.all.human == card.human_texts == 300
    assert card.all.auroc is not None
    assert card.all.auroc > 0.98
    assert card.unseen_domains is not None
    assert any("base models" in one for one in card.blind)
    assert any(f"fewer than {card.shortest} words" in one for one in card.blind)
    assert "generators other than those seen: how well they are detected is not known" in card.blind


def test_texts_shorter_than_any_that_were_seen_are_not_judged(detector: Detector) -> None:
    _, judged = scored(
        detector, ["", "Hello", "word " * (detector.card.shortest - 1), "word " * detector.card.shortest]
    )
    assert judged.tolist() == [False, False, False, True]
    assert detector.card.shortest == 50, "all training texts have about 60 words"


def test_a_rewrite_of_a_text_is_never_scored_by_a_fit_that_saw_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given = samples(40)
    # Under another key and in another domain: only its words say that it is a copy.
    texts = [*given.texts.to_pylist(), given.texts[0].as_py() + " indeed"]
    copied = Samples(
        pa.array(texts, pa.large_string()),
        np.append(given.ours, True),
        [*given.generators, "bot@1"],
        [*given.sources, "elsewhere"],
        [*given.domains, "law"],
    )
    prepared = prepare(copied)
    learnt: list[np.ndarray] = []
    fit = fit_linear

    def watched(matrix: object, ours: object) -> object:
        learnt.append(matrix)  # type: ignore[arg-type]
        return fit(matrix, ours)  # type: ignore[arg-type]

    monkeypatch.setattr(train, "fit_linear", watched)
    folds = folds_of(prepared.domains)
    held_out_scores(prepared, folds)
    for value, matrix in zip(sorted(set(folds.tolist())), learnt, strict=True):
        groups = set(prepared.groups[folds == value].tolist())
        expected = sum(group not in groups for group in prepared.groups.tolist())
        assert matrix.shape[0] == expected
    assert prepared.groups[0] == prepared.groups[-1]


def test_human_copies_are_counted_once(detector: Detector) -> None:
    given = samples(100)
    doubled = dataclasses.replace(
        given,
        texts=pa.concat_arrays([given.texts, given.texts]),
        ours=np.tile(given.ours, 2),
        generators=[*given.generators, *given.generators],
        sources=[*given.sources, *(f"again {key}" for key in given.sources)],
        domains=[*given.domains, *given.domains],
    )
    prepared = prepare(doubled)
    assert (prepared.copies, int(prepared.human.sum())) == (300, 300)


def test_texts_that_share_half_their_five_grams_are_one_group() -> None:
    base = [f"word{number}" for number in range(12)]
    texts = [
        " ".join(base),
        " ".join([*base[:9], "x", "y", "z"]),
        "wholly other words stand in this text here",
        "short",
    ]
    human = np.ones(4, np.bool_)
    groups, copies = group_texts(["a", "b", "c", "d"], human, *words_of(pa.array(texts)))
    assert groups.tolist() == [0, 0, 2, 3]
    assert copies.tolist() == [False, True, False, False]
    groups, _ = group_texts(["same", "x", "same", "y"], human, *words_of(pa.array(["a b", "c d", "e f", "g h"])))
    assert groups.tolist() == [0, 1, 0, 3]


def test_a_human_text_whose_rewrite_stays_close_to_it_is_kept() -> None:
    given = samples(40)
    texts = given.texts.to_pylist()
    close = [not ours for ours in given.ours]
    # Every rewrite is now the human text that stands before it, with a word more.
    texts = [
        text if mine else texts[at - 1] + " indeed" for at, (text, mine) in enumerate(zip(texts, close, strict=True))
    ]
    prepared = prepare(dataclasses.replace(given, texts=pa.array(texts[::-1], pa.large_string()), **_backwards(given)))
    assert prepared.copies == 0
    assert int(prepared.human.sum()) == sum(close)


def _backwards(given: Samples) -> dict[str, Any]:
    """Rewrites before what they rewrite."""
    return {
        "ours": given.ours[::-1],
        "generators": given.generators[::-1],
        "sources": given.sources[::-1],
        "domains": given.domains[::-1],
    }


def test_too_few_texts_make_no_detector() -> None:
    with pytest.raises(UsageError, match=r"only 150 texts of the model .* needs 200"):
        train_detector(samples(50), "few", {})


def test_texts_that_cannot_be_told_apart_make_no_detector() -> None:
    given = samples(100)
    swapped = dataclasses.replace(given, ours=np.arange(600) % 4 < 2, generators=[None, "x", "x", None] * 150)
    mixed = dataclasses.replace(swapped, ours=np.array([name is not None for name in swapped.generators]))
    with pytest.raises(UsageError, match="no detector comes of them"):
        train_detector(mixed, "noise", {})


@pytest.mark.parametrize("name", ["weights.bin", "frequent.bin", "card.json"])
def test_files_that_are_no_detector_are_refused(files: dict[str, bytes], name: str) -> None:
    with pytest.raises(DamagedData, match="origin 000000000000"):
        detector_of({**files, name: files[name][:-3]}, "0" * 64)
