"""Keyed hash of document ids: the order in which a cell's documents are drawn.

SipHash-2-4 (Aumasson & Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012) over the UTF-8 bytes of
the id, keyed by the project's seed. Nobody who does not choose the seed can steer a document to the front,
and neither file layout nor row order has any say. The official 64 test vectors prove it in test_keyed_hash.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from anchor_pipeline.corpus.kernel import kernel

Keys = npt.NDArray[np.uint64]

_PURPOSES = (b"anchor_pipeline/mix/key1/v1\0", b"anchor_pipeline/mix/key2/v1\0")


def document_keys(ids: pa.Array | pa.ChunkedArray, seed: int) -> tuple[Keys, Keys]:
    """Two independent 64-bit keys of every id; the second breaks the (rare) ties of the first.

    Args:
        ids: string or large_string, no nulls; sliced and chunked arrays are read in place.
        seed: the project's seed, any integer.

    Raises:
        ValueError: an id is null (its position is named), or the array is not one of strings.

    """
    first, second = (siphash(ids, seed_key(purpose, seed)) for purpose in _PURPOSES)
    return first, second


def seed_key(purpose: bytes, seed: int) -> bytes:
    """128-bit SipHash key: the first 16 bytes of SHA-256(purpose, then the seed in decimal)."""
    return hashlib.sha256(purpose + str(seed).encode()).digest()[:16]


def siphash(ids: pa.Array | pa.ChunkedArray, key: bytes) -> Keys:
    """SipHash-2-4 of every string (or binary value) under a 16-byte key, as uint64."""
    if len(key) != 16:
        raise ValueError(f"a SipHash key has 16 bytes, got {len(key)}")
    chunks = ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]
    out = np.empty(len(ids), dtype=np.uint64)
    k0, k1 = np.frombuffer(key, dtype="<u8").astype(np.uint64)
    done = 0
    for chunk in chunks:
        data, offsets = _buffers(chunk, done)
        _siphash_all(data, offsets, k0, k1, out[done : done + len(chunk)])
        done += len(chunk)
    return out


def _buffers(chunk: pa.Array, done: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of a chunk and its n + 1 offsets into them, honouring the slice it is."""
    if pa.types.is_string_view(chunk.type):
        chunk = chunk.cast(pa.large_string())
    wide = pa.types.is_large_string(chunk.type) or pa.types.is_large_binary(chunk.type)
    if not (wide or pa.types.is_string(chunk.type) or pa.types.is_binary(chunk.type)):
        raise ValueError(f"document ids must be strings, got {chunk.type}; cast the column")
    if chunk.null_count:
        row = done + int(np.flatnonzero(chunk.is_null().to_numpy(zero_copy_only=False))[0])
        raise ValueError(f"document id at row {row} is null; every document needs an id")
    n = len(chunk)
    if n == 0:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, offset_buffer, data_buffer = chunk.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64 if wide else np.int32)[chunk.offset : chunk.offset + n + 1]
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else np.zeros(0, np.uint8)
    return data, offsets.astype(np.int64, copy=False)


@kernel
def _rotl(x: np.uint64, bits: int) -> np.uint64:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


@kernel
def _round(
    v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """SipRound, section 2.1 of the paper."""
    v0 = v0 + v1
    v1 = _rotl(v1, 13) ^ v0
    v0 = _rotl(v0, 32)
    v2 = v2 + v3
    v3 = _rotl(v3, 16) ^ v2
    v0 = v0 + v3
    v3 = _rotl(v3, 21) ^ v0
    v2 = v2 + v1
    v1 = _rotl(v1, 17) ^ v2
    v2 = _rotl(v2, 32)
    return v0, v1, v2, v3


@kernel
def _siphash_all(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], k0: np.uint64, k1: np.uint64, out: Keys
) -> None:
    for i in range(out.size):
        start, stop = offsets[i], offsets[i + 1]
        v0 = k0 ^ np.uint64(0x736F6D6570736575)
        v1 = k1 ^ np.uint64(0x646F72616E646F6D)
        v2 = k0 ^ np.uint64(0x6C7967656E657261)
        v3 = k1 ^ np.uint64(0x7465646279746573)
        whole = start + ((stop - start) // 8) * 8
        for at in range(start, whole, 8):
            word = np.uint64(0)
            for j in range(8):
                word |= np.uint64(data[at + j]) << np.uint64(8 * j)
            v3 ^= word
            v0, v1, v2, v3 = _round(v0, v1, v2, v3)
            v0, v1, v2, v3 = _round(v0, v1, v2, v3)
            v0 ^= word
        word = np.uint64((stop - start) & 0xFF) << np.uint64(56)
        for j in range(stop - whole):
            word |= np.uint64(data[whole + j]) << np.uint64(8 * j)
        v3 ^= word
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= word
        v2 ^= np.uint64(0xFF)
        for _ in range(4):
            v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        out[i] = v0 ^ v1 ^ v2 ^ v3
