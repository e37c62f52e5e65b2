"""The chain of custody that a release carries, as checks beside those of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from anchor_pipeline.custody.check_release import Released, check_custody
from anchor_pipeline.custody.documents import DocumentsRoot
from anchor_pipeline.custody.keys import PublicKey
from anchor_pipeline.custody.note import Checkpoint
from anchor_pipeline.custody.release_files import FOLDER
from anchor_pipeline.mix.checks import Check
from anchor_pipeline.mix.folder import Folder
from anchor_pipeline.mix.manifest import Manifest


def check_custody_of(
    folder: Folder,
    manifest: Manifest,
    root: PublicKey | None = None,
    pins: Sequence[Checkpoint] = (),
    *,
    lists: bool = True,
) -> Iterator[Check]:
    """The claims of a release that was made under custody; one that does not hold fails, as does one without any.

    Nothing is asked of a release that was made without custody, unless the reader names a root key. Without `lists`
    its documents and credentials are not gone through.
    """
    if manifest.documents is None and root is None and not pins:
        return
    if manifest.documents is None:
        yield Check(FOLDER, False, "made without a chain of custody, so no root key vouches for it")
        return
    documents = DocumentsRoot(manifest.documents.count, manifest.documents.root)
    digest = hashlib.sha256(manifest.encoded()).hexdigest()
    released = Released(manifest.stage, manifest.cycle, manifest.digest, digest, documents)
    for claim in check_custody(folder, released, root=root, pins=pins, lists=lists):
        # Not proved is no damage: the reader named no root key.
        yield Check(f"{FOLDER} {claim.code}", claim.ok is not False, claim.detail)
