"""Files that are written whole or not at all; and secret ones, which only their owner may read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from anchor_pipeline.errors import Unavailable, UsageError


def read_secret(path: Path) -> bytes:
    """The bytes of a file; UsageError if it is missing, or others can read it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read()
    except FileNotFoundError:
        raise UsageError(f"{path}: is missing; restore it, or make it with `anchor keys init`") from None
    except OSError as error:
        raise Unavailable(f"{path}: cannot be read ({error.strerror})") from error
    if mode & 0o077:
        raise UsageError(f"{path}: others can read it (mode {mode:o}); chmod 600 it, or better make a new one")
    return data


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Write a file of that mode, on the disk when this returns; Unavailable if that cannot be done."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Never readable by others, not even before it has its name.
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise Unavailable(f"{path}: cannot be written ({error.strerror or error})") from error
