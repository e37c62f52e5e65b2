"""Everything that a release says about itself, computed again from its rows: what `anchor verify` prints.

All problems are told, not only the first, and nothing is raised for damaged input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PublicKey
from anchor_pipeline.custody.note import Checkpoint, parsed
from anchor_pipeline.custody.release_files import HEAD
from anchor_pipeline.errors import AnchorError, Unavailable, UsageError
from anchor_pipeline.mix.checks import (
    Check,
    SelectionHash,
    check_hashes,
    check_names,
    check_verdict,
    read_manifest,
)
from anchor_pipeline.mix.custody import check_custody_of
from anchor_pipeline.mix.folder import Folder, folder_at, read_file
from anchor_pipeline.mix.manifest import FORMAT, MANIFEST, Manifest, Part
from anchor_pipeline.mix.newest import newer_revision, newest_release
from anchor_pipeline.mix.parts import content_digests, mix_schema
from anchor_pipeline.mix.recalled import check_recalled
from anchor_pipeline.mix.shares import amounts_and_shares, group_amounts

_ROWS = 8_192
_EXAMPLES = 3
_SOUND = "every row has the digest it states"


def verify_mix(
    path: str | Path, *, rows: bool = True, root: PublicKey | None = None, pins: Sequence[Checkpoint] = ()
) -> list[Check]:
    """Check a release (folder or URL; or that of a cycle or stage) from its files alone.

    Args:
        path: where it is.
        rows: compute from the rows again what the manifest says of them. Without, files are what their digests say,
            at the speed of hashing them; enough where a chain of custody vouches for the manifest.
        root: the root key that its chain of custody has to begin with.
        pins: heads of its ledger seen before.

    Returns:
        One check (what, ok, detail) per file, and for manifest, file list, verdict, schema, content, counts,
        selection and shares; one more if it is superseded, or recalled (`refused`: the files are as they were).
        If the manifest is not sound, that alone: nothing else can be judged then.

    Raises:
        Unavailable: the storage at the URL cannot be reached.
        UsageError: it denies access, or nothing is installed for such URLs.

    """
    try:
        folder = newest_release(folder_at(path))
        manifest = read_manifest(folder)
    except (Unavailable, UsageError):
        raise  # says nothing about the release
    except (AnchorError, OSError, ValueError, ImportError) as error:
        return [Check(MANIFEST, False, str(error))]
    text = f"format {FORMAT}, {manifest.stage} {manifest.cycle} revision {manifest.revision}, digest {manifest.digest}"
    checks = [Check(MANIFEST, True, text)]
    recalled, erased = check_recalled(folder, manifest)
    checks += recalled
    checks += check_names(folder, manifest, erased=erased)
    checks += check_hashes(folder, manifest.files)
    parts = check_hashes(folder, manifest.parts)
    checks += map(_without_content, parts) if erased else parts
    checks += check_verdict(folder, manifest)
    if rows:
        checks += _check_rows(folder, manifest, erased)
    checks += check_custody_of(folder, manifest, root, pins)
    if newer := newer_revision(folder, manifest):
        checks.append(Check("superseded", True, f"by revision {newer} of the cycle; this one stays readable"))
    return checks


def head_of(path: str | Path) -> Checkpoint:
    """The head that a release carries, not checked; UsageError if it was made without custody."""
    folder = newest_release(folder_at(path))
    if not folder.has(HEAD):
        raise UsageError(f"{folder.url}: was made without custody, so there is no head to keep")
    try:
        return parsed(read_file(folder, HEAD, 1 << 20).decode(), HEAD)
    except (Flaw, UnicodeDecodeError) as error:
        raise UsageError(f"{folder.url}: no head of a ledger ({error})") from None


_UNREADABLE = (OSError, KeyError, ValueError, TypeError, ArithmeticError)
"""What damaged rows may raise on their way."""


def _without_content(part: Check) -> Check:
    """The check of a part of an erased release: that it is another file than was released is no damage."""
    return (
        part
        if part.ok
        else part._replace(detail=f"written anew without the erased content; {part.detail}", refused=True)
    )


class _Rows:
    """What is summed up over all rows. Of an `erased` release some may have no content."""

    def __init__(self, erased: bool) -> None:
        self.may_lack = erased
        self.lacking = 0
        self.selection = SelectionHash()
        self.amounts: list[pa.Table] = []
        self.seen: Counter[str] = Counter()
        self.wrong = 0
        self.examples: list[str] = []


def _check_rows(folder: Folder, manifest: Manifest, erased: bool) -> Iterator[Check]:
    rows = _Rows(erased)
    complete = True
    for part in manifest.parts:
        try:
            yield _check_part(folder, part, rows)
        except (*_UNREADABLE, pa.ArrowException) as error:
            complete = False
            yield Check(f"{part.path} rows", False, f"cannot be read ({error})")
    examples = "; ".join(rows.examples)
    more = f" and {rows.wrong - _EXAMPLES} more" if rows.wrong > _EXAMPLES else ""
    lacking = f"{rows.lacking:,} of the rows have no content, the others the digest they state"
    sound = lacking if rows.lacking else _SOUND
    yield Check("content", not rows.wrong, f"{examples}{more}" or sound)
    if not complete:
        yield Check("shares", False, "cannot be computed, some rows cannot be read")
        return
    yield rows.selection.check(manifest)
    try:
        amounts, shares = amounts_and_shares(rows.amounts)
    except _UNREADABLE as error:
        # Damaged numbers need not even be amounts.
        reason = str(error).splitlines()[0]
        yield Check("shares", False, f"cannot be computed from these rows ({reason})")
        return
    same = (amounts, shares) == (manifest.amounts, manifest.shares)
    yield Check("shares", same, "computed again, the same" if same else _difference(shares, manifest))


def _check_part(folder: Folder, part: Part, rows: _Rows) -> Check:
    count = tokens = 0
    with folder.open(part.path) as file, pq.ParquetFile(file) as parquet:
        found = parquet.schema_arrow
        content = tuple(name for name in ("text", "payload") if name in found.names)
        if not found.equals(mix_schema(content)):
            return Check(f"{part.path} rows", False, f"columns {found.names}, expected those of a mix")
        for batch in parquet.iter_batches(_ROWS):
            rows.selection.update(batch)
            rows.amounts.append(group_amounts(pa.Table.from_batches([batch])))
            stated = batch.column("digest").to_pylist()
            columns = [batch.column(name) for name in content]
            computed = content_digests(batch.column("modality").to_pylist(), columns)
            empty = [not any(held) for held in zip(*(column.is_valid().to_pylist() for column in columns), strict=True)]
            for row, (one, other, lacks) in enumerate(zip(computed, stated, empty, strict=True), count):
                if lacks and rows.may_lack:
                    rows.lacking += 1
                elif one != other:
                    rows.wrong += 1
                    if rows.wrong <= _EXAMPLES:
                        rows.examples.append(f"{part.path} row {row}: digest {one}, states {other}")
            count += batch.num_rows
            tokens += sum(batch.column("tokens").to_pylist())
    if (count, tokens) != (part.rows, part.tokens):
        return Check(
            f"{part.path} rows", False, f"{count} rows, {tokens} tokens; expected {part.rows} and {part.tokens}"
        )
    return Check(f"{part.path} rows", True, f"{count} rows, {tokens} tokens")


def _difference(shares: object, manifest: Manifest) -> str:
    if not isinstance(shares, dict):
        return "not those of the manifest"
    for modality, columns in manifest.shares.items():
        for name, values in columns.items():
            found = shares.get(modality, {}).get(name, {})
            for value in sorted(values.keys() | found.keys()):
                if values.get(value) != found.get(value):
                    return f"{modality} {name} {value!r}: the rows have {found.get(value)}, stated {values.get(value)}"
    return "the rows have other amounts than the manifest states"
