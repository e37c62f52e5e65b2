"""What can be checked of a release from its files alone. `open_mix` stops at the first failure, `verify_mix` tells all.

Without a key this proves that the release is whole and that its parts agree with each other: who made it is for the
signed ledger to say.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from anchor_pipeline.custody.release_files import is_custody_file
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.mix.folder import Folder, read_file
from anchor_pipeline.mix.manifest import MANIFEST, VERDICT, Entry, Manifest, parse_manifest
from anchor_pipeline.mix.release import is_tombstone
from anchor_pipeline.rules.digests import DIGESTED, digested_bytes
from anchor_pipeline.rules.verdict import Verdict

MANIFEST_LIMIT = 1 << 30
"""Bytes; a longer manifest is not read."""

_CHUNK = 1 << 22


class Check(NamedTuple):
    """One thing that was looked at."""

    what: str
    ok: bool
    detail: str
    refused: bool = False
    """The files are as they were written, but the rules do not let the mix be used."""


def read_manifest(folder: Folder) -> Manifest:
    """The manifest of a release; DamagedData if there is none, or not a sound one."""
    if not folder.has(MANIFEST):
        raise DamagedData(
            f"{folder.url}: not a released mix, {MANIFEST} is missing; build the mix, or give the folder of a release"
        )
    data = read_file(folder, MANIFEST, MANIFEST_LIMIT)
    if is_tombstone(data):
        raise DamagedData(
            f"{folder.url}: is no release, another run took this revision from its writer; open a later revision"
        )
    return parse_manifest(data, f"{folder.url}/{MANIFEST}")


def check_names(folder: Folder, manifest: Manifest, *, erased: bool = False) -> Iterator[Check]:
    """Exactly the files of the manifest are there, with the sizes it states; parts of an `erased` one have others."""
    try:
        found = folder.sizes()
    except (OSError, DamagedData) as error:
        yield Check("files", False, str(error))
        return
    expected = {entry.path: entry.bytes for entry in manifest.entries}
    resized = {part.path for part in manifest.parts} if erased else set()
    found = {name: size for name, size in found.items() if name != MANIFEST and not is_custody_file(name)}
    wrong = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    wrong += [f"{name} does not belong there" for name in sorted(found.keys() - expected.keys())]
    wrong += [
        f"{name} has {found[name]} bytes, expected {size}"
        for name, size in sorted(expected.items())
        if found.get(name, size) != size and name not in resized
    ]
    if wrong:
        yield from (Check("files", False, detail) for detail in wrong)
    else:
        yield Check("files", True, f"the {len(expected)} files of the manifest are there, and no others")


def check_hashes(folder: Folder, entries: Sequence[Entry]) -> Iterator[Check]:
    """The SHA-256 of every file is that of the manifest; several are read at once."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for entry, digest in zip(entries, pool.map(lambda e: _sha256(folder, e.path), entries), strict=True):
            ok = digest == entry.sha256
            yield Check(entry.path, ok, f"SHA-256 {digest}" if ok else f"SHA-256 {digest}, expected {entry.sha256}")


def check_verdict(folder: Folder, manifest: Manifest) -> Iterator[Check]:
    """The verdict is there, a pass, and about this content."""
    size = next((file.bytes for file in manifest.files if file.path == VERDICT), None)
    if size is None:
        yield Check(VERDICT, False, "the release has no verdict")
        return
    try:
        data = read_file(folder, VERDICT, size)
        verdict = Verdict.model_validate_json(data)
    except (DamagedData, ValidationError) as error:
        yield Check(VERDICT, False, f"not a verdict ({str(error).splitlines()[0]})")
        return
    if verdict.json_bytes != data or verdict.digest != manifest.digests.verdict:
        yield Check(VERDICT, False, f"altered: its digest is {verdict.digest}, expected {manifest.digests.verdict}")
        return
    differing = _not_about(verdict, manifest)
    if differing:
        yield Check(VERDICT, False, f"is about something else: {differing}")
    elif refusal := refusal_of(verdict):
        yield Check(VERDICT, False, refusal, refused=True)
    else:
        yield Check(VERDICT, True, f"pass, {len(verdict.findings)} findings, for this selection, policy and corpus")


def refusal_of(verdict: Verdict) -> str | None:
    """Why the verdict does not let the mix be released, or None if it does."""
    if verdict.status != "pass":
        return f"the verdict is {verdict.status!r}"
    blocking = sorted({finding.rule for finding in verdict.findings if finding.refuses})
    if blocking:
        return f"the verdict says 'pass' although {', '.join(blocking)} did not"
    return None if verdict.rules.evaluated else "the verdict evaluated no rule"


def _not_about(verdict: Verdict, manifest: Manifest) -> str:
    previous = manifest.previous.digest if manifest.previous else None
    pairs = {
        "project": (verdict.project, manifest.project),
        "stage": (verdict.stage, manifest.stage),
        "cycle": (verdict.cycle, manifest.cycle),
        "as_of": (verdict.as_of, manifest.as_of),
        "policy": (verdict.digests.policy, manifest.digests.policy),
        "selection": (verdict.digests.selection, manifest.digests.selection),
        "corpus": (verdict.digests.corpus, manifest.digests.corpus),
        "previous release": (verdict.digests.previous_release, previous),
    }
    return "; ".join(f"{name} {one}, the manifest has {other}" for name, (one, other) in pairs.items() if one != other)


def check_selection(folder: Folder, manifest: Manifest) -> Iterator[Check]:
    """The rows are those that were judged: the selection digest, from their ids, digests and passes."""
    sha = SelectionHash()
    try:
        for part in manifest.parts:
            with folder.open(part.path) as file, pq.ParquetFile(file) as parquet:
                for batch in parquet.iter_batches(65_536, columns=list(SelectionHash.columns)):
                    sha.update(batch)
    except (OSError, KeyError, pa.ArrowException) as error:
        yield Check("selection", False, f"{part.path} is not a readable part ({error})")
        return
    yield sha.check(manifest)


class SelectionHash:
    """The selection digest (rules.digests), from rows as they come by."""

    columns = DIGESTED

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows, in order. KeyError, ArrowException if they are not rows of a mix."""
        self._sha.update(digested_bytes(batch))

    def check(self, manifest: Manifest) -> Check:
        """Whether the rows so far are all that were judged."""
        digest, expected = self._sha.hexdigest(), manifest.digests.selection
        if digest == expected:
            return Check("selection", True, f"the rows are those that were judged, {digest}")
        return Check("selection", False, f"the rows have the selection digest {digest}, judged was {expected}")


def _sha256(folder: Folder, name: str) -> str:
    sha = hashlib.sha256()
    try:
        with folder.open(name) as file:
            read: Callable[[], bytes] = lambda: file.read(_CHUNK)  # noqa: E731
            for chunk in iter(read, b""):
                sha.update(chunk)
    except OSError as error:
        return f"unreadable ({error.strerror or error})"
    return sha.hexdigest()
