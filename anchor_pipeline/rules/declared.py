"""What a project declares of a rule for one stage: where it is off, and whether it blocks."""

from __future__ import annotations

from anchor_pipeline.project import Project
from anchor_pipeline.project.policy import RULES, EvalContamination, RuleSetting
from anchor_pipeline.rules.expected import feeding

_ONCE_CALIBRATED = frozenset(
    ("entropy_band", "novelty_band", "diversity_band", "model_origin", "perceptual_novelty", "anchor_drift")
)
"""Rules that warn as long as they have nothing to judge by, and block where they have."""


def settings_of(project: Project, stage: str, rule: str) -> dict[str | None, RuleSetting]:
    """The settings of a rule for the stage (None) and each of its domains. What is no declared rule blocks."""
    if rule not in RULES:
        return {None: RuleSetting()}
    scopes = (None, *project.stages[stage].domains)
    return {domain: project.setting(rule, stage=stage, domain=domain) for domain in scopes}


def is_off(project: Project, stage: str, rule: str) -> bool:
    """Whether a rule is off for the stage and all its domains."""
    return all(setting.off for setting in settings_of(project, stage, rule).values())


def blocks(project: Project, stage: str, rule: str) -> bool:
    """Whether a rule blocks somewhere in the stage."""
    settings = settings_of(project, stage, rule).values()
    return any(
        setting.severity == "block" and not setting.off and _asks(project, stage, setting) for setting in settings
    )


def blocks_once_calibrated(project: Project, stage: str, rule: str) -> bool:
    """Whether a rule that only warns now will block somewhere in the stage when it has something to judge by."""
    settings = settings_of(project, stage, rule).values()
    left_open = any("severity" not in setting.model_fields_set and not setting.off for setting in settings)
    return rule in _ONCE_CALIBRATED and left_open


def _asks(project: Project, stage: str, setting: RuleSetting) -> bool:
    """Whether there is anything to judge by: evaluation sets have to be named, or documents held out."""
    if not isinstance(setting, EvalContamination) or "severity" in setting.model_fields_set or setting.sets:
        return True
    return any(source.hold_out for source in feeding(project, stage).values())


def relied_on(project: Project, stage: str, rule: str) -> bool:
    """Whether the project itself asks for a rule to block, and it is not merely the default."""
    return any(_relies(setting) for setting in settings_of(project, stage, rule).values())


def _relies(setting: RuleSetting) -> bool:
    if setting.off or setting.severity != "block":
        return False
    # Whoever names evaluation sets counts on their being kept out.
    names_sets = isinstance(setting, EvalContamination) and bool(setting.sets)
    return "severity" in setting.model_fields_set or names_sets
