"""Controlled supply chain for training data: mixes that cannot be built, read or trusted unless every rule holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anchor_pipeline.mix.read import open_mix

__all__ = ["__version__", "open_mix"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Imported when asked for: it brings Arrow along, which the declaration and the command's help can do without.
    if name == "open_mix":
        from anchor_pipeline.mix.read import open_mix

        return open_mix
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
