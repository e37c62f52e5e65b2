"""The errors a user can meet; each carries a finished sentence and the exit code of the `anchor` command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class AnchorError(Exception):
    """Base of all errors raised on purpose. The message says what is wrong, where, and what to do."""

    exit_code = 3


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a declaration: where it stands and what it should be."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class DeclarationError(AnchorError):
    """The declaration (project.yaml) is wrong; holds every problem found, not only the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(AnchorError):
    """A command or function was called with something that cannot be."""

    exit_code = 2


class Refused(AnchorError):
    """A declared rule does not hold, so nothing was released."""

    exit_code = 1


class DamagedData(AnchorError):
    """Stored data is missing, altered or unreadable."""

    exit_code = 3


class Unavailable(AnchorError):
    """Storage, or a service, could not be reached or written just now; the same call may work when tried again."""

    exit_code = 3
