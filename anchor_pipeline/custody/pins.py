"""The last head that a reader saw, kept in a file: an older ledger, or another one, is noticed the next time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from anchor_pipeline.custody import note
from anchor_pipeline.custody.check_ledger import LedgerCheck
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.secret_files import write_file
from anchor_pipeline.errors import Unavailable, UsageError


def read_pin(path: Path) -> note.Checkpoint | None:
    """The head kept there; None if the file is not there yet. UsageError if it is no head."""
    try:
        return note.parsed(path.read_bytes().decode(), str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"{path}: the last head cannot be read ({error.strerror or error})") from error
    except (Flaw, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: no head of a ledger ({error}); name another file to begin anew") from None


def check_and_pin(path: Path, checked: Iterable[LedgerCheck], head: note.Checkpoint) -> note.Checkpoint | None:
    """Hold a checked history against the head kept in `path`, then keep `head` there; gives what was kept before.

    `checked` are the ledgers of the history, the newest last, whose head is `head`. Nothing is kept if anything is
    wrong: Flaw origin, head_rollback or fork.
    """
    ledgers = list(checked)
    pin = read_pin(path)
    if pin is not None:
        of_pin = [one for one in ledgers if one.origin == pin.origin]
        # Of a ledger that the history does not know: the newest one says what it is instead.
        (of_pin or ledgers[-1:])[0].check_pin(pin)
    if pin is None or (pin.origin, pin.size) != (head.origin, head.size):
        keep_pin(path, head)
    return pin


def keep_pin(path: Path, head: note.Checkpoint) -> None:
    """Keep a head that was checked; whole or not at all. Unavailable if it cannot be written."""
    write_file(path, head.encoded().encode(), 0o644)
