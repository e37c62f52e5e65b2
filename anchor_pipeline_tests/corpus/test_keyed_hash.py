"""SipHash-2-4 against the official vectors and a plain transcription of the paper."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.corpus.keyed_hash import document_keys, seed_key, siphash

KEY = bytes(range(16))

# The 64 values of the reference implementation (key 00..0f, input 00, 01, .. n - 1), as little-endian bytes one after
# another, have this SHA-256. Three are spelled out: the first, the one of the paper's appendix A, and the last.
OFFICIAL_DIGEST = "0226a91002af9775a791b3ec5a48e643f8848d2d5774dea9be3438d5786bb58e"
OFFICIAL = {0: "310e0edd47db6f72", 15: "e545be4961ca29a1", 63: "724506eb4c328a95"}


def reference(message: bytes, key: bytes) -> int:
    """SipHash-2-4 in big integers, line by line from the paper (section 2)."""
    mask = 2**64 - 1
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rotate(x: int, b: int) -> int:
        return ((x << b) | (x >> (64 - b))) & mask

    def rounds(times: int) -> None:
        for _ in range(times):
            for a, b, turn, swap in ((0, 1, 13, True), (2, 3, 16, False), (0, 3, 21, False), (2, 1, 17, True)):
                v[a] = (v[a] + v[b]) & mask
                v[b] = rotate(v[b], turn) ^ v[a]
                if swap:
                    v[a] = rotate(v[a], 32)

    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) & 0xFF])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_official_vectors() -> None:
    inputs = pa.array([bytes(range(n)) for n in range(64)], pa.binary())
    ours = siphash(inputs, KEY).tolist()
    assert {n: ours[n].to_bytes(8, "little").hex() for n in OFFICIAL} == OFFICIAL
    joined = b"".join(value.to_bytes(8, "little") for value in ours)
    assert hashlib.sha256(joined).hexdigest() == OFFICIAL_DIGEST
    assert ours == [reference(bytes(range(n)), KEY) for n in range(64)]


@given(st.lists(st.text(max_size=40), max_size=20), st.integers(0, 20), st.integers(0, 20), st.booleans())
def test_slices_and_types_hash_like_the_reference(ids: list[str], start: int, length: int, wide: bool) -> None:
    array = pa.array(ids, pa.large_string() if wide else pa.string()).slice(start, length)
    expected = [reference(one.encode(), KEY) for one in ids[start : start + length]]
    assert siphash(array, KEY).tolist() == expected
    assert siphash(pa.chunked_array([array, array], type=array.type), KEY).tolist() == expected * 2


def test_keys_depend_on_the_seed_and_on_nothing_else() -> None:
    ids = pa.array(["peps/pep-0008", "peps/pep-0020", "", "küche/ß"])
    one, two = document_keys(ids, 7)
    again, _ = document_keys(pa.chunked_array([ids.slice(0, 1), ids.slice(1)]), 7)
    other, _ = document_keys(ids, 8)
    assert one.tolist() == again.tolist()
    assert not set(one.tolist()) & (set(two.tolist()) | set(other.tolist()))
    # Pinned: a change of the key derivation would reshuffle every mix ever built.
    assert one.tolist() == [
        reference(i.encode(), seed_key(b"anchor_pipeline/mix/key1/v1\0", 7)) for i in ids.to_pylist()
    ]


def test_what_is_no_id_is_refused() -> None:
    with pytest.raises(ValueError, match="row 3 is null"):
        document_keys(pa.chunked_array([pa.array(["a", "b"]), pa.array(["c", None])]), 1)
    with pytest.raises(ValueError, match="must be strings, got int64"):
        document_keys(pa.array([1, 2]), 1)
    with pytest.raises(ValueError, match="16 bytes, got 3"):
        siphash(pa.array(["a"]), b"abc")
    assert siphash(pa.array([], pa.string()), KEY).tolist() == []
