"""SQLite on a disk whose n-th operation fails: its own hook for tests, `xSetSystemCall` of the unix VFS.

https://www.sqlite.org/c3ref/vfs.html. SQLite in this process is the one that Python's sqlite3 uses.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_size_t, c_void_p
from typing import Any, ClassVar


class _Vfs(Structure):
    _fields_: ClassVar = [
        ("iVersion", c_int),
        ("szOsFile", c_int),
        ("mxPathname", c_int),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        ("pAppData", c_void_p),
        *((name, c_void_p) for name in ("xOpen", "xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError")),
        *((name, c_void_p) for name in ("xDlSym", "xDlClose", "xRandomness", "xSleep", "xCurrentTime")),
        *((name, c_void_p) for name in ("xGetLastError", "xCurrentTimeInt64")),
        ("xSetSystemCall", CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)),
        ("xGetSystemCall", CFUNCTYPE(c_void_p, c_void_p, c_char_p)),
        ("xNextSystemCall", c_void_p),
    ]


_CALLS: dict[str, tuple[Any, ...]] = {
    "open": (c_int, c_char_p, c_int, c_int),
    "pwrite": (c_int64, c_int, c_void_p, c_size_t, c_int64),
    "pwrite64": (c_int64, c_int, c_void_p, c_size_t, c_int64),
    "write": (c_int64, c_int, c_void_p, c_size_t),
    "pread": (c_int64, c_int, c_void_p, c_size_t, c_int64),
    "pread64": (c_int64, c_int, c_void_p, c_size_t, c_int64),
    "ftruncate": (c_int, c_int, c_int64),
    "fallocate": (c_int, c_int, c_int64, c_int64),
    "unlink": (c_int, c_char_p),
    "openDirectory": (c_int, c_char_p, POINTER(c_int)),
}


class Faults:
    """Counts operations; the n-th fails with `code`. With n = 0 it only counts."""

    def __init__(self, n: int, code: int = errno.ENOSPC, *, on: bool = False) -> None:
        self.n, self.code, self.on, self.count = n, code, on, 0
        self.failed: list[str] = []

    def due(self, name: str) -> bool:
        self.count += 1
        if self.n and (self.count == self.n or (self.on and self.count > self.n)):
            self.failed.append(name)
            return True
        return False


def library() -> ctypes.CDLL | None:
    """The SQLite that is loaded already; None if it is not one that can be got at."""
    import sqlite3

    try:
        found = ctypes.CDLL("libsqlite3.so.0")
        found.sqlite3_libversion.restype = c_char_p
        same = found.sqlite3_libversion().decode() == sqlite3.sqlite_version
    except OSError:
        return None
    found.sqlite3_vfs_find.restype = POINTER(_Vfs)
    return found if same else None


@contextmanager
def faulty(library: ctypes.CDLL, faults: Faults) -> Iterator[None]:
    """While the block lasts, every SQLite database of this process is on that disk."""
    vfs = library.sqlite3_vfs_find(None)
    # Held here: SQLite has but their addresses.
    kept: list[Any] = []
    for name, (result, *arguments) in _CALLS.items():
        address = vfs.contents.xGetSystemCall(ctypes.cast(vfs, c_void_p), name.encode())
        if not address:
            continue
        kind = CFUNCTYPE(result, *arguments, use_errno=True)
        hook = kind(_hook(name, kind(address), faults))
        kept.append(hook)
        vfs.contents.xSetSystemCall(ctypes.cast(vfs, c_void_p), name.encode(), ctypes.cast(hook, c_void_p))
    try:
        yield
    finally:
        for name in _CALLS:
            vfs.contents.xSetSystemCall(ctypes.cast(vfs, c_void_p), name.encode(), None)


def _hook(name: str, real: Any, faults: Faults) -> Any:
    def call(*arguments: Any) -> int:
        if faults.due(name):
            ctypes.set_errno(faults.code)
            # `openDirectory` gives a code of SQLite: SQLITE_CANTOPEN.
            return 14 if name == "openDirectory" else -1
        return int(real(*arguments))

    return call
