"""What was found in files that anybody may have written: findings, notes, and what was looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

MOST_KEPT = 50
"""Findings of a file that are shown; the others are counted."""

PASSED_OVER = "other records passed over"
"""What the files of a folder held that has nothing to do with lineage."""

_LONGEST = 400


@dataclass(frozen=True)
class Found:
    """Something that is wrong, or, in a note, that could not be checked."""

    file: str
    place: str
    """`line 3`, `row 17`, `line 3, run.facets.parent`; empty: the file as a whole."""
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: {self.what}" if self.place else f"{self.file}: {self.what}"


@dataclass
class Report:
    """All that was found; `counts` says how many events, shards, rows and so on were looked at."""

    findings: list[Found] = field(default_factory=list)
    notes: list[Found] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    more: Counter[str] = field(default_factory=Counter)
    """Findings beyond MOST_KEPT, by file."""
    _of_file: Counter[str] = field(default_factory=Counter)
    _noted: set[Found] = field(default_factory=set)

    def find(self, file: str, place: str, what: str) -> None:
        """Something is wrong."""
        self._of_file[file] += 1
        if self._of_file[file] > MOST_KEPT:
            self.more[file] += 1
        else:
            self.findings.append(Found(plain(file), plain(place), plain(what)))

    def find_all(self, file: str, place: str, what: Iterable[str]) -> None:
        """Several things are wrong in one place."""
        for one in what:
            self.find(file, place, one)

    def note(self, file: str, place: str, what: str) -> None:
        """Something was not checked, and why. The same is noted once."""
        told = Found(plain(file), plain(place), plain(what))
        if told not in self._noted and len(self._noted) < MOST_KEPT:
            self._noted.add(told)
            self.notes.append(told)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong, and something was looked at."""
        return not self.findings and any(name != PASSED_OVER for name in self.counts)


def plain(text: str) -> str:
    """The text on one line, without characters that steer a terminal, and not too long."""
    shown = text[:_LONGEST] + ("…" if len(text) > _LONGEST else "")
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in shown)
