"""What all generators of synthetic text share: the texts they learn from, what they write, how they are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from anchor_pipeline.errors import AnchorError


class TooLittleText(AnchorError):
    """The texts a generator was fitted on do not suffice for what it is asked to write."""


class Origin(NamedTuple):
    """Where a text came from, and on what terms."""

    id: str
    """Id of the document in the corpus."""
    collected_at: datetime
    licence: str
    """SPDX expression."""


class Training(NamedTuple):
    """One text to learn from."""

    origin: Origin
    text: str


class Written(NamedTuple):
    """One text that a generator wrote, and the texts whose words it took, by id."""

    text: str
    origins: tuple[Origin, ...]


class TwinModel(Protocol):
    """A fitted generator."""

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of all that it was fitted on."""
        ...

    @property
    def texts(self) -> int:
        """How many texts it was fitted on."""
        ...

    @property
    def tokens(self) -> int:
        """How many words these have."""
        ...

    def write(self, documents: int, tokens: int, seed: str) -> Iterator[Written]:
        """Texts of about `tokens` words; the n-th depends on what was fitted, `tokens`, `seed` and n alone.

        Raises TooLittleText.
        """
        ...


class TwinGenerator(Protocol):
    """A kind of generator. Its version changes whenever the same seed would write something else."""

    name: str
    version: str

    def fit(self, texts: Iterable[Training], order: int) -> TwinModel:
        """Learn from texts, whatever their order, looking `order` words back. Memory is bounded."""
        ...
