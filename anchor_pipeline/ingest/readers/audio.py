"""Folders and zips of WAV files. The bytes are kept as they are; the duration comes from the header.

RIFF/WAVE (Multimedia Programming Interface and Data Specifications 1.0, 1991), uncompressed or G.711.
"""

from __future__ import annotations

from collections.abc import Iterator

from anchor_pipeline.errors import AnchorError
from anchor_pipeline.ingest.readers.base import Chunk, RawFile, Reader, UnreadableFile, Wanted
from anchor_pipeline.ingest.readers.blobs import read_loose, read_zip

SUFFIXES = (".wav", ".wave")

# Format tags whose frames all have the same size: PCM, float, A-law, mu-law; 0xFFFE names one of them inside.
_EVEN_FORMATS = (1, 3, 6, 7, 0xFFFE)


class NotAudio(AnchorError):
    """Bytes that are not a whole WAV file."""


class AudioReader(Reader):
    """Reader of WAV files and of zips of them."""

    name = "audio"
    suffixes = (*SUFFIXES, ".zip")

    def read(self, file: RawFile, wanted: Wanted) -> Iterator[Chunk]:
        """One row per sound, payload unchanged. Raises UnreadableFile for a loose file of another format."""
        if file.name.lower().endswith(".zip"):
            return read_zip(file, wanted, SUFFIXES)
        with file.path.open("rb") as stream:
            head = stream.read(12)
        if not is_wave(head):
            problem = f"expected a WAV file (RIFF … WAVE), found {head.hex() or 'nothing'}"
            raise UnreadableFile(file.name, problem, "convert it to WAV, or take it out of the folder", offset=0)
        return read_loose(file, wanted)


def is_wave(head: bytes) -> bool:
    """Whether a file that starts with these 12 bytes calls itself WAVE."""
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def wav_milliseconds(data: bytes) -> int:
    """Duration of a WAV file in milliseconds, rounded down. Raises NotAudio if it is not whole."""
    if not is_wave(data[:12]):
        raise NotAudio(f"starts with {data[:12].hex() or 'nothing'}: not RIFF … WAVE")
    at, rate, frame = 12, 0, 0
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = at + 8
        if kind == b"fmt " and size >= 16 and body + 16 <= len(data):
            tag = int.from_bytes(data[body : body + 2], "little")
            rate = int.from_bytes(data[body + 4 : body + 8], "little")
            frame = int.from_bytes(data[body + 12 : body + 14], "little")
            if tag not in _EVEN_FORMATS:
                raise NotAudio(f"compressed WAV (format tag {tag}); only PCM, float and G.711 are read")
        if kind == b"data":
            if not rate or not frame:
                raise NotAudio("WAV without sample rate or frame size before its data")
            if body + size > len(data):
                raise NotAudio(f"WAV ends early: {size} bytes of sound declared, {len(data) - body} there")
            if size < frame:
                raise NotAudio("WAV without a single frame")
            return size // frame * 1000 // rate
        at = body + size + size % 2  # chunks are padded to even length
    raise NotAudio("WAV without a data chunk")
