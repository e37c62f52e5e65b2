"""Controlled supply chain for training data: mixes that cannot be built, read or trusted unless every rule holds."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["AnchorProject", "__version__", "definitions_for", "load_project", "open_mix"]

__version__ = "0.1.0"

# Their types are in __init__.pyi: an import here, even one for type checkers only, would tie every room to Dagster.
_HOMES = {
    "AnchorProject": "anchor_pipeline.orchestration.component",
    "definitions_for": "anchor_pipeline.orchestration.definitions",
    "load_project": "anchor_pipeline.project",
    "open_mix": "anchor_pipeline.mix.read",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: they bring Arrow or Dagster along, which the command's help can do without.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # `dg` looks through these names for components, and imports what is behind each. So the component is here, and
    # what would take a second to import is not.
    return sorted({*globals(), "AnchorProject", "load_project"})
