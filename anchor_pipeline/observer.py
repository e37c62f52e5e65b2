"""What is told of a step, and to whom: the words that `record`, `lineage` and `custody` share.

Nothing here reads, writes or knows who listens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol
from uuid import UUID

from anchor_pipeline.details import NOTHING, Details

if TYPE_CHECKING:
    from anchor_pipeline.project.cycles import Cycle
    from anchor_pipeline.rules.finding import Finding

State = Literal["complete", "fail", "abort"]
Change = Literal["CREATE", "OVERWRITE", "ALTER", "TRUNCATE", "DROP"]


@dataclass(frozen=True)
class Artefact:
    """A dataset as a step sees it. What is None or empty is unknown."""

    name: str
    """`raw/peps/peps.jsonl`, `sources/peps`, `corpus`, `selection/pretrain`, `mix/pretrain`."""
    digest: str | None = None
    rows: int | None = None
    bytes: int | None = None
    tokens: int | None = None
    columns: tuple[tuple[str, str], ...] = ()
    """(name, type), in order."""
    uri: str | None = None
    """Where a raw file lies, as declared; credentials in it are never passed on."""
    files: int | None = None
    change: Change | None = None
    """What became of an output that was there before, where the step knows."""
    details: Details = NOTHING
    """Terms, shards, verdict, origin …; for lineage only, the ledger says nothing of it."""


@dataclass(frozen=True)
class RunRef:
    """A run that others may call their parent: a step, or the run of an orchestrator."""

    id: str
    """A UUID; ValueError if it is not."""
    job: str
    namespace: str
    root: RunRef | None = None
    """The run at the top of the tree; None where this is it."""

    def __post_init__(self) -> None:
        try:
            UUID(self.id)
        except ValueError:
            raise ValueError(f"the id of run {self.job!r} has to be a UUID, not {self.id!r}") from None


@dataclass(frozen=True)
class CodeLocation:
    """The commit that the declaration was built from; only where a version control system says so."""

    url: str
    """Of the repository, without user and password."""
    commit: str
    path: str
    """Of project.yaml within it."""


@dataclass(frozen=True)
class LedgerEntry:
    """An entry that the ledger of custody holds about a run."""

    ledger: str
    """The ledger's name, its origin."""
    kind: str
    """intent, completion or failure."""
    index: int
    leaf: str
    """Leaf hash, hexadecimal (RFC 6962, section 2.1)."""


@dataclass(frozen=True)
class Intent:
    """What a step is about to do, known before it starts."""

    project: str
    run: RunRef
    parent: RunRef | None
    at: datetime
    """By the clock on the wall, UTC: a record of what happened, which no result depends on."""
    version: str
    """Of this package."""
    policy: str | None
    """Digest of the declared policy."""
    cycle: Cycle | None
    inputs: tuple[Artefact, ...]
    outputs: tuple[Artefact, ...]
    """Planned."""
    description: str | None
    code: CodeLocation | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    state: State
    at: datetime
    inputs: tuple[Artefact, ...]
    """All of them, those of the intent included."""
    outputs: tuple[Artefact, ...]
    checks: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    """Findings by the name of the dataset that was checked."""
    reused: bool = False
    """Nothing had to be done: the outputs were there already."""
    error: BaseException | None = None
    credentials: Mapping[str, int | str] | None = None
    """Of the shards that the step made or drew from: `count` and the `sha256` of their list."""


class Observer(Protocol):
    """Hears of every step. `opened` first; then `completed` or `failed`, once."""

    @property
    def required(self) -> bool:
        """Whether a step may only run, and only count as complete, if this observer has taken it down."""

    def opened(self, intent: Intent) -> None:
        """The step is about to run."""

    def completed(self, intent: Intent, outcome: Outcome) -> None:
        """The step has run."""

    def failed(self, intent: Intent, outcome: Outcome) -> None:
        """The step has failed, was refused (`outcome.error` is Refused) or interrupted (state `abort`)."""
