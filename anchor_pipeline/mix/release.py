"""Releases in a store: mix/<stage>/<cycle>/<revision>, a folder that is a release once it has its manifest.

In a store on this machine a folder gets its name when it is whole. In an object store the manifest is written
last, and meanwhile a claim lies beside the folder (see `remote_commit`): a revision that has a claim and no manifest
is unfinished, and one whose manifest is a tombstone was given up. Neither is a release. A folder with neither
manifest nor claim is damaged, and nothing falls back to an older one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError, DamagedData, UsageError
from anchor_pipeline.mix.manifest import MANIFEST, VERDICT, Manifest, PreviousRelease, Replaced, parse_manifest
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.verdict import Verdict

_REVISION = re.compile(r"\d{4,}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*")

_TOMBSTONE_START = b'{"abandoned":'
TOMBSTONE_LIMIT = 1024
"""Bytes; a tombstone is shorter."""


@dataclass(frozen=True)
class Release:
    """A released mix."""

    location: str
    """What `open_mix` reads: an absolute path of this machine, or a URL."""
    manifest: Manifest
    reused: bool = False
    """It was there already, with this very content."""

    @property
    def path(self) -> Path:
        """The folder of a release on this machine."""
        return Path(self.location)

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


def claim_of(revision: str) -> str:
    """Name of the claim on a revision, beside its folder."""
    return f"{revision}.CLAIM"


def tombstone(claim: str) -> bytes:
    """What is put in place of a manifest to close a revision: its claim's holder cannot release it any more."""
    return canonical_json({"abandoned": claim, "format": 1})


def is_tombstone(data: bytes) -> bool:
    """Whether the bytes of a MANIFEST.json, or the first TOMBSTONE_LIMIT of them, are a tombstone."""
    if not data.startswith(_TOMBSTONE_START):
        return False
    try:
        return set(json.loads(data)) == {"abandoned", "format"}
    except ValueError:
        return False


def current_release(store: Store, stage: str, cycle: str) -> Release | None:
    """The newest revision of a cycle, or None if nothing was released; DamagedData if its manifest is damaged."""
    folder = cycle_folder(stage, cycle)
    names = store.list(folder)
    for revision in sorted((name for name in names if is_revision(name)), key=int, reverse=True):
        release = read_release(store, f"{folder}/{revision}", claimed=claim_of(revision) in names)
        if release is not None:
            return release
    return None


def previous_release(store: Store, stage: str, cycle: str) -> PreviousRelease | None:
    """The newest revision of the latest earlier cycle that has one. Keys of one cadence sort by time."""
    release = earlier_release(store, stage, cycle)
    return None if release is None else PreviousRelease(cycle=release.manifest.cycle, digest=release.digest)


def earlier_release(store: Store, stage: str, cycle: str) -> Release | None:
    """The release that `previous_release` tells of."""
    for earlier in sorted(store.list(f"mix/{stage}"), reverse=True):
        if earlier < cycle and (release := current_release(store, stage, earlier)) is not None:
            return release
    return None


def earlier_parts(store: Store, stage: str, cycle: str) -> Released | None:
    """The same for rooms below: where its parts lie in the store."""
    release = earlier_release(store, stage, cycle)
    if release is None:
        return None
    manifest = release.manifest
    folder = f"{cycle_folder(stage, manifest.cycle)}/{manifest.revision:04d}"
    return Released(stage, manifest.cycle, release.digest, tuple(f"{folder}/{part.path}" for part in manifest.parts))


def earlier_findings(store: Store, stage: str, cycle: str) -> tuple[Finding, ...]:
    """What the verdict of that release said; () if there is none. DamagedData if its file is not what was released."""
    release = earlier_release(store, stage, cycle)
    if release is None:
        return ()
    manifest = release.manifest
    name = f"{cycle_folder(stage, manifest.cycle)}/{manifest.revision:04d}/{VERDICT}"
    data = store.read(name)
    verdict = Verdict.model_validate_json(data)
    if verdict.digest != manifest.digests.verdict:
        raise DamagedData(f"{store.address_of(name)}: is not the verdict that was released; put it back from a copy")
    return verdict.findings


def read_release(store: Store, name: str, *, claimed: bool = False) -> Release | None:
    """The release in a folder of the store; None for one that was given up, or that is `claimed` and unfinished."""
    data = store.find(f"{name}/{MANIFEST}") if claimed else store.read(f"{name}/{MANIFEST}")
    if data is None or is_tombstone(data):
        return None
    location = store.address_of(name)
    manifest = parse_manifest(data, f"{location}/{MANIFEST}")
    _, stage, cycle, revision = name.split("/")
    if (manifest.stage, manifest.cycle, manifest.revision) != (stage, cycle, int(revision)):
        raise DamagedData(
            f"{location}: is the release of {manifest.stage}, cycle {manifest.cycle}, revision {manifest.revision}; "
            "it was moved or copied here, move it back"
        )
    return Release(location, manifest)


def following(manifest: Manifest, current: Release | None, revision: int) -> Manifest:
    """The manifest of the release that replaces `current`."""
    replaced = None if current is None else Replaced(revision=current.revision, digest=current.digest)
    return manifest.model_copy(update={"revision": revision, "replaces": replaced})


def won_by(other: Release, manifest: Manifest) -> Release:
    """The release that another run has made meanwhile, if it has the same content; AnchorError otherwise."""
    if other.digest == manifest.digest:
        return Release(other.location, other.manifest, reused=True)
    raise AnchorError(
        f"{other.location}: another run released revision {other.revision} meanwhile, with other content (digest "
        f"{other.digest}, ours {manifest.digest}); this run released nothing, build again"
    )
