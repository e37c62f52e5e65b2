"""What can be wrong with a ledger or a release: the words that all verifiers use."""

from __future__ import annotations

CODES = {
    "not_canonical": "bytes that are not the one spelling of their content",
    "too_large": "larger than the format allows",
    "malformed": "not of the shape that the format asks for",
    "sequence": "an entry that does not state its own place",
    "previous": "an entry that does not name the one before it",
    "time": "an entry dated before the one before it",
    "origin": "an entry of another ledger",
    "key_unknown": "signed with a key that this ledger does not know, or that is not in force",
    "key_revoked": "signed with a key that was revoked",
    "role": "signed by somebody who may not sign this",
    "signature_ed25519": "the Ed25519 signature does not verify",
    "signature_ml_dsa_65": "the ML-DSA-65 signature does not verify",
    "subject": "a statement about something else than it says",
    "genesis": "the first entry is not a genesis, or a later one is",
    "root_not_pinned": "the ledger begins with another root key than the one that is trusted",
    "intent_missing": "a step that ended without having begun",
    "closed_twice": "a step that ended twice",
    "checkpoint_in_entry": "an entry that names a head which this ledger never had, or which does not cover its intent",
    "truncated": "the last entry is cut off",
    "head_malformed": "the head is not a signed note of this ledger",
    "head_signature": "the head is not signed as it has to be",
    "head_size": "the head is of another number of entries",
    "head_root": "the head is of other entries",
    "head_rollback": "the head is older than one seen before",
    "fork": "the head seen before is not a beginning of this ledger",
    "manifest": "the manifest is not a sound one",
    "file_missing": "a file of the release is missing",
    "file_digest": "a file is not the one that was released",
    "file_unlisted": "a file that is no part of the release",
    "documents_root": "the list of documents is not the one of the manifest",
    "verdict": "the verdict is not for this mix, or does not pass",
    "completion_missing": "the ledger knows nothing of this release",
    "credential_missing": "a shard without its credential",
    "credential_invalid": "a credential that does not verify, or is for something else",
    "credentials_digest": "the credentials are not those that the ledger names",
    "stamp": "an outside stamp that is none, or not of this ledger",
}
"""Code and meaning. docs/spec/custody.md says when each is due."""


class Flaw(Exception):
    """Something that must not be: a code of `CODES`, where it is (`entry 3`), and what was found there."""

    def __init__(self, code: str, where: str, detail: str) -> None:
        if code not in CODES:
            raise ValueError(f"no such flaw: {code}")
        self.code, self.where, self.detail = code, where, detail
        super().__init__(f"{where}: {CODES[code]} ({detail})")
