"""The fingerprint of a sound: 32 bits every 11.6 milliseconds that survive volume, filters, noise and compression.

J. Haitsma, T. Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002, section 4.2:

- one channel at 5 kHz, frames of 0.37 s under a Hann window, each 1/32 of a frame after the one before;
- energies E(n, m) of frame n in 33 bands, their edges spaced evenly on a logarithmic scale from 300 to 2,000 Hz;
- bit m of frame n is set where E(n, m) - E(n, m+1) - (E(n-1, m) - E(n-1, m+1)) > 0.

The volume is a common factor and drops out. What differs from the paper: half a frame of silence is put at both ends,
so that a spoken word shorter than a frame has a fingerprint, too; frames 60 dB below the loudest are silence, written
as 0, cut off at both ends and counted as neither alike nor unlike in between; without that, any two pauses match.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anchor_pipeline.facts.media.waves import Samples, Unheard, Wave

Print = NDArray[np.uint32]

RATE = 5_000
FRAME = 1_856
"""Samples: 0.3712 s."""
HOP = FRAME // 32
SECONDS = HOP / RATE
"""Time between two words of a fingerprint: 0.0116 s."""
LEAST_WORDS = 16
"""Shorter fingerprints (0.19 s) are not used: there is nothing to tell them apart by."""

_FFT = 2_048
_BANDS = 33
_SILENCE = 1e-6
"""Energy of a silent frame against that of the loudest: -60 dB."""
_NOTHING = 1e-9
"""Mean square of a sound that counts as silent altogether: -90 dB of full scale."""
_AT_ONCE = 2_048
"""Frames transformed at a time: 64 MB."""

_WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
_EDGES = np.rint(300.0 * (2000.0 / 300.0) ** (np.arange(_BANDS + 1) / _BANDS) * _FFT / RATE).astype(np.int64)


def sound_print(wave: Wave) -> Print:
    """The fingerprint of a sound, from its first to its last audible frame. Raises Unheard."""
    samples = _at_rate(wave)
    if not np.mean(np.square(samples)) > _NOTHING:
        raise Unheard("silent")
    energies = _energies(np.concatenate([np.zeros(FRAME // 2), samples, np.zeros(FRAME // 2 + HOP)]))
    steps = np.diff(-np.diff(energies, axis=1), axis=0) > 0
    words = np.packbits(steps, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)
    loudness = energies.sum(axis=1)
    heard = np.minimum(loudness[1:], loudness[:-1]) > _SILENCE * loudness.max()
    words[~heard] = 0
    audible = np.flatnonzero(words)
    if len(audible) < LEAST_WORDS:
        raise Unheard("too_short")
    return words[audible[0] : audible[-1] + 1]


def _at_rate(wave: Wave) -> Samples:
    """The sound at RATE; a polyphase filter keeps what is above 2.5 kHz from folding down."""
    from math import gcd

    from scipy.signal import resample_poly

    if wave.rate == RATE:
        return wave.samples
    common = gcd(wave.rate, RATE)
    up, down = RATE // common, wave.rate // common
    if max(up, down) > 1_000:  # odd rates: the nearest ratio with small terms, at most 0.1 % beside
        up, down = _near_ratio(RATE / wave.rate)
    return np.asarray(resample_poly(wave.samples, up, down), np.float64)


def _near_ratio(ratio: float) -> tuple[int, int]:
    from fractions import Fraction

    near = Fraction(ratio).limit_denominator(1_000)
    return near.numerator, near.denominator


def _energies(samples: Samples) -> Samples:
    """Energies by frame and band."""
    from scipy.fft import rfft

    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    parts = []
    for start in range(0, len(frames), _AT_ONCE):
        spectrum = rfft(frames[start : start + _AT_ONCE] * _WINDOW, _FFT, axis=1)[:, : _EDGES[-1]]
        parts.append(np.add.reduceat(spectrum.real**2 + spectrum.imag**2, _EDGES[:-1], axis=1))
    return np.concatenate(parts)
