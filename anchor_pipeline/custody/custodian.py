"""A project's custody: its ledger, and who signs in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from anchor_pipeline.custody.credentials.authority import Leaf, leaf_of
from anchor_pipeline.custody.credentials.trust import Trust, trust_of
from anchor_pipeline.custody.head_memory import HeadMemory
from anchor_pipeline.custody.key_files import KeyFolder
from anchor_pipeline.custody.keys import Signer
from anchor_pipeline.custody.ledger import Ledger
from anchor_pipeline.custody.observer import CustodyObserver
from anchor_pipeline.custody.providers import signer_of
from anchor_pipeline.custody.storage import Storage
from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import Project
from anchor_pipeline.project.custody import Custody

KEYS = "ANCHOR_KEYS"


@dataclass(frozen=True)
class Custodian:
    """What a project declares under `custody`, opened."""

    declared: Custody
    root: Path
    """Folder of project.yaml."""

    @property
    def keys(self) -> KeyFolder:
        """Where the keys are."""
        return KeyFolder(Path(os.environ.get(KEYS) or self.root / self.declared.keys))

    @cached_property
    def signer(self) -> Signer:
        """Who signs the steps."""
        return signer_of(self.declared.identity, self.keys.folder)

    @cached_property
    def ledger(self) -> Ledger:
        """The project's ledger."""
        return Ledger(self.storage, self.declared.origin, memory=HeadMemory(self.keys.folder))

    @cached_property
    def storage(self) -> Storage:
        """Where the ledger lies; UsageError if the variable that names it is not set."""
        if self.declared.postgres is None:
            from anchor_pipeline.custody.sqlite_storage import SqliteStorage

            return SqliteStorage((self.root / self.declared.ledger).absolute())
        address = os.environ.get(self.declared.postgres)
        if not address:
            raise UsageError(f"{self.declared.postgres} is not set; the declaration says that it names the ledger")
        from anchor_pipeline.custody.postgres_storage import PostgresStorage

        return PostgresStorage(address)

    @cached_property
    def trust(self) -> Trust:
        """Whose credentials of shards count, as the ledger says."""
        return trust_of(self.ledger.keys(), self.keys.folder)

    def leaf(self) -> Leaf:
        """The certificate that signs C2PA credentials, with its key."""
        return leaf_of(self.keys.folder)

    def observer(self) -> CustodyObserver:
        """Takes down every step it hears of."""
        return CustodyObserver(self.ledger, self.signer)


def custodian_of(project: Project) -> Custodian | None:
    """The custody of a project; None if it declares none."""
    return None if project.custody is None else Custodian(project.custody, project.root.absolute())
