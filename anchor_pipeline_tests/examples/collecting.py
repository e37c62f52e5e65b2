"""The demo's collect.py as a module; it is a script and in no package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

PATH = Path(__file__).resolve().parents[2] / "examples" / "demo" / "collect.py"


def load_collect() -> ModuleType:
    """A fresh copy of it."""
    spec = importlib.util.spec_from_file_location("collect", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
