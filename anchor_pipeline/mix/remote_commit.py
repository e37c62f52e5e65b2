"""Release into an object store: no renames there, so the manifest is written last, on condition that there is none.

    1. claim     create 0002.CLAIM, which holds the mix digest, unless it is there
    2. fill      put all files of the release under 0002/
    3. release   create 0002/MANIFEST.json unless it is there; then remove the claim

Creating is the storage's conditional put: of several writers exactly one succeeds. A writer that finds the claim of
another content and no manifest closes the revision with a tombstone in place of the manifest and goes on to the next
one: whoever held the claim is dead, or slower, and then finds the tombstone, fails, and has released nothing.
Writers with the same claim write the same bytes, so they cannot harm each other. There are no leases and no clocks.

What is replaced is compared too: the walk begins after the release that this one was judged against, and passes
closed revisions only. anchor_pipeline_tests/mix/test_remote_commit.py tries all orders of the steps of two writers.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from anchor_pipeline.corpus.remote import Remote
from anchor_pipeline.corpus.remote_store import RemoteStore
from anchor_pipeline.errors import AnchorError, DamagedData, Unavailable, UsageError
from anchor_pipeline.mix.manifest import MANIFEST, Manifest
from anchor_pipeline.mix.release import (
    Release,
    claim_of,
    cycle_folder,
    following,
    is_tombstone,
    read_release,
    tombstone,
    won_by,
)

_UPLOADS = 4
"""Files uploaded at once."""

_TRIES = 100
"""Revisions given up by others that are passed before giving up oneself."""


def commit_remote(store: RemoteStore, staged: Path, manifest: Manifest, current: Release | None) -> Release:
    """Release `staged`, a folder with all files of `manifest`, in place of `current`.

    Raises AnchorError if another run has released other content meanwhile, or took this one for dead; UsageError if
    the storage has no conditional put; Unavailable if it cannot be reached, and nothing was released then unless the
    answer to the very last request was lost.
    """
    remote, folder = store.remote, cycle_folder(manifest.stage, manifest.cycle)
    first = 1 if current is None else current.revision + 1
    for revision in range(first, first + _TRIES):
        name = f"{folder}/{revision:04d}"
        ours = following(manifest, current, revision)
        state = _take(remote, name, ours)
        if state == "closed":
            continue
        if state == "taken":
            _fill(remote, name, staged, ours)
            if remote.create(f"{name}/{MANIFEST}", ours.encoded()) != "other":
                _remove_claim(remote, name)
                return Release(store.address_of(name), ours)
        return _decided(store, name, ours)
    raise AnchorError(
        f"{store.address_of(folder)}: {_TRIES} revisions after the current one were given up; remove their folders"
    )


def _take(remote: Remote, name: str, manifest: Manifest) -> Literal["taken", "closed", "decided"]:
    """Claim a revision. "closed": it was given up, take the next one; "decided": somebody was faster."""
    claim, digest = claim_of(name), manifest.digest.encode()
    held = remote.create(claim, digest)
    found = remote.read(f"{name}/{MANIFEST}")
    if found is None and held != "other":
        if not remote.refuses_taken(claim, digest):
            found = _must_be_released(remote, name)
        elif not _strangers(remote, name, manifest):
            return "taken"
    if found is None:
        held_by = remote.read(claim) or b""
        if remote.create(f"{name}/{MANIFEST}", tombstone(held_by.decode("ascii", "replace")[:64])) == "created":
            return "closed"
        found = remote.read(f"{name}/{MANIFEST}") or b""
    if not is_tombstone(found):
        # The claim of a released revision is removed, so that anyone can have it afterwards, in vain.
        if held == "created":
            _remove_claim(remote, name)
        return "decided"
    # Whose own claim was closed gives up: two writers that both went on could close each other's for ever.
    return "decided" if held == "created" else "closed"


def _must_be_released(remote: Remote, name: str) -> bytes:
    """A claim that could be created twice was removed in between, and then there is a manifest."""
    found = remote.read(f"{name}/{MANIFEST}")
    if found is None:
        raise UsageError(
            f"{remote.url}: the storage ignores the condition of a conditional put (If-None-Match: *), so two runs "
            "could both release; use a storage that honours it, or a store on a local disk"
        )
    return found


def _strangers(remote: Remote, name: str, manifest: Manifest) -> bool:
    """Whether files lie there that are not of this release: with them it could not be opened."""
    known = {entry.path for entry in manifest.entries}
    return not known.issuperset(remote.sizes(name))


def _fill(remote: Remote, name: str, staged: Path, manifest: Manifest) -> None:
    """Put all files but the manifest. They are put again if they are there: whoever began may have failed."""
    paths = [entry.path for entry in manifest.entries]
    with ThreadPoolExecutor(_UPLOADS) as pool:
        for _ in pool.map(lambda path: remote.put(f"{name}/{path}", staged / path), paths):
            pass


def _decided(store: RemoteStore, name: str, manifest: Manifest) -> Release:
    """What has become of a revision that somebody else has decided."""
    other = read_release(store, name)
    if other is not None:
        return won_by(other, manifest)
    raise AnchorError(
        f"{store.address_of(name)}: another run took revision {manifest.revision} from this one meanwhile; nothing was "
        "released by this run, build again"
    )


def _remove_claim(remote: Remote, name: str) -> None:
    """Best effort: a claim that stays does no harm while the manifest is there."""
    try:
        remote.remove(claim_of(name))
    except (DamagedData, Unavailable, UsageError):
        return
