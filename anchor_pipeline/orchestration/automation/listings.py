"""What the raw files of a project look like now, in one digest per source, within a bounded time."""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from anchor_pipeline.errors import AnchorError
from anchor_pipeline.ingest.files import NOT_LISTED, list_files
from anchor_pipeline.ingest.readers.base import UnreadableFile
from anchor_pipeline.project import Project
from anchor_pipeline.project.addresses import redacted

ABSENT = "absent"
"""In place of the digest of a source that has no files."""

_AT_ONCE = 8


@dataclass
class Listings:
    """Lists the sources of a project, several at once. A listing that hangs is waited for next time, not doubled."""

    project: Project
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_AT_ONCE, "anchor-listing"))
    _pending: dict[str, Future[str]] = field(default_factory=dict)

    def look(self, seconds: float) -> tuple[dict[str, str], dict[str, str]]:
        """(digest by source, trouble by source); together they name every source that has raw files of its own."""
        for name, source in self.project.sources.items():
            if source.uri is not None and name not in self._pending:
                self._pending[name] = self._pool.submit(listing_digest, self.project, name)
        done, _ = wait(self._pending.values(), seconds)
        found: dict[str, str] = {}
        trouble: dict[str, str] = {}
        for name, future in list(self._pending.items()):
            if future not in done:
                trouble[name] = f"not listed within {seconds:.0f} seconds"
                continue
            del self._pending[name]
            error = future.exception()
            if error is None:
                found[name] = future.result()
            else:
                trouble[name] = " ".join(redacted(str(error)).split())[:300]
        return found, trouble


def listing_digest(project: Project, name: str) -> str:
    """Digest of name, size and version of every raw file of a source; ABSENT if there are none.

    Raises AnchorError if that cannot be told.
    """
    source = project.sources[name]
    try:
        listing = list_files(str(source.uri), project.root, source.format, source.modality)
    except UnreadableFile as error:
        if NOT_LISTED in str(error):
            raise
        return ABSENT
    except OSError as error:
        raise AnchorError(f"source {name} cannot be listed: {error}") from None
    sha = hashlib.sha256()
    for file in listing.files:
        sha.update(f"{file.name}\0{file.size}\0{file.version}\n".encode("utf-8", "surrogateescape"))
    return sha.hexdigest()[:32]
