"""What a signer remembers of the heads it signed, beside its keys: a ledger restored from an old backup is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from anchor_pipeline.custody import note
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.secret_files import write_file
from anchor_pipeline.errors import DamagedData, Unavailable


class HeadMemory:
    """A folder with the largest head of each ledger, a file `<hash of the origin>.head`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, origin: str) -> Path:
        """Where the head of a ledger is kept."""
        return self.folder / f"{hashlib.sha256(origin.encode()).hexdigest()[:16]}.head"

    def last(self, origin: str) -> note.Checkpoint | None:
        """The largest head of a ledger seen so far; DamagedData if the file is no head."""
        path = self.path(origin)
        try:
            head = note.parsed(path.read_bytes().decode(), str(path))
            if head.origin != origin:
                raise Flaw("origin", str(path), f"a head of {head.origin}")
            return head
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{path}: the head cannot be read ({error.strerror or error})") from error
        except (Flaw, UnicodeDecodeError) as error:
            raise DamagedData(
                f"{path}: no head ({error}); restore it, it guards against a ledger that shrank"
            ) from None

    def check(self, origin: str, size: int, root: Callable[[int], bytes]) -> None:
        """DamagedData if a ledger of `size` entries does not begin with the head remembered."""
        last = self.last(origin)
        if last is None:
            return
        if last.size > size:
            raise DamagedData(
                f"ledger {origin} has {size:,} entries, but a head of {last.size:,} was signed ({self.path(origin)}): "
                "it was cut or restored from an old copy; bring back the whole ledger"
            )
        if root(last.size) != last.root:
            raise DamagedData(
                f"ledger {origin} does not begin with the {last.size:,} entries whose head was signed "
                f"({self.path(origin)}): it was rewritten; bring back the true one"
            )

    def keep(self, head: note.Checkpoint) -> None:
        """Remember a head if it is larger; written anew and put in place, never half."""
        last = self.last(head.origin)
        if last is not None and last.size >= head.size:
            return
        write_file(self.path(head.origin), head.encoded().encode(), 0o600)
