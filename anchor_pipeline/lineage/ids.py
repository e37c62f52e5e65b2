"""UUIDs of version 7 (RFC 9562, section 5.7), which sort by time."""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def ticks_of(at: datetime) -> int:
    """A moment as 60 bits: milliseconds since 1970, then their fraction in 4096ths (section 6.2, method 3)."""
    milliseconds, rest = divmod((at - _EPOCH) // _MICROSECOND, 1000)
    return (milliseconds & (1 << 48) - 1) << 12 | rest * 4096 // 1000


def uuid7(ticks: int) -> UUID:
    """The UUID of a moment, with 62 random bits."""
    time, fraction = ticks >> 12, ticks & 0xFFF
    return UUID(int=time << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | secrets.randbits(62))


def time_of(id: UUID) -> datetime:
    """The moment a UUID of version 7 was made for, in whole milliseconds."""
    return _EPOCH + timedelta(milliseconds=id.int >> 80)


class Rising:
    """Gives UUIDs each of which sorts after the one before, even if the clock stands still or is set back."""

    def __init__(self) -> None:
        self._last = -1
        self._lock = threading.Lock()

    def next(self, at: datetime) -> UUID:
        """The next one; not earlier than `at`."""
        with self._lock:
            self._last = max(ticks_of(at), self._last + 1)
            return uuid7(self._last)
