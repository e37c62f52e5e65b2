"""What a release carries so that its folder can be checked alone: the ledger up to a head, and what that names.

It is written after the release, since the ledger knows of a release only when it is there, and it holds times and
signatures; so it is no part of the mix digest. The head comes last: without it the bundle is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.history import history_of
from anchor_pipeline.custody.keys import Signer
from anchor_pipeline.custody.ledger import Ledger
from anchor_pipeline.custody.release_files import (
    AUTHORITY,
    CREDENTIALS,
    DOCUMENTS,
    HEAD,
    LEDGER,
    ROOT,
    VERIFIER,
    previous_head,
    previous_ledger,
)
from anchor_pipeline.custody.stamps.carry import Kept, carry_into
from anchor_pipeline.errors import DamagedData


@dataclass(frozen=True)
class Bundle:
    """What goes into a release beside the ledger."""

    documents: Path
    """The list of documents, gzipped; taken away."""
    credentials: bytes
    """Of every shard that documents came from, as `credentials.jsonl`."""
    authority: bytes
    """The certificate (PEM) that C2PA credentials lead up to."""
    verifier: bytes
    """The page that checks the release in a browser."""


def has_bundle(store: Store, folder: str) -> bool:
    """Whether the release in `folder` of the store carries one."""
    return store.exists(f"{folder}/{HEAD}")


def write_bundle(store: Store, folder: str, ledger: Ledger, signer: Signer, bundle: Bundle) -> None:
    """Put the bundle into a release; what is there of an earlier try is replaced.

    Raises DamagedData if the ledger is not what was appended to it; Unavailable if a storage cannot be reached.
    """
    head = ledger.sign_head(signer)
    root = ledger.keys().root
    if root is None:
        raise DamagedData(f"{ledger.storage.address}: ledger {ledger.origin} has no genesis")
    _write_previous(store, folder, ledger)
    carry_into(folder, head.size, Kept(store, ledger.origin, ledger.head_of))
    entries = b"".join(entry.envelope + b"\n" for entry in ledger.entries(0, head.size))
    store.adopt(bundle.documents, f"{folder}/{DOCUMENTS}")
    for name, data in (
        (VERIFIER, bundle.verifier),
        (CREDENTIALS, bundle.credentials),
        (AUTHORITY, bundle.authority),
        (ROOT, root.encoded()),
        (LEDGER, entries),
        (HEAD, head.encoded().encode()),
    ):
        store.write(f"{folder}/{name}", data)


def _write_previous(store: Store, folder: str, ledger: Ledger) -> None:
    """The ledgers that this one continues, the oldest first."""
    for place, earlier in enumerate(history_of(ledger)[:-1]):
        last = earlier.head()
        if last is None:
            raise DamagedData(f"{earlier.storage.address}: ledger {earlier.origin} has no head")
        lines = b"".join(entry.envelope + b"\n" for entry in earlier.entries(0, last.size))
        store.write(f"{folder}/{previous_ledger(place)}", lines)
        store.write(f"{folder}/{previous_head(place)}", last.encoded().encode())
