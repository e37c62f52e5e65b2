"""From the declaration to the planner's terms: which modalities a stage has, and the limits of each."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from typing import cast

from anchor_pipeline.corpus.document import AMOUNT_SCALE
from anchor_pipeline.mix.cells import Limits, Scope
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.project.policy import (
    AnchorFreshness,
    GeneratorDiversity,
    RuleSetting,
    SyntheticShare,
)
from anchor_pipeline.project.source import Source


def feeding_sources(project: Project, stage: str) -> dict[str, Source]:
    """Sources whose documents may fall into the stage's domains, by name."""
    domains = project.stages[stage].domains
    return {
        name: source
        for name, source in project.sources.items()
        if source.domain.column is not None or source.domain.name in domains
    }


def stage_modalities(project: Project, stage: str) -> list[str]:
    """Modalities of the stage, in alphabetical order: those of its sources; text if it has none."""
    return sorted({source.modality for source in feeding_sources(project, stage).values()}) or ["text"]


def stage_target(project: Project, stage: str, modality: str) -> int:
    """Target of a modality in the unit of the column `tokens` (sounds: milliseconds)."""
    tokens = project.stages[stage].tokens
    declared = getattr(tokens, modality)
    # A plain number is kept as `text` and holds for every modality.
    only_text = tokens.image is tokens.audio is tokens.table is None
    amount = tokens.text if declared is None and only_text else declared
    return (amount or 0) * AMOUNT_SCALE[modality]


def stage_weights(project: Project, stage: str, modality: str) -> dict[str, Fraction]:
    """Weights of the domains that have sources of this modality, made to add up to 1 again.

    A domain without any source stays in, so that its absence is refused and not overlooked.
    """
    sources = feeding_sources(project, stage).values()
    weights = {}
    for name, part in project.stages[stage].domains.items():
        own = {source.modality for source in sources if source.domain.column is not None or source.domain.name == name}
        if modality in own or not own:
            weights[name] = part.weight
    total = sum(weights.values(), Fraction(0))
    return {name: weight / total for name, weight in weights.items()} if total else {}


def fresh_since(project: Project, stage: str, cycle: Cycle) -> dict[str, datetime]:
    """Per domain of the stage: anchors collected at this moment or later are fresh."""
    since = {}
    for domain in project.stages[stage].domains:
        setting = cast(AnchorFreshness, project.setting("anchor_freshness", stage=stage, domain=domain))
        since[domain] = (setting.window or project.domains[domain].window).before(cycle.as_of)
    return since


def unknown_counts(project: Project, stage: str) -> dict[str, bool]:
    """Per domain of the stage: whether unknown authorship counts as synthetic."""
    return {
        domain: cast(SyntheticShare, project.setting("synthetic_share", stage=stage, domain=domain)).unknown_counts
        for domain in project.stages[stage].domains
    }


def stage_limits(project: Project, stage: str, modality: str, *, advisory: bool) -> Limits:
    """Limits of one modality of a stage; rules that only warn are left out unless `advisory`."""
    declared = project.stages[stage]
    weights = stage_weights(project, stage, modality)
    scopes: list[Scope] = [None, *weights]

    def held(rule: str, scope: Scope = None) -> RuleSetting | None:
        setting = project.setting(rule, stage=stage, domain=scope)
        return None if setting.off or (setting.severity == "warn" and not advisory) else setting

    def by_scope(rule: str, attribute: str) -> dict[Scope, Fraction]:
        settings = {scope: held(rule, scope) for scope in scopes}
        return {scope: getattr(setting, attribute) for scope, setting in settings.items() if setting is not None}

    diversity = cast(GeneratorDiversity | None, held("generator_diversity"))
    return Limits(
        target=stage_target(project, stage, modality),
        minimum=max(1, declared.min_tokens * AMOUNT_SCALE[modality]),
        weights=weights,
        tolerance=declared.tolerance,
        anchor_share=by_scope("anchor_share", "min"),
        anchor_freshness=by_scope("anchor_freshness", "min"),
        anchor_modality=held("anchor_modality") is not None,
        synthetic_share=by_scope("synthetic_share", "max"),
        max_family_share=diversity.max_family_share if diversity else None,
        min_effective=float(diversity.min_effective) if diversity else None,
    )


def has_advisory(project: Project, stage: str, modality: str) -> bool:
    """Whether some limit of the stage only warns."""
    return stage_limits(project, stage, modality, advisory=True) != stage_limits(
        project, stage, modality, advisory=False
    )
