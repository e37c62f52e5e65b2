"""Whose credentials count: the keys of the pipeline that the ledger vouches for, and the authority that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from anchor_pipeline.custody.credentials.authority import CERTIFICATE, authority_digest, read_authority
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.key_history import KeyHistory
from anchor_pipeline.custody.keys import ROOT, PublicKey
from anchor_pipeline.custody.release_files import AUTHORITY
from anchor_pipeline.errors import UsageError

STEWARD = "steward"
"""Approves releases, and signs no credentials."""


@dataclass(frozen=True)
class Trust:
    """Explicit: what it does not hold is not trusted, whatever the machine or a library trusts."""

    key: Callable[[str], PublicKey | None]
    """The key of an id, if what it signs counts."""
    authority: bytes | None
    """PEM of the one certificate that C2PA credentials have to lead up to; None: none counts."""


def trust_of(history: KeyHistory, folder: Path) -> Trust:
    """What counts in a project now: every key that its ledger gave to a pipeline, and the authority in force.

    UsageError if the certificate in the key folder is not the one that the ledger names.
    """
    named = history.authority()
    if named is None:
        return Trust(_keys(history), None)
    pem = read_authority(folder)
    if _digest(pem) != named:
        raise UsageError(
            f"{folder / CERTIFICATE}: is not the authority that the ledger names ({named}); restore that one, or name "
            "another with `anchor keys authority`"
        )
    return Trust(_keys(history), pem)


def released_trust(history: KeyHistory, pem: bytes | None) -> Trust:
    """What counts of a release that carries its ledger, and `pem` as the certificate of its authority.

    Flaw credential_invalid if that is another than its ledger names, credential_missing if there is none.
    """
    named = history.authority()
    if named is None:
        return Trust(_keys(history), None)
    if pem is None:
        raise Flaw("credential_missing", AUTHORITY, "the release does not carry the certificate of its authority")
    if _digest(pem) != named:
        raise Flaw("credential_invalid", AUTHORITY, f"not the authority that the ledger names, {named}")
    return Trust(_keys(history), pem)


def _keys(history: KeyHistory) -> Callable[[str], PublicKey | None]:
    """Keys that were rotated out count on: what they signed was signed while they were in force."""

    def key(keyid: str) -> PublicKey | None:
        found = history.known(keyid)
        if found is None or keyid in history.revoked or found.identity in (ROOT, STEWARD):
            return None
        return None if found.identity.startswith(f"{STEWARD}-") else found

    return key


def _digest(pem: bytes) -> str | None:
    try:
        return authority_digest(pem)
    except ValueError:
        return None
