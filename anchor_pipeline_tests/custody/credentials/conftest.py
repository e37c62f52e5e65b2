"""One authority for all tests: keys cost time."""

from __future__ import annotations

from pathlib import Path

import pytest

from anchor_pipeline_tests.custody.credentials.place import Place, key_folder


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return key_folder(tmp_path_factory.mktemp("keys") / "keys")


@pytest.fixture
def place(tmp_path: Path, keys: Path) -> Place:
    return Place(tmp_path / "project", keys)
