from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_collector(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests name their collectors themselves."""
    for name in list(os.environ):
        if name.startswith("OPENLINEAGE_"):
            monkeypatch.delenv(name)
    folder: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
