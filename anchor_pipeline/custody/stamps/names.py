"""Where the store keeps the stamps of a ledger: custody/stamps/<ledger>/<size>.<kind>.

`<ledger>` is the beginning of the SHA-256 of the ledger's name, as ledgers that continue each other have heads of the
same sizes.
"""

from __future__ import annotations

import hashlib

from anchor_pipeline.corpus.store import Store


def folder_of(origin: str) -> str:
    """The folder of a ledger."""
    return f"custody/stamps/{hashlib.sha256(origin.encode()).hexdigest()[:16]}"


def kept_stamps(store: Store, origin: str) -> list[tuple[int, str]]:
    """Size of the stamped head and kind of every stamp that is kept, in their order."""
    parts = (name.partition(".") for name in store.list(folder_of(origin)))
    return sorted((int(size), kind) for size, _, kind in parts if size.isdecimal() and kind)
