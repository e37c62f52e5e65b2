"""Every small way to change a ledger, tried on both Python verifiers.

A verifier takes entries one by one, so a change within entry i is checked from there on, with the state that it had
before: that makes it affordable to try all of them.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Protocol

from anchor_pipeline.custody import note
from anchor_pipeline.custody.check_ledger import LedgerCheck, lines_of
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline_tests.custody.forge import Forge, key
from docs.spec import verifier

SOUND = "sound"


def branched(value: Any) -> Any:
    """A copy of a verifier's state that can go its own way; what cannot change is shared."""
    if isinstance(value, list | set | dict):
        return value.copy()
    if type(value).__name__ in ("LedgerCheck", "KeyHistory", "Frontier", "Ledger", "Tree"):
        made = copy.copy(value)
        for name, part in vars(value).items():
            object.__setattr__(made, name, branched(part))
        return made
    return value


class Tried(Protocol):
    """A verifier that can go on from any entry."""

    def verdict(self, start: int, chunks: Iterable[bytes], head: bytes) -> str:
        """What it says of the first `start` entries of the true ledger, then `chunks`, under `head`."""


class First:
    """The package's."""

    def __init__(self, lines: list[bytes]) -> None:
        check = LedgerCheck(key("root").public)
        self._states = [branched(check)]
        for line in lines:
            check.take(line)
            self._states.append(branched(check))

    def verdict(self, start: int, chunks: Iterable[bytes], head: bytes) -> str:
        check = branched(self._states[start])
        try:
            for line in lines_of(chunks):
                check.take(line)
            check.check_head(note.parsed_bytes(head, "head"))
        except Flaw as flaw:
            return flaw.code
        return SOUND


class Second:
    """That of docs/spec."""

    def __init__(self, lines: list[bytes]) -> None:
        ledger = verifier.Ledger(verifier.read_key(key("root").public.encoded(), "root"))
        self._states = [branched(ledger)]
        for line in lines:
            ledger.take(line)
            self._states.append(branched(ledger))

    def verdict(self, start: int, chunks: Iterable[bytes], head: bytes) -> str:
        ledger = branched(self._states[start])
        try:
            for line in _lines(chunks):
                ledger.take(line)
            if ledger.size == 0:
                return "genesis"
            ledger.end(verifier.Head(head, "head"))
        except verifier.Flaw as flaw:
            return flaw.code
        return SOUND


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of chunks, by the other verifier's own reading, each as soon as it is there."""
    rest = b""
    for chunk in chunks:
        whole, end, rest = (rest + chunk).rpartition(b"\n")
        if end:
            yield from verifier.lines(whole + end)
        if len(rest) > verifier.MOST:
            break
    yield from verifier.lines(rest)


class Bench:
    """A ledger, its head, and both verifiers; counts what they said."""

    def __init__(self, forge: Forge) -> None:
        self.lines = [line + b"\n" for line in forge.lines]
        self.head = forge.head().encode()
        self._both: tuple[Tried, Tried] = (First(forge.lines), Second(forge.lines))
        self.said: Counter[str] = Counter()
        self.wrong: list[str] = []
        """Changes that were not detected, or that the verifiers call by different names."""

    def flip(self, entry: int, bit: int) -> None:
        """Bit `bit` of the line of an entry, its newline included."""
        line = bytearray(self.lines[entry])
        line[bit // 8] ^= 1 << bit % 8
        self.attempt(f"entry {entry} bit {bit}", entry, chain([bytes(line)], self.lines[entry + 1 :]))

    def cut(self, entry: int, length: int) -> None:
        """The ledger up to `length` bytes of an entry's line."""
        self.attempt(f"entry {entry} cut at {length}", entry, [self.lines[entry][:length]])

    def flip_head(self, bit: int) -> None:
        """Bit `bit` of the head."""
        head = bytearray(self.head)
        head[bit // 8] ^= 1 << bit % 8
        self.attempt(f"head bit {bit}", len(self.lines), [], bytes(head))

    def cut_head(self, length: int) -> None:
        """The first bytes of the head."""
        self.attempt(f"head cut at {length}", len(self.lines), [], self.head[:length])

    def attempt(self, what: str, start: int, chunks: Iterable[bytes], head: bytes | None = None) -> None:
        """Any other change from entry `start` on."""
        given = chunks if isinstance(chunks, list) else list(chunks)
        codes = [one.verdict(start, given, self.head if head is None else head) for one in self._both]
        self.said[codes[0]] += 1
        if SOUND in codes or codes[0] != codes[1]:
            self.wrong.append(f"{what}: {codes}")
