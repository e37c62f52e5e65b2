"""Which checks the selection of a stage has: every rule that is not off everywhere, and whether it blocks."""

from __future__ import annotations

from dataclasses import dataclass

from anchor_pipeline.project import Project
from anchor_pipeline.project.policy import RULES
from anchor_pipeline.rules.registry import REGISTRY


@dataclass(frozen=True)
class RuleCheck:
    """A rule as a check of one stage."""

    name: str
    description: str
    blocking: bool
    """Whether it may block somewhere: its results say by their severity whether they do."""


def rule_checks(project: Project, stage: str) -> list[RuleCheck]:
    """The checks of a stage's selection, in the order of the rules."""
    checks = []
    for rule in REGISTRY.values():
        text = f"{rule.title}. {rule.why}"
        if rule.name not in RULES:
            checks.append(RuleCheck(rule.name, text, blocking=True))
            continue
        places = (None, *project.stages[stage].domains)
        settings = [project.setting(rule.name, stage=stage, domain=domain) for domain in places]
        held = [setting for setting in settings if not setting.off]
        if held:
            checks.append(RuleCheck(rule.name, text, any(setting.severity == "block" for setting in held)))
    return checks
