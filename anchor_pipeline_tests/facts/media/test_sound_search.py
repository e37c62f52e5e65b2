from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

from anchor_pipeline.facts.media.sound_distance import BLOCK, distance, limit, stretch
from anchor_pipeline.facts.media.sound_print import Print, sound_print
from anchor_pipeline.facts.media.sound_search import Prints, nearest_sounds
from anchor_pipeline.facts.media.waves import Wave, read_wave
from anchor_pipeline_tests.data import shared_data

DECLARED = 0.35


def prints(parts: list[Print]) -> Prints:
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    return Prints(np.concatenate([*parts, np.zeros(0, np.uint32)]), starts)


@pytest.fixture(scope="module")
def digits() -> dict[str, Wave]:
    files = sorted((shared_data() / "fsdd").glob("*.wav"))
    return {file.stem: read_wave(file.read_bytes()) for file in files}


@pytest.fixture(scope="module")
def sentences(digits: dict[str, Wave]) -> list[Wave]:
    """Eight to twelve seconds of one speaker each: no recording occurs in two."""
    found = []
    for speaker in ("george", "jackson", "nicolas", "theo"):
        own = [wave.samples for name, wave in digits.items() if name.split("_")[1] == speaker]
        order = np.random.Generator(np.random.PCG64(3)).permutation(len(own))
        found += [
            Wave(np.concatenate([own[at] for at in order[first : first + 16]]), 8000) for first in range(0, 96, 16)
        ]
    return found


def noisy(wave: Wave, share: float) -> Wave:
    """With white noise of that share of the sound's amplitude."""
    random = np.random.Generator(np.random.PCG64(1))
    return Wave(wave.samples + random.normal(size=len(wave.samples)) * wave.samples.std() * share, wave.rate)


