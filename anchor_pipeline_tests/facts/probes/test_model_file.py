"""Model files: what was written is read again; anything else is damage, never a crash."""

from __future__ import annotations

import json
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.probes.model_file import pack, unpack
from anchor_pipeline.facts.probes.probe import open_probe
from anchor_pipeline.facts.probes.word_probe import train_word_probe

TEXTS = pa.array(["a b c a b", "b c a", "c c c"])
FILES = train_word_probe([TEXTS])
DIGEST = "0" * 64


def test_arrays_come_back_as_they_were() -> None:
    arrays = {"one": np.arange(5, dtype="<u8"), "two": np.zeros(0, "<f4"), "three": np.ones(17, "<u4")}
    back = unpack(pack(arrays))
    assert list(back) == list(arrays)
    assert all(np.array_equal(back[name], arrays[name]) and back[name].dtype == arrays[name].dtype for name in arrays)


def test_a_file_cut_anywhere_is_damage() -> None:
    whole = FILES["model.bin"]
    for length in [*range(0, 200), *range(200, len(whole), 97), len(whole) - 1]:
        with pytest.raises(DamagedData):
            open_probe({**FILES, "model.bin": whole[:length]}, "p", DIGEST)
    with pytest.raises(DamagedData, match="behind its last array"):
        open_probe({**FILES, "model.bin": whole + b"\0"}, "p", DIGEST)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), changes=st.integers(1, 4))
def test_changed_bytes_are_damage_or_another_model_but_never_a_crash(seed: int, changes: int) -> None:
    rng = random.Random(seed)
    data = bytearray(FILES["model.bin"])
    for _ in range(changes):
        data[rng.randrange(len(data))] = rng.choice([0, 255, rng.randrange(256)])
    try:
        probe = open_probe({**FILES, "model.bin": bytes(data)}, "p", DIGEST)
    except DamagedData:
        return
    bits, _ = probe.score(TEXTS)  # type: ignore[attr-defined]
    assert np.isfinite(bits).all()


@pytest.mark.parametrize(
    "header", [b"[]", b"{}", b'{"arrays":[1]}', b'{"arrays":[{"name":"a","dtype":"|O","length":1}]}', b"\xff",
               b'{"arrays":[{"name":"a","dtype":"<u8","length":-1}]}',
               b'{"arrays":[{"name":"a","dtype":"<u8","length":9e9}]}',
               b'{"arrays":null}', b'{"arrays":[{"name":"a","dtype":["<u8"],"length":1}]}', b"[" * 3000]
)  # fmt: skip
def test_hostile_headers_are_damage(header: bytes) -> None:
    header += b" " * (-(len(header) + 16) % 64)
    with pytest.raises(DamagedData):
        unpack(b"ANCHORNG" + len(header).to_bytes(8, "little") + header)


@pytest.mark.parametrize("change", [{"order": 2}, {"order": 10**6}, {"format": 2}, {"kind": "magic"}, {"more": 1}])
def test_a_card_that_does_not_fit_is_damage(change: dict[str, object]) -> None:
    card = json.dumps({**json.loads(FILES["card.json"]), **change}).encode()
    with pytest.raises(DamagedData):
        open_probe({**FILES, "card.json": card}, "p", DIGEST)


@pytest.mark.parametrize("missing", ["card.json", "model.bin"])
def test_a_missing_file_is_named(missing: str) -> None:
    with pytest.raises(DamagedData, match=missing):
        open_probe({name: data for name, data in FILES.items() if name != missing}, "p", DIGEST)
