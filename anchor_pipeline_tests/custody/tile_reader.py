"""A client of C2SP tlog-tiles, written from https://c2sp.org/tlog-tiles and RFC 6962 alone: no code of the package.

It reads files under a folder as a client would fetch them from a web server, and computes roots and proofs from tiles.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return node(tree(leaves[:middle]), tree(leaves[middle:]))


class TileReader:
    """A published log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: list[str] = []
        text = (folder / "checkpoint").read_text()
        self.origin, size, root = text.split("\n")[:3]
        self.size, self.root = int(size), base64.b64decode(root)

    def fetch(self, kind: str, index: int) -> bytes:
        """A tile or a bundle, as wide as the tree of the checkpoint has it."""
        level = 0 if kind == "entries" else int(kind)
        width = min(256, self.size // 256**level - 256 * index)
        digits = f"{index:03}"
        digits = digits.zfill((len(digits) + 2) // 3 * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        path = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
        name = f"tile/{kind}/{path}" + (f".p/{width}" if width < 256 else "")
        self.fetched.append(name)
        return (self.folder / name).read_bytes()

    def hashes(self, level: int, index: int) -> list[bytes]:
        data = self.fetch(str(level), index)
        assert len(data) % 32 == 0
        return [data[at : at + 32] for at in range(0, len(data), 32)]

    def entries(self) -> list[bytes]:
        """All entries, each one checked against its leaf hash."""
        found = []
        for index in range((self.size + 255) // 256):
            data, at, hashes = self.fetch("entries", index), 0, self.hashes(0, index)
            for leaf in hashes:
                length = int.from_bytes(data[at : at + 2], "big")
                entry = data[at + 2 : at + 2 + length]
                assert len(entry) == length
                assert hashlib.sha256(b"\x00" + entry).digest() == leaf
                found.append(entry)
                at += 2 + length
            assert at == len(data)
        return found

    def subtree(self, start: int, end: int) -> bytes:
        """MTH of leaves start..end, from the highest tiles that have it."""
        length = end - start
        if length & (length - 1):
            middle = 1 << (length.bit_length() - 1)
            return node(self.subtree(start, start + middle), self.subtree(start + middle, end))
        level = (length.bit_length() - 1) // 8
        span = 256**level
        first, count = start // span, length // span
        tile = self.hashes(level, first // 256)
        return tree(tile[first % 256 : first % 256 + count])

    def inclusion(self, index: int, start: int = 0, end: int | None = None) -> list[bytes]:
        """PATH of RFC 6962, section 2.1.1."""
        end = self.size if end is None else end
        if end - start == 1:
            return []
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        if index < middle:
            return [*self.inclusion(index, start, middle), self.subtree(middle, end)]
        return [*self.inclusion(index, middle, end), self.subtree(start, middle)]

    def consistency(self, old: int, start: int = 0, end: int | None = None, whole: bool = True) -> list[bytes]:
        """SUBPROOF of RFC 6962, section 2.1.2."""
        end = self.size if end is None else end
        if old == end - start:
            return [] if whole else [self.subtree(start, end)]
        half = 1 << ((end - start - 1).bit_length() - 1)
        if old <= half:
            return [*self.consistency(old, start, start + half, whole), self.subtree(start + half, end)]
        return [*self.consistency(old - half, start + half, end, False), self.subtree(start, start + half)]
