"""Names of what a release carries beside the files of its manifest, which is older: custody, and word of a recall."""

from __future__ import annotations

FOLDER = "custody"
LEDGER = f"{FOLDER}/ledger.jsonl"
HEAD = f"{FOLDER}/checkpoint"
ROOT = f"{FOLDER}/root.pub.json"
CREDENTIALS = f"{FOLDER}/credentials.jsonl"
AUTHORITY = f"{FOLDER}/authority.pem"
DOCUMENTS = f"{FOLDER}/documents.jsonl.gz"
STAMPS = f"{FOLDER}/stamps"
"""Folder of outside stamps of heads of the ledger, `<size>.<kind>`; some come long after the release."""
VERIFIER = "VERIFY.html"
NOTICE = "RECALLED.json"
"""Says that the release was recalled; whoever reads it believes nothing else of it."""


def previous_ledger(place: int) -> str:
    """An earlier ledger that this one continues; the oldest is 0."""
    return f"{FOLDER}/previous/{place:04d}/ledger.jsonl"


def previous_head(place: int) -> str:
    """The head over it."""
    return f"{FOLDER}/previous/{place:04d}/checkpoint"


def is_custody_file(name: str) -> bool:
    """Whether a file of a release is beside those of its manifest: its custody, or the notice of a recall."""
    return name in (VERIFIER, NOTICE) or name.startswith(f"{FOLDER}/")
