"""The few operations that change the disk. Everything durable goes through them, so faults can be tried here.

The order is the usual one (write, fsync, replace, fsync the folder): after a crash at any moment a name holds
either the old bytes or the new ones.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO


class LocalFiles:
    """Operations on a local file system. Tests replace it by one that fails at the n-th call."""

    def create(self, path: Path, *, append: bool = False) -> BinaryIO:
        """Open a new or emptied file for writing, or an old one for appending; makes its folder."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab" if append else "wb")

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        """Append bytes."""
        file.write(data)

    def write_at(self, file: BinaryIO, offset: int, data: memoryview) -> None:
        """Write bytes at a place of their own; several threads may, each at its own."""
        while data:
            written = os.pwrite(file.fileno(), data, offset)
            offset, data = offset + written, data[written:]

    def sync(self, file: BinaryIO) -> None:
        """Flush to the disk."""
        file.flush()
        os.fsync(file.fileno())

    def sync_folder(self, folder: Path) -> None:
        """Make renames within `folder` durable."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Give `source` the name `target`, atomically, in place of what had it."""
        source.replace(target)

    def link(self, source: Path, target: Path) -> None:
        """Give `source` the name `target` as well; FileExistsError if it is taken."""
        target.hardlink_to(source)

    def rename_folder(self, source: Path, target: Path) -> None:
        """Give a folder a new name; OSError if a folder that is not empty has it."""
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)

    def remove(self, path: Path) -> None:
        """Remove a file or a whole folder; nothing if it is not there."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
