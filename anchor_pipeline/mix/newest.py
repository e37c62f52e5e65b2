"""The newest release in a folder: what `open_mix` opens of a cycle or stage."""

from __future__ import annotations

from anchor_pipeline.errors import AnchorError
from anchor_pipeline.mix.folder import Folder, start_of_file
from anchor_pipeline.mix.manifest import MANIFEST, Manifest
from anchor_pipeline.mix.release import TOMBSTONE_LIMIT, claim_of, is_revision, is_tombstone


def newest_release(folder: Folder) -> Folder:
    """The release in a folder: itself, or the newest revision in it, or that of the newest cycle in it.

    A revision without manifest is still taken for one, and refused then: nothing falls back to an older one. Only
    those are passed that an object store has unfinished (a claim lies beside them) or given up (a tombstone).
    """
    if _is_release(folder):
        return folder
    for cycle in (folder, *(folder.within(name) for name in sorted(folder.folders(), reverse=True))):
        # A year is named like a revision; revisions begin with 0 until there are a thousand of them.
        names = [name for name in cycle.folders() if is_revision(name)]
        revisions = [name for name in names if name.startswith("0") or _is_release(cycle.within(name))]
        for name in sorted(revisions, key=int, reverse=True):
            if not _is_unreleased(cycle, name):
                return cycle.within(name)
    return folder


def newer_revision(folder: Folder, manifest: Manifest) -> int | None:
    """The newest revision of the cycle, if the release in `folder` is an older one; None if not, or not to be seen."""
    try:
        cycle, name = folder.above()
        if name != f"{manifest.revision:04d}" or not cycle.url.endswith(f"{manifest.stage}/{manifest.cycle}"):
            return None  # It was copied elsewhere, away from its cycle.
        newest = int(newest_release(cycle).above()[1])
    except (AnchorError, OSError, ValueError):
        return None
    return newest if newest > manifest.revision else None


def _is_unreleased(cycle: Folder, name: str) -> bool:
    """Whether a revision was never released: its writer has not finished it, or was taken for dead."""
    revision = cycle.within(name)
    if not revision.has(MANIFEST):
        return cycle.has(claim_of(name))
    return is_tombstone(start_of_file(revision, MANIFEST, TOMBSTONE_LIMIT))


def _is_release(folder: Folder) -> bool:
    return folder.has(MANIFEST) or "data" in folder.folders()
