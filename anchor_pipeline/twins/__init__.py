"""Generators of synthetic sources. A new one is one file here and one line in TWINS."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from anchor_pipeline.errors import UsageError
from anchor_pipeline.twins.base import TwinGenerator
from anchor_pipeline.twins.markov import Markov

TWINS: Mapping[str, TwinGenerator] = {generator.name: generator for generator in (Markov(),)}
"""Every generator by the name that `generate: {twin: …}` uses."""


def find_twin(name: str) -> TwinGenerator:
    """The generator of that name. Raises UsageError with the names there are."""
    if name not in TWINS:
        close = difflib.get_close_matches(name, TWINS, n=1)
        hint = f"did you mean `{close[0]}`? " if close else ""
        raise UsageError(f"there is no generator `{name}`; {hint}valid are {', '.join(sorted(TWINS))}")
    return TWINS[name]
