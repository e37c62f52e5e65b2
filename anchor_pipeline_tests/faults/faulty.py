"""A disk on which the n-th operation fails, once or from then on. No operation is left out, and none is made up."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

from anchor_pipeline.corpus.files import LocalFiles


class FaultyFiles(LocalFiles):
    """Fails at the n-th operation with `code`, and with `on` at all later ones. With n = 0 it only counts."""

    def __init__(self, n: int = 0, *, on: bool = False, code: int = errno.ENOSPC) -> None:
        self.n, self.on, self.code, self.count = n, on, code, 0
        self.failed: list[str] = []
        """Names of the operations that failed."""

    def _step(self, operation: str, path: str | Path) -> None:
        self.count += 1
        if self.n and (self.count == self.n or (self.on and self.count > self.n)):
            self.failed.append(operation)
            raise OSError(self.code, f"{os.strerror(self.code)} (made up)", str(path))

    def create(self, path: Path, *, append: bool = False) -> BinaryIO:
        self._step("create", path)
        return super().create(path, append=append)

    def write(self, file: BinaryIO, data: bytes | memoryview) -> None:
        try:
            self._step("write", file.name)
        except OSError:
            # A disk that is full takes the first half.
            super().write(file, bytes(data)[: len(data) // 2])
            raise
        super().write(file, data)

    def write_at(self, file: BinaryIO, offset: int, data: memoryview) -> None:
        self._step("write_at", file.name)
        super().write_at(file, offset, data)

    def sync(self, file: BinaryIO) -> None:
        self._step("sync", file.name)
        file.flush()  # Not to the disk itself: these tests try what happens when it fails, often.

    def sync_folder(self, folder: Path) -> None:
        self._step("sync_folder", folder)

    def replace(self, source: Path, target: Path) -> None:
        self._step("replace", target)
        super().replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        self._step("link", target)
        super().link(source, target)

    def rename_folder(self, source: Path, target: Path) -> None:
        self._step("rename_folder", target)
        super().rename_folder(source, target)

    def remove(self, path: Path) -> None:
        # Tidying up needs no room, and a fault here has no say in what is kept: only that it is not counted.
        super().remove(path)
