"""A ledger in SQLite or PostgreSQL with its keys in a folder, and steps that are taken down in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from anchor_pipeline.custody.check_ledger import LedgerCheck
from anchor_pipeline.custody.head_memory import HeadMemory
from anchor_pipeline.custody.key_files import KeyFolder
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline.custody.ledger import Ledger, begin
from anchor_pipeline.custody.note import Checkpoint, parsed
from anchor_pipeline.custody.observer import CustodyObserver
from anchor_pipeline.custody.postgres_storage import PostgresStorage
from anchor_pipeline.custody.sqlite_storage import SqliteStorage
from anchor_pipeline.custody.storage import Storage
from anchor_pipeline.observer import Artefact, Intent, Outcome, RunRef

ORIGIN = "example.org/ledger"


def storage_at(address: str) -> Storage:
    """A PostgreSQL database by its URL, anything else is a file."""
    return PostgresStorage(address) if "://" in address else SqliteStorage(Path(address))


@dataclass(frozen=True)
class World:
    """Can be opened from any process by its two addresses."""

    address: str
    folder: Path
    """Of the keys."""

    @property
    def storage(self) -> Storage:
        return storage_at(self.address)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.storage, ORIGIN, memory=HeadMemory(self.folder))

    @property
    def root(self) -> PrivateKey:
        return KeyFolder(self.folder).private("root")

    @property
    def pipeline(self) -> PrivateKey:
        return KeyFolder(self.folder).private("pipeline")

    def observer(self) -> CustodyObserver:
        return CustodyObserver(self.ledger, self.pipeline)

    def step(self, name: str = "corpus") -> str:
        """A step from beginning to end; gives its run."""
        intent, observer = intent_of(name), self.observer()
        observer.opened(intent)
        observer.completed(intent, outcome())
        return intent.run.id

    def checked(self) -> LedgerCheck:
        """All entries and every head that was signed, checked from their bytes alone."""
        check, heads = LedgerCheck(self.root.public), self.heads()
        for entry in self.ledger.entries():
            assert check.take(entry.envelope).index == entry.index
            if check.size in heads:
                check.check_head(heads[check.size])
        assert all(size <= check.size for size in heads), "no head is larger than the ledger"
        return check

    def heads(self) -> dict[int, Checkpoint]:
        """Every head that was signed, by size."""
        with self.storage.reading() as rows:
            found = rows.all("SELECT size, note FROM anchor_ledger_heads WHERE origin = ?", ORIGIN)
        return {int(size): parsed(text, f"head {size}") for size, text in found}

    def alter(self, *statements: str) -> None:
        """What an intruder does: as the owner of the database, with its triggers off."""
        if "://" not in self.address:
            with closing(sqlite3.connect(self.address, isolation_level=None)) as database:
                triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
                for sql in (*(f"DROP TRIGGER {name}" for (name,) in triggers), *statements):
                    database.execute(sql)
            return
        import psycopg2

        with closing(psycopg2.connect(self.address)) as connection, connection.cursor() as cursor:
            for table in ("entries", "nodes", "heads"):
                cursor.execute(f"ALTER TABLE anchor_ledger_{table} DISABLE TRIGGER USER")
            for sql in statements:
                cursor.execute(sql)
            connection.commit()


def new_world(address: str, folder: Path) -> World:
    """A ledger that has begun, with a head."""
    world = World(address, folder)
    for name in ("root", "pipeline"):
        KeyFolder(folder).write(PrivateKey.generate(name))
    begin(world.ledger, world.root, [world.pipeline.public])
    world.ledger.sign_head(world.root)
    return world


def intent_of(name: str = "corpus", inputs: Sequence[Artefact] = (), run: str | None = None) -> Intent:
    """What a step is about to do."""
    ref = RunRef(run or str(uuid4()), name, "anchor")
    at = datetime.now(UTC)
    return Intent("world", ref, None, at, "1.0", None, None, tuple(inputs), (Artefact(name),), None)


def outcome(error: BaseException | None = None) -> Outcome:
    """What became of it."""
    state: Literal["complete", "fail", "abort"]
    state = "complete" if error is None else "fail" if isinstance(error, Exception) else "abort"
    made = (Artefact("corpus", digest="ab" * 32, rows=3),)
    return Outcome(state, datetime.now(UTC), (), () if error else made, error=error)


@contextmanager
def unfinished(world: World, name: str = "corpus") -> Iterator[str]:
    """A run that goes on while the block lasts, by another observer."""
    intent, observer = intent_of(name), world.observer()
    observer.opened(intent)
    yield intent.run.id
    observer.completed(intent, outcome())
