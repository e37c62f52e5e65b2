"""An object store in memory with a conditional put, whose every operation can be watched, delayed or made to fail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from anchor_pipeline.corpus.remote import Remote, Stat

Objects = dict[str, bytes]
Before = Callable[[str, str], None]
"""Called before each operation with its name and that of the file."""


class MemoryRemote(Remote):
    """One client of the store; several share the same objects."""

    def __init__(self, objects: Objects, before: Before = lambda operation, name: None) -> None:
        super().__init__("memory://store")
        self.objects, self.before = objects, before

    def read(self, name: str) -> bytes | None:
        self.before("read", name)
        return self.objects.get(name)

    def stat(self, name: str) -> Stat | None:
        self.before("stat", name)
        data = self.objects.get(name)
        return None if data is None else Stat(len(data), self._version(data))

    def names(self, folder: str) -> list[str]:
        self.before("names", folder)
        inside = [name.removeprefix(f"{folder}/") for name in self.objects if name.startswith(f"{folder}/")]
        return sorted({name.partition("/")[0] for name in inside})

    def sizes(self, folder: str) -> dict[str, int]:
        self.before("sizes", folder)
        start = f"{folder}/"
        return {name.removeprefix(start): len(data) for name, data in self.objects.items() if name.startswith(start)}

    def fetch(self, name: str, target: Path) -> bool:
        self.before("fetch", name)
        if name not in self.objects:
            return False
        target.write_bytes(self.objects[name])
        return True

    def put(self, name: str, source: Path | bytes) -> str:
        self.before("put", name)
        self.objects[name] = source if isinstance(source, bytes) else source.read_bytes()
        return self._version(self.objects[name])

    def remove(self, name: str) -> None:
        self.before("remove", name)
        self.objects.pop(name, None)

    def _create(self, name: str, data: bytes) -> bool:
        self.before("create", name)
        if name in self.objects:
            return False
        self.objects[name] = data
        return True

    @staticmethod
    def _version(data: bytes) -> str:
        return hashlib.md5(data, usedforsecurity=False).hexdigest()


class WatchedRemote(Remote):
    """Any store at a URL, whose every operation is told before it is done."""

    def __init__(self, url: str, before: Before) -> None:
        super().__init__(url)
        self.before = before

    def read(self, name: str) -> bytes | None:
        self.before("read", name)
        return super().read(name)

    def stat(self, name: str) -> Stat | None:
        self.before("stat", name)
        return super().stat(name)

    def names(self, folder: str) -> list[str]:
        self.before("names", folder)
        return super().names(folder)

    def sizes(self, folder: str) -> dict[str, int]:
        self.before("sizes", folder)
        return super().sizes(folder)

    def fetch(self, name: str, target: Path) -> bool:
        self.before("fetch", name)
        return super().fetch(name, target)

    def put(self, name: str, source: Path | bytes) -> str:
        self.before("put", name)
        return super().put(name, source)

    def remove(self, name: str) -> None:
        self.before("remove", name)
        super().remove(name)

    def _create(self, name: str, data: bytes) -> bool:
        self.before("create", name)
        return super()._create(name, data)
