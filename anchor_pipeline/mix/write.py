"""Write a mix: nothing unless the verdict passes for exactly this selection, and then all of it or nothing.

Everything is made in one folder under tmp/, flushed to the disk, MANIFEST.json last, and then given its name in
one rename. A crash before that leaves the old state and some rubbish in tmp/, one after it a whole release. For an
object store, which has no renames, see remote_commit.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData, Refused, Unavailable, UsageError
from anchor_pipeline.mix.checks import refusal_of
from anchor_pipeline.mix.commit import commit_release
from anchor_pipeline.mix.folder import folder_at
from anchor_pipeline.mix.gather import PART_BYTES, Survey, gather, survey
from anchor_pipeline.mix.manifest import (
    FORMAT,
    VERDICT,
    WRITTEN_BY,
    Digests,
    Documents,
    File,
    Manifest,
    PreviousRelease,
    check_extra_name,
)
from anchor_pipeline.mix.parts import Written, write_parts
from anchor_pipeline.mix.release import Release, current_release, cycle_folder, previous_release
from anchor_pipeline.mix.shares import amounts_and_shares
from anchor_pipeline.mix.spill import Spill
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.rules.verdict import Verdict, selection_digest

MEMORY_BYTES = 4 * PART_BYTES
"""Mixes with no more content than this wait in memory, larger ones on the disk."""

MAX_THREADS = 4
"""Each thread holds about two parts, 128 MiB."""

Extra = Callable[[Manifest], Mapping[str, bytes]]


def write_mix(
    store: Store,
    selection: Path,
    verdict: Verdict,
    *,
    project: str,
    stage: str,
    cycle: Cycle,
    extra: Mapping[str, bytes] | None = None,
    extra_after: Extra | None = None,
    documents: Documents | None = None,
    threads: int | None = None,
    part_bytes: int = PART_BYTES,
) -> Release:
    """Release the selected documents as the mix of a stage and cycle.

    Args:
        store: holds the shards, and will hold the release.
        selection: Parquet of SELECTION_SCHEMA, in training order.
        verdict: all findings for this selection.
        project: name of the project.
        stage: training stage.
        cycle: the turn of the build.
        extra: further files of the release, by name.
        extra_after: makes further files when all parts are written; sees the manifest so far, without `files`.
        documents: what stands for the list of documents, where a chain of custody is kept.
        threads: how many to use; all cores, but at most MAX_THREADS, by default. Has no influence on the result.
        part_bytes: content of a part, in bytes.

    Returns:
        The release; `reused` if the current revision has this very content already.

    Raises:
        Refused: the verdict is not a pass, or is for something else.
        DamagedData: a shard does not hold what was selected.
        UsageError: an extra file, stage or cycle has a name that leads outside.
        Unavailable: the disk is full, or the storage of the store cannot be reached.
        AnchorError: another run released other content meanwhile.

    """
    previous = previous_release(store, stage, cycle.key)
    _must_pass(selection, verdict, project, stage, cycle.key, previous)
    files = _with_extra({VERDICT: verdict.json_bytes}, extra or {})
    draft: dict[str, Any] = {
        "format": FORMAT,
        "project": project,
        "stage": stage,
        "cycle": cycle.key,
        "as_of": cycle.as_of.isoformat(),
        "written_by": WRITTEN_BY,
        "digests": Digests(
            policy=verdict.digests.policy,
            selection=verdict.digests.selection,
            corpus=verdict.digests.corpus,
            verdict=verdict.digest,
        ),
        "documents": documents,
        "previous": previous,
    }
    current = current_release(store, stage, cycle.key)
    if current is not None and _is_made_from(current, draft, files, extra_after):
        return replace(current, reused=True)
    used = threads or min(os.cpu_count() or 1, MAX_THREADS)
    try:
        return _write(store, selection, draft, files, extra_after, current, used, part_bytes)
    except OSError as error:
        where = store.address_of(cycle_folder(stage, cycle.key))
        reason = error.strerror or error
        raise Unavailable(f"{where}: the mix could not be written ({reason}); see to the disk, build again") from error


def _must_pass(
    selection: Path, verdict: Verdict, project: str, stage: str, cycle: str, previous: PreviousRelease | None
) -> None:
    """Refused unless the verdict lets exactly this selection be released."""
    if refusal := refusal_of(verdict):
        raise Refused(f"{stage}, cycle {cycle}: {refusal}; a mix is written only if every blocking rule passes")
    if (verdict.project, verdict.stage, verdict.cycle) != (project, stage, cycle):
        raise Refused(
            f"{stage}, cycle {cycle}: the verdict is for {verdict.stage}, cycle {verdict.cycle} of project "
            f"{verdict.project}; judge this selection"
        )
    digest = selection_digest(selection)
    if verdict.digests.selection != digest:
        raise Refused(
            f"{selection}: its digest is {digest}, the verdict is for {verdict.digests.selection}; judge this selection"
        )
    if verdict.digests.previous_release != (previous.digest if previous else None):
        raise Refused(
            f"{stage}, cycle {cycle}: the verdict compared with release {verdict.digests.previous_release}, the "
            f"previous one is {previous.digest if previous else None}; judge again"
        )


def _is_made_from(
    current: Release, draft: Mapping[str, Any], files: Mapping[str, bytes], extra_after: Extra | None
) -> bool:
    """Whether the release came from the same inputs and is still there; looks at sizes, reads no content."""
    manifest = current.manifest
    if any(getattr(manifest, name) != value for name, value in draft.items()):
        return False
    if extra_after is not None:
        bare = manifest.model_copy(update={"files": (), "revision": 0, "replaces": None, "digest": ""})
        files = _with_extra(files, extra_after(bare))
    if _listed(files) != manifest.files:
        return False
    try:
        found = folder_at(current.location).sizes()
    except (OSError, DamagedData):
        return False
    return all(found.get(entry.path) == entry.bytes for entry in manifest.entries)


def _write(
    store: Store,
    selection: Path,
    draft: Mapping[str, Any],
    files: Mapping[str, bytes],
    extra_after: Extra | None,
    current: Release | None,
    threads: int,
    part_bytes: int,
) -> Release:
    plan = survey(selection, part_bytes)
    if plan.rows == 0:
        raise Refused(f"{selection}: selects no documents; there is no mix to write")
    with store.temporary() as staged:
        written = _write_content(store, selection, plan, staged, threads)
        amounts, shares = amounts_and_shares(entry.amounts for entry in written)
        manifest = Manifest(
            **draft,
            parts=tuple(entry.part for entry in written),
            files=(),
            rows=plan.rows,
            amounts=amounts,
            shares=shares,
            revision=0,
            replaces=None,
            digest="",
        )
        if extra_after is not None:
            files = _with_extra(files, extra_after(manifest))
        manifest = manifest.model_copy(update={"files": _listed(files)})
        manifest = manifest.model_copy(update={"digest": manifest.computed_digest()})
        if (
            current is not None
            and current.digest == manifest.digest
            and all(check.ok for check in verify_mix(current.location))
        ):
            return replace(current, reused=True)
        for name, data in sorted(files.items()):
            _write_file(store, staged / name, data)
        for folder in {*((staged / name).parent for name in files), staged / "data"}:
            store.files.sync_folder(folder)
        return commit_release(store, staged, manifest, current)


def _write_content(store: Store, selection: Path, plan: Survey, staged: Path, threads: int) -> list[Written]:
    with ExitStack() as stack:
        scratch, *waiting = (stack.enter_context(store.temporary()) for _ in range(3))
        if plan.bytes <= MEMORY_BYTES:
            spill = Spill.in_memory(plan.content_starts, plan.starts)
        else:
            paths = waiting[0], waiting[1]
            spill = Spill.on_disk(plan.content_starts, plan.starts, paths, store.files, stack)
        gather(store, selection, plan, spill, scratch, threads)
        return list(write_parts(store, selection, plan, spill, staged, threads))


def _with_extra(files: Mapping[str, bytes], extra: Mapping[str, bytes]) -> dict[str, bytes]:
    """Both; UsageError if an extra file has a name that a release cannot have, or one that is taken."""
    for name in extra:
        try:
            check_extra_name(name)
        except ValueError as error:
            raise UsageError(str(error)) from None
        if name in files:
            raise UsageError(f"{name!r} cannot name an extra file: the release has one of that name")
    return {**files, **extra}


def _listed(files: Mapping[str, bytes]) -> tuple[File, ...]:
    return tuple(
        File(path=name, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
        for name, data in sorted(files.items())
    )


def _write_file(store: Store, path: Path, data: bytes) -> None:
    with store.files.create(path) as file:
        store.files.write(file, data)
        store.files.sync(file)
