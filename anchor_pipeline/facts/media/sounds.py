"""The fact set of sounds, `audio-1`.

| column | type | meaning |
|---|---|---|
| seconds | float64, null | duration |
| print | list<uint32>, null | fingerprint, a word every 11.6 ms from the first to the last audible one; 0 is silence |
| unheard | string, null | why there is none: not_decodable, truncated, too_long, unusual_rate, silent, too_short |
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.fact_sets import FactSet
from anchor_pipeline.facts.media.sound_print import sound_print
from anchor_pipeline.facts.media.waves import Unheard, read_wave

AUDIO_SCHEMA = pa.schema(
    [
        pa.field("seconds", pa.float64()),
        pa.field("print", pa.list_(pa.uint32())),
        pa.field("unheard", pa.string()),
    ]
)


def measure_sounds(batch: Batch) -> list[Any]:
    """The columns of AUDIO_SCHEMA for the rows of a batch."""
    rows = [_measure(payload.as_py()) for payload in batch.column("payload")]
    columns = zip(*rows, strict=True) if rows else ([] for _ in AUDIO_SCHEMA)
    return [pa.array(list(column), field.type) for column, field in zip(columns, AUDIO_SCHEMA, strict=True)]


def _measure(payload: bytes | None) -> tuple[Any, ...]:
    if payload is None:
        return (None, None, None)
    seconds = None
    try:
        wave = read_wave(payload)
        seconds = len(wave.samples) / wave.rate
        return (seconds, sound_print(wave), None)
    except Unheard as fault:
        return (seconds, None, str(fault))


AUDIO = FactSet("audio-1", "audio", AUDIO_SCHEMA, measure_sounds, reads=("payload",))