CHANGES: dict[str, Callable[[Wave], Wave]] = {
    "itself": lambda wave: wave,
    "a twentieth of the volume": lambda wave: Wave(wave.samples / 20, wave.rate),
    "upside down": lambda wave: Wave(-wave.samples, wave.rate),
    "after 1.234 s of silence": lambda wave: Wave(np.concatenate([np.zeros(9872), wave.samples]), wave.rate),
    "its last three fifths": lambda wave: Wave(wave.samples[len(wave.samples) * 2 // 5 :], wave.rate),
    "noise of -20 dB": lambda wave: noisy(wave, 0.1),
    "noise of -10 dB": lambda wave: noisy(wave, 0.316),
    "8 bits": lambda wave: Wave(np.round(wave.samples * 127) / 127, wave.rate),
    "44.1 kHz": lambda wave: Wave(resample_poly(wave.samples, 441, 80), 44_100),
    "2 % faster": lambda wave: Wave(resample_poly(wave.samples, 49, 50), wave.rate),
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_of_sentences_are_found_however_changed(sentences: list[Wave], change: str) -> None:
    originals = [sound_print(wave) for wave in sentences]
    copies = [sound_print(CHANGES[change](wave)) for wave in sentences]
    found = nearest_sounds(prints(copies), prints(originals), DECLARED)
    assert found.exact
    assert found.found.tolist() == list(range(len(sentences)))
    assert (found.rates < found.limits).all()
    looked_up = nearest_sounds(prints(copies), prints(originals), DECLARED, comparisons=0)
    right = looked_up.found == np.arange(len(sentences))
    assert np.mean(right & (looked_up.rates < looked_up.limits)) >= (0.8 if change == "2 % faster" else 1.0)


def test_different_sentences_of_the_same_speakers_hardly_ever_match(sentences: list[Wave]) -> None:
    originals = prints([sound_print(wave) for wave in sentences])
    found = nearest_sounds(originals, originals, DECLARED, itself=True)
    # Three pairs of 276 do, at 33.8 to 34.8 %: a voice that says ten words over and over. docs/media.md says so.
    assert (found.rates < found.limits).sum() <= 6
    assert (found.rates < 0.33).sum() == 0


def test_single_spoken_words_match_only_takes_of_the_same_word_by_the_same_voice(digits: dict[str, Wave]) -> None:
    heard = {name: sound_print(wave) for name, wave in digits.items() if len(wave.samples) > 2500}
    names, collection = list(heard), prints(list(heard.values()))
    found = nearest_sounds(collection, collection, DECLARED, itself=True)
    matches = np.flatnonzero(found.rates < found.limits)
    assert len(matches) <= 0.08 * len(names)
    for at in matches:
        assert names[at].rsplit("_", 1)[0] == names[found.found[at]].rsplit("_", 1)[0]


@pytest.mark.parametrize("change", ["a twentieth of the volume", "upside down", "44.1 kHz"])
def test_copies_of_single_words_are_found(digits: dict[str, Wave], change: str) -> None:
    chosen = {name: wave for name, wave in list(digits.items())[::5] if len(wave.samples) > 2500}
    originals = [sound_print(wave) for wave in chosen.values()]
    copies = [sound_print(CHANGES[change](wave)) for wave in chosen.values()]
    found = nearest_sounds(prints(copies), prints(originals), DECLARED)
    assert np.mean(found.rates < found.limits) > 0.95


def reference(one: Print, other: Print) -> tuple[float, int]:
    """What `distance` promises, in plain words: every offset, every stretch."""
    length = stretch(min(len(one), len(other)))
    best = 32 * length
    for lag in range(-len(one), len(other)):
        pairs = [(one[at], other[at + lag]) for at in range(len(one)) if 0 <= at + lag < len(other)]
        wrong = [16 if a == 0 or b == 0 else int(a ^ b).bit_count() for a, b in pairs]
        for first in range(len(wrong) - length + 1):
            best = min(best, sum(wrong[first : first + length]))
    return best / (32 * length), length


def test_the_distance_is_that_of_every_offset_and_every_stretch() -> None:
    random = np.random.Generator(np.random.PCG64(5))
    for _ in range(20):
        one, other = (random.integers(0, 2**32, random.integers(16, 40), dtype=np.uint32) for _ in range(2))
        one[random.integers(0, len(one), 2)] = 0
        assert distance(one, other) == reference(one, other)
    long = random.integers(0, 2**32, 300, dtype=np.uint32)
    excerpt = np.concatenate([random.integers(0, 2**32, 290, dtype=np.uint32), long[20:290]])
    assert distance(long, excerpt) == (0.0, BLOCK)


def test_two_pauses_are_neither_alike_nor_unlike() -> None:
    pause = np.zeros(100, np.uint32)
    assert distance(pause, pause)[0] == 0.5


def test_shorter_stretches_need_a_lower_rate_to_match() -> None:
    assert limit(256, DECLARED) == pytest.approx(DECLARED)
    rates = [limit(words, DECLARED) for words in range(16, 257)]
    assert rates == sorted(rates)
    assert limit(16, DECLARED) == 0.05
    assert limit(64, DECLARED) == pytest.approx(0.5 - 0.15 * 2)


def _correlated(seed: int, length: int) -> Print:
    """Random words that change slowly, as those of sounds do."""
    random = np.random.Generator(np.random.PCG64(seed))
    drift: NDArray[np.float64] = np.cumsum(random.normal(size=(length + 32, 32)), axis=0)
    bits = drift[32:] - drift[:-32] > 0
    return np.packbits(bits, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)


@pytest.mark.parametrize(("rate", "found_at_least"), [(0.0, 1.0), (0.05, 1.0), (0.1, 1.0), (0.15, 0.95)])
def test_the_index_finds_what_comparing_all_pairs_finds(rate: float, found_at_least: float) -> None:
    random = np.random.Generator(np.random.PCG64(9))
    originals = [_correlated(seed, 500) for seed in range(40)]
    copies = []
    for original in originals:
        flips = random.random((300, 32)) < rate
        copies.append(original[100:400] ^ np.packbits(flips, axis=1, bitorder="little").view("<u4")[:, 0])
    found = nearest_sounds(prints(copies), prints(originals), DECLARED, comparisons=0)
    assert not found.exact
    assert np.mean((found.found == np.arange(40)) & (found.rates < found.limits)) >= found_at_least


def test_nothing_is_compared_with_nothing() -> None:
    empty, one = prints([]), prints([_correlated(1, 50)])
    for comparisons in (10**12, 0):
        assert nearest_sounds(one, empty, DECLARED, comparisons=comparisons).found.tolist() == [-1]
        assert len(nearest_sounds(empty, one, DECLARED, comparisons=comparisons).found) == 0
