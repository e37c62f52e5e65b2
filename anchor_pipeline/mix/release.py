"""Releases in a store: mix/<stage>/<cycle>/<revision>. A folder there is a whole release, or it is not there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError, DamagedData, UsageError
from anchor_pipeline.mix.manifest import MANIFEST, Manifest, PreviousRelease, parse_manifest

_REVISION = re.compile(r"\d{4,}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")


@dataclass(frozen=True)
class Release:
    """A released mix."""

    path: Path
    """The folder that `open_mix` reads."""
    manifest: Manifest
    reused: bool = False
    """It was there already, with this very content."""

    @property
    def digest(self) -> str:
        """The mix digest."""
        return self.manifest.digest

    @property
    def revision(self) -> int:
        return self.manifest.revision


def cycle_folder(stage: str, cycle: str) -> str:
    """Where the releases of a stage and cycle lie in the store."""
    for what, name in (("stage", stage), ("cycle", cycle)):
        if _NAME.fullmatch(name) is None:
            raise UsageError(f"{name!r} cannot name a {what}: expected letters, digits, '_', '.', ':' and '-'")
    return f"mix/{stage}/{cycle}"


def is_revision(name: str) -> bool:
    """Whether a folder of that name, in the folder of a cycle, is a release."""
    return _REVISION.fullmatch(name) is not None


def current_release(store: Store, stage: str, cycle: str) -> Release | None:
    """The newest revision of a cycle, or None if nothing was released; DamagedData if its manifest is damaged."""
    folder = cycle_folder(stage, cycle)
    revisions = sorted((name for name in store.list(folder) if is_revision(name)), key=int)
    return _read(store, f"{folder}/{revisions[-1]}") if revisions else None


def previous_release(store: Store, stage: str, cycle: str) -> PreviousRelease | None:
    """The newest revision of the latest earlier cycle that has one. Keys of one cadence sort by time."""
    for earlier in sorted(store.list(f"mix/{stage}"), reverse=True):
        if earlier < cycle and (release := current_release(store, stage, earlier)) is not None:
            return PreviousRelease(cycle=earlier, digest=release.digest)
    return None


def commit_release(store: Store, staged: Path, manifest: Manifest) -> Release:
    """Give a finished folder its name as revision `manifest.revision`.

    Raises AnchorError if another run has released that revision meanwhile with other content; if it has the same
    content, that release is the result.
    """
    folder = cycle_folder(manifest.stage, manifest.cycle)
    name = f"{folder}/{manifest.revision:04d}"
    if not store.commit_folder(staged, name):
        other = _read(store, name)
        if other.digest == manifest.digest:
            return Release(other.path, other.manifest, reused=True)
        raise AnchorError(
            f"{store.path(name)}: another run released revision {manifest.revision} meanwhile, with other content "
            f"(digest {other.digest}, ours {manifest.digest}); nothing was written, build again"
        )
    # The folders above may be new as well.
    above = store.path(folder)
    while above != store.root:
        above = above.parent
        store.files.sync_folder(above)
    return Release(store.path(name), manifest)


def _read(store: Store, name: str) -> Release:
    path = store.path(name)
    manifest = parse_manifest(store.read(f"{name}/{MANIFEST}"), str(path / MANIFEST))
    _, stage, cycle, revision = name.split("/")
    if (manifest.stage, manifest.cycle, manifest.revision) != (stage, cycle, int(revision)):
        raise DamagedData(
            f"{path}: is the release of {manifest.stage}, cycle {manifest.cycle}, revision {manifest.revision}; "
            "it was moved or copied here, move it back"
        )
    return Release(path, manifest)
