"""What a stage declares for each modality: which sources feed it, its target, the weights of its domains.

Weights hold within each modality. A domain that has sources, but none of a modality (a domain of images only),
is not asked for it: the other domains' weights are scaled up to fill its place. A domain without any source keeps
its weight in every modality, so that it is missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from anchor_pipeline.corpus.document import AMOUNT_SCALE
from anchor_pipeline.project import Project
from anchor_pipeline.project.models import Stage
from anchor_pipeline.project.source import Source


def feeding(project: Project, stage: str) -> dict[str, Source]:
    """The sources whose documents may enter the stage, by name, sorted."""
    domains = project.stages[stage].domains
    return {
        name: source
        for name, source in sorted(project.sources.items())
        if source.domain.column is not None or source.domain.name in domains
    }


def modalities_of(project: Project, stage: str, present: Iterable[str] = ()) -> list[str]:
    """The modalities the stage is judged in: those it must hold and those it does hold (`present`), sorted.

    A target for text alone is what a plain number stands for: it asks for whatever the stage's sources have.
    """
    declared = {name for name in AMOUNT_SCALE if getattr(project.stages[stage].tokens, name) is not None}
    if declared == {"text"}:
        sources = feeding(project, stage).values()
        named = {source.modality for source in sources if source.domain.name is not None}
        declared = set(named or present or {source.modality for source in sources} or {"text"})
    return sorted(declared | set(present))


def target_of(stage: Stage, modality: str) -> int | None:
    """Most that the stage takes of a modality, in units of the column `tokens`; None: it takes nothing of it."""
    target: int | None = getattr(stage.tokens, modality)
    others = (getattr(stage.tokens, name) for name in AMOUNT_SCALE if name != "text")
    if target is None and all(other is None for other in others):
        target = stage.tokens.text
    return None if target is None else target * AMOUNT_SCALE[modality]


def weights_of(project: Project, stage: str, modality: str) -> dict[str, Fraction]:
    """The declared share of each domain in the stage's tokens of one modality; they add up to 1 exactly."""
    weights = {name: part.weight for name, part in project.stages[stage].domains.items()}
    sources = feeding(project, stage).values()
    asked = {}
    for domain, weight in weights.items():
        own = {source.modality for source in sources if source.domain.name in (None, domain)}
        if modality in own or not own:
            asked[domain] = weight
    total = sum(asked.values(), Fraction(0))
    return {name: weight / total for name, weight in asked.items()} if total else asked
