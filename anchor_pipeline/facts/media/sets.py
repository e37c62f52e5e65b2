"""The fact sets of images, sounds and tables, and what must be installed for them."""

from __future__ import annotations

from importlib.util import find_spec

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.fact_sets import FactSet
from anchor_pipeline.facts.media.images import IMAGE
from anchor_pipeline.facts.media.sounds import AUDIO
from anchor_pipeline.facts.media.tables import TABLE

SETS = {facts.modality: facts for facts in (IMAGE, AUDIO, TABLE)}
"""The fact set of each modality."""

INSTALL = "pip install 'anchor-pipeline[media]'"


def media_sets(store: Store, cycle: str) -> list[FactSet]:
    """The sets of every cycle. Without Pillow those of sounds and tables alone: facts are kept, so images wait."""
    return [IMAGE, AUDIO, TABLE] if images_can_be_measured() else [AUDIO, TABLE]


def images_can_be_measured() -> bool:
    """Whether the extra `media` is installed."""
    return find_spec("PIL") is not None
