"""Names of what a release carries for its chain of custody; none of it is in the manifest, which is older."""

from __future__ import annotations

FOLDER = "custody"
LEDGER = f"{FOLDER}/ledger.jsonl"
HEAD = f"{FOLDER}/checkpoint"
ROOT = f"{FOLDER}/root.pub.json"
CREDENTIALS = f"{FOLDER}/credentials.jsonl"
AUTHORITY = f"{FOLDER}/authority.pem"
DOCUMENTS = f"{FOLDER}/documents.jsonl.gz"
VERIFIER = "VERIFY.html"


def previous_ledger(place: int) -> str:
    """An earlier ledger that this one continues; the oldest is 0."""
    return f"{FOLDER}/previous/{place:04d}/ledger.jsonl"


def previous_head(place: int) -> str:
    """The head over it."""
    return f"{FOLDER}/previous/{place:04d}/checkpoint"


def is_custody_file(name: str) -> bool:
    """Whether a file of a release belongs to its custody."""
    return name == VERIFIER or name.startswith(f"{FOLDER}/")
