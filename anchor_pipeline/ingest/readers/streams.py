"""Bytes of a raw file, decompressed, in bounded blocks: gzip (RFC 1952) and zstd (RFC 8878), told by content.

A stream that ends early, fails its checksum or is followed by something else is unreadable as a whole, named
by the byte of the raw file where that showed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from anchor_pipeline.ingest.readers.base import RawFile, UnreadableFile

BLOCK = 4 * 1024 * 1024
SUFFIXES = (".gz", ".zst")

# A few kilobytes can expand to petabytes. deflate cannot exceed 1032:1; text compresses 3 to 20 times.
_MAX_RATIO = 1000
_FREE_BYTES = 1024 * 1024 * 1024

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_REMEDY = "fetch or write the file again"


def blocks(file: RawFile) -> Iterator[bytes]:
    """The content of `file` in blocks of at most BLOCK bytes (not empty). Raises UnreadableFile."""
    with file.path.open("rb") as stream:
        head = stream.read(4)
        stream.seek(0)
        if head[:2] == _GZIP:
            yield from _limited(file, stream, _gunzip(file, stream))
        elif _is_zstd(head):
            yield from _limited(file, stream, _unzstd(file, stream))
        elif file.name.endswith(SUFFIXES):
            kind = "gzip" if file.name.endswith(".gz") else "zstd"
            raise UnreadableFile(
                file.name, f"expected a {kind} header, found {head.hex() or 'nothing'}", _REMEDY, offset=0
            )
        else:
            while block := stream.read(BLOCK):
                yield block


def _is_zstd(head: bytes) -> bool:
    skippable = len(head) == 4 and head[1:] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F
    return head == _ZSTD or skippable


def _limited(file: RawFile, stream: BinaryIO, source: Iterator[bytes]) -> Iterator[bytes]:
    total = 0
    for block in source:
        total += len(block)
        if total > _FREE_BYTES and total > _MAX_RATIO * stream.tell():
            raise UnreadableFile(
                file.name,
                f"expands more than {_MAX_RATIO} times, to over {total} bytes",
                "if it is not an attack, decompress it yourself",
                offset=stream.tell(),
            )
        yield block


def _gunzip(file: RawFile, stream: BinaryIO) -> Iterator[bytes]:
    pending = b""
    while True:
        pending = pending or stream.read(BLOCK)
        if not pending.lstrip(b"\0"):  # gzip members may be padded with zeros
            if not pending:
                return
            pending = b""
            continue
        start = stream.tell() - len(pending)
        inflate = zlib.decompressobj(wbits=31)  # 31: gzip wrapper, whose checksum and length zlib verifies
        while not inflate.eof:
            try:
                block = inflate.decompress(pending, BLOCK)
            except zlib.error as error:
                at = stream.tell() - len(pending)
                raise UnreadableFile(
                    file.name, f"the gzip member at byte {start} is damaged ({error})", _REMEDY, offset=at
                ) from None
            if block:
                yield block
            pending = inflate.unconsumed_tail
            if not pending and not inflate.eof:
                pending = stream.read(BLOCK)
                if not pending and not block:
                    raise UnreadableFile(
                        file.name, "the gzip stream ends early: it is truncated", _REMEDY, offset=stream.tell()
                    )
        pending = inflate.unused_data


def _unzstd(file: RawFile, stream: BinaryIO) -> Iterator[bytes]:
    try:
        with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), "zstd") as content:
            while block := content.read(BLOCK):
                yield block
            offset = stream.tell()
    except OSError as error:
        offset = 0 if stream.closed else stream.tell()
        problem = "ends early: it is truncated" if "runcated" in str(error) else f"is damaged ({error})"
        raise UnreadableFile(file.name, f"the zstd stream {problem}", _REMEDY, offset=offset) from None
