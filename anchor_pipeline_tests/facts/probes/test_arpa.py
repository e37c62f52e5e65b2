"""KenLM, where it is installed, says of the same texts what our models say."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.probes.arpa import arpa_of, character_name, word_name
from anchor_pipeline.facts.probes.character_probe import train_character_probe
from anchor_pipeline.facts.probes.foreign import files_of
from anchor_pipeline.facts.probes.probe import open_probe
from anchor_pipeline.facts.probes.word_probe import train_word_probe
from anchor_pipeline.facts.words import words_of

WORDS = ["the", "a", "of", "cat", "dog", "sat", "on", "mat", "rug", "it's", "漢", "né", ".", ",", "!", "7"]


def sentences(seed: int, count: int, extra: tuple[str, ...] = ()) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices([*WORDS, *extra], k=rng.randrange(0, 25))) for _ in range(count)]


def spelt(text: str, kind: str) -> str:
    if kind == "words":
        return " ".join(word_name(int(word) >> 4) for word in words_of(pa.array([text]))[0])
    return " ".join(character_name(ord(char)) for char in text)


TRAIN: dict[str, tuple[Callable[..., dict[str, bytes]], int, Callable[[int], str]]] = {
    "words": (train_word_probe, 3, word_name),
    "characters": (train_character_probe, 5, character_name),
}


@pytest.mark.parametrize("kind", ["words", "characters"])
@pytest.mark.parametrize("least", [(1,), (1, 1, 2), (2,)])
def test_kenlm_scores_every_ngram_alike(kind: str, least: tuple[int, ...], tmp_path: Path) -> None:
    kenlm = pytest.importorskip("kenlm", reason="KenLM is not installed: pip install anchor-pipeline[kenlm]")
    train, order, name = TRAIN[kind]
    rare = ["once zebra", "twice yak"]
    probe = open_probe(train([pa.array(sentences(1, 200) + rare)], order, least), "p", "0" * 64)
    arpa = tmp_path / "model.arpa"
    arpa.write_text("\n".join(arpa_of(probe.model, name)) + "\n", encoding="utf-8")  # type: ignore[attr-defined]
    other = kenlm.Model(str(arpa))
    texts = [*sentences(2, 60, ("unseen", "Ω", "zebra")), "", "unseen Ω unseen"]
    bits, units = probe.measure(Batch(pa.table({"text": texts})))
    for text, found, count in zip(texts, bits, units, strict=True):
        scores = [score for score, *_ in other.full_scores(spelt(text, kind), bos=True, eos=True)]
        assert len(scores) == count
        assert found == pytest.approx(-sum(scores) * 3.321928094887362, abs=1e-4 * count)


def test_a_kenlm_file_is_a_probe_like_the_others(tmp_path: Path) -> None:
    pytest.importorskip("kenlm", reason="KenLM is not installed: pip install anchor-pipeline[kenlm]")
    texts = sentences(1, 200)
    ours = open_probe(train_word_probe([pa.array(texts)]), "p", "0" * 64)
    arpa = tmp_path / "model.arpa"
    arpa.write_text("\n".join(arpa_of(ours.model, word_name)) + "\n", encoding="utf-8")  # type: ignore[attr-defined]
    theirs = open_probe(files_of(arpa), "kenlm", "1" * 64)
    bits, units = theirs.measure(Batch(pa.table({"text": [spelt(text, "words") for text in texts] + [None]})))
    expected, counts = ours.measure(Batch(pa.table({"text": [*texts, None]})))
    assert bits == pytest.approx(expected, abs=1e-3)
    assert units.tolist() == counts.tolist()
    assert theirs.card.files["model.kenlm"]


def test_the_arpa_file_names_every_order_and_every_ngram() -> None:
    probe = open_probe(train_character_probe([pa.array(["abab", "ba"])], 2), "p", "0" * 64)
    lines = list(arpa_of(probe.model, character_name))  # type: ignore[attr-defined]
    assert lines[:3] == ["\\data\\", "ngram 1=5", "ngram 2=6"]
    assert lines[-1] == "\n\\end\\"
    assert sum("\t" in line for line in lines) == 11
