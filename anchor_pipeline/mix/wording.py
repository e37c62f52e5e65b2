"""What checks of a release found, in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from anchor_pipeline.mix.checks import Check


def check_lines(checks: Iterable[Check]) -> Iterator[str]:
    """A line for each check; sound files of one folder share one."""
    for folder, group in groupby(checks, key=_folder):
        found = list(group)
        if folder is not None and len(found) > 1:
            yield f"ok      {folder}/: {len(found)} files, each with the SHA-256 of the manifest"
            continue
        for one in found:
            yield f"{'ok     ' if one.ok else 'REFUSED' if one.refused else 'DAMAGED'} {one.what}: {one.detail}"


def _folder(check: Check) -> str | None:
    """The folder of a file whose hash is the stated one; None for everything else."""
    folder, slash, _ = check.what.partition("/")
    return folder if slash and check.ok and check.detail.startswith("SHA-256 ") else None
