"""What becomes of a disk that is full or fails, and of what killed processes leave under tmp/."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError, Unavailable

STALE_SECONDS = 2 * 24 * 3600
"""Nothing under tmp/ that was touched since is removed: dagster.yaml ends runs after a day."""

# DuckDB and Polars have errors of their own, which quote the system's.
_FULL = ("no space left on device", "disk quota exceeded")


@contextmanager
def disk_trouble_told(doing: str) -> Iterator[None]:
    """An error of the disk becomes Unavailable, and says that `doing` can be done again."""
    try:
        yield
    except AnchorError:
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        advice = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "see to the disk"
        raise _unavailable(doing, f"{place}{error.strerror or error}", advice) from error
    except Exception as error:
        if not any(words in str(error).lower() for words in _FULL):
            raise
        raise _unavailable(doing, str(error).strip(), "make room") from error


def _unavailable(doing: str, reason: str, advice: str) -> Unavailable:
    return Unavailable(f"{doing}: {reason}; nothing is half done: {advice}, and build {doing} again")


def sweep(store: Store, now: float | None = None) -> list[str]:
    """Remove what killed processes left under tmp/ more than STALE_SECONDS ago; gives the names.

    Only space is at stake, so failing is no error. The process that left it may have been one of another machine,
    or of another container with the same process ids: its age is all that can be gone by.
    """
    limit = (time.time() if now is None else now) - STALE_SECONDS
    removed = []
    folder = store.path("tmp")
    with suppress(OSError):
        for entry in sorted(folder.iterdir()):
            with suppress(OSError):
                if _last_touched(entry) < limit:
                    store.files.remove(entry)
                    removed.append(entry.name)
    return removed


def _last_touched(entry: Path) -> float:
    paths = [entry, *entry.rglob("*")] if entry.is_dir() and not entry.is_symlink() else [entry]
    return max(path.lstat().st_mtime for path in paths)
