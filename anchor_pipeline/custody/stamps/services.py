"""The services that stamp, made of what a command was given."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from anchor_pipeline.custody.stamps.opentimestamps import CALENDARS, OpenTimestamps, parsed_headers
from anchor_pipeline.custody.stamps.rfc3161 import Rfc3161
from anchor_pipeline.custody.stamps.stamper import Stamper
from anchor_pipeline.errors import UsageError
from anchor_pipeline.project.custody import Custody, Stamps

_NEEDED = ("opentimestamps", "rfc3161_client")


def stampers(
    calendars: Sequence[str] = (),
    authority: str | None = None,
    authority_root: Path | None = None,
    headers: Path | None = None,
) -> list[Stamper]:
    """OpenTimestamps, by the public calendars if none is named, and RFC 3161, if an authority or its root is named.

    Raises UsageError if the extra is not installed, or a file is not what it should be.
    """
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise UsageError("stamps need an extra: pip install 'anchor-pipeline[stamps]'")
    known = parsed_headers(_read(headers).decode(errors="replace"), str(headers)) if headers else {}
    found: list[Stamper] = [OpenTimestamps(tuple(calendars) or CALENDARS, known)]
    if authority is not None or authority_root is not None:
        found.append(Rfc3161(authority, _read(authority_root) if authority_root else b""))
    return found


def declared_stampers(custody: Custody, root: Path) -> list[Stamper]:
    """The services of a declaration in the folder `root`; by default the public calendars."""
    declared = custody.stamps or Stamps()
    certificate, headers = declared.authority_root, declared.headers
    return stampers(
        declared.calendars,
        declared.authority,
        root / certificate if certificate else None,
        root / headers if headers else None,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
