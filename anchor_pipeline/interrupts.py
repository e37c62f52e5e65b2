"""SIGINT and SIGTERM: what runs is stopped in order, and the process ends with the exit code that shells expect.

Both raise KeyboardInterrupt, so that everything on the way out is tidied up. Libraries put handlers of their own in
place and swallow the error (Dagster does, within a run): which signal came is therefore learnt from the interpreter
itself, through `signal.set_wakeup_fd`.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from types import NoneType, TracebackType
from typing import Self

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to stop."""

    def __init__(self, number: int) -> None:
        self.number = number
        name = signal.Signals(number).name
        super().__init__(f"stopped by {name}; nothing is half released: run the same command again to go on")

    @property
    def exit_code(self) -> int:
        """128 + the number of the signal: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.number


class Interrupts:
    """Notices signals while it is open, and raises Interrupted in place of the error that one has brought about.

    Outside the main thread, where Python takes no signals, it does nothing.
    """

    def __init__(self) -> None:
        self._came: int | None = None
        self._read = self._write = self._before = -1
        self._handlers: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._read, self._write = os.pipe()
            for end in (self._read, self._write):
                os.set_blocking(end, False)
            self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
            # One handler for both: Dagster gives SIGTERM that of SIGINT when a run is over.
            self._handlers = {number: signal.signal(number, signal.default_int_handler) for number in STOPPING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._write < 0:
            return
        for number, handler in self._handlers.items():
            # None: it was not set from Python, and cannot be set again from there.
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._before, warn_on_full_buffer=self._before < 0)
        self._came = self.came
        os.close(self._read)
        os.close(self._write)
        self._read = self._write = -1
        if self._came is not None and not isinstance(error, (Interrupted, SystemExit, Exception, NoneType)):
            raise Interrupted(self._came) from error

    @property
    def came(self) -> int | None:
        """The first signal to stop that came; None if none did."""
        if self._came is None and self._read >= 0:
            with suppress(BlockingIOError):
                self._came = next((number for number in os.read(self._read, 4096) if number in STOPPING), None)
        return self._came

    def check(self) -> None:
        """Raise Interrupted if a signal came, even if whoever got it has swallowed it."""
        if self.came is not None:
            raise Interrupted(self.came)
