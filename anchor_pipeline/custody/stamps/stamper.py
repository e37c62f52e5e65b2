"""What every kind of outside anchor can do."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from anchor_pipeline.custody.note import Checkpoint

Status = Literal["pending", "verified", "failed"]


@dataclass(frozen=True)
class Verdict:
    """What a stamp proves, in words that claim no more."""

    status: Status
    words: str
    at: datetime | None = None
    """Not later than this the head was there, as the anchor has it."""


class Stamper(Protocol):
    """One service, or several of a kind. Nothing here is waited for by a build."""

    @property
    def kind(self) -> str:
        """How its files end: `ots`, `tsr`."""

    def stamp(self, digest: bytes) -> bytes:
        """A stamp of a SHA-256 digest; Unavailable if nobody answers."""

    def upgrade(self, data: bytes) -> bytes:
        """The stamp with what has become known since; as it is if nothing has, or nobody answers."""

    def verify(self, data: bytes, digest: bytes) -> Verdict:
        """What the stamp proves of the digest. Asks nobody."""


def digest_of(head: Checkpoint) -> bytes:
    """What is stamped of a head: whoever has the entries can compute it, no signature is needed."""
    return hashlib.sha256(head.body).digest()
