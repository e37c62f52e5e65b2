"""Give a finished mix its place as the next revision of its cycle, in a store on this machine or at a URL."""

from __future__ import annotations

from pathlib import Path

from anchor_pipeline.corpus.remote_store import RemoteStore
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.mix.manifest import MANIFEST, Manifest
from anchor_pipeline.mix.release import Release, cycle_folder, following, read_release, won_by
from anchor_pipeline.mix.remote_commit import commit_remote


def commit_release(store: Store, staged: Path, manifest: Manifest, current: Release | None) -> Release:
    """Release `staged`, a folder with all files of `manifest`, in place of `current`.

    Revision and what it replaces are put into the manifest here. If another run has released the same content
    meanwhile, that release is the result; if it has released other content, AnchorError is raised.
    """
    if isinstance(store, RemoteStore):
        return commit_remote(store, staged, manifest, current)
    return _commit_local(store, staged, following(manifest, current, 1 if current is None else current.revision + 1))


def _commit_local(store: Store, staged: Path, manifest: Manifest) -> Release:
    """In one rename."""
    with store.files.create(staged / MANIFEST) as file:
        store.files.write(file, manifest.encoded())
        store.files.sync(file)
    store.files.sync_folder(staged)
    folder = cycle_folder(manifest.stage, manifest.cycle)
    name = f"{folder}/{manifest.revision:04d}"
    if not store.commit_folder(staged, name):
        other = read_release(store, name)
        if other is None:
            raise DamagedData(f"{store.address_of(name)}: was copied from an object store unfinished; remove it")
        return won_by(other, manifest)
    # The folders above may be new as well.
    above = store.path(folder)
    while above != store.root:
        above = above.parent
        store.files.sync_folder(above)
    return Release(store.address_of(name), manifest)
