"""What each check asks, in words: the rule with the numbers that this stage and its domains declare.

Plain functions on the declaration; nothing here knows of Dagster.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from anchor_pipeline.corpus.document import AMOUNT_SCALE, AMOUNT_UNITS
from anchor_pipeline.project import Project
from anchor_pipeline.project.models import Stage
from anchor_pipeline.project.policy import RuleSetting
from anchor_pipeline.rules.declared import blocks_once_calibrated, settings_of
from anchor_pipeline.rules.registry import NOT_AVAILABLE, RuleEntry
from anchor_pipeline.rules.wording import count, names, percent

_LATER = "Advisory until calibrated; blocks from then on (through the check `verdict` and the release)."
_MOST_DOMAINS = 8
"""Domains spelled out in a description; the verdict's table has all of them."""


def description(project: Project, stage: str, entry: RuleEntry) -> str:
    """What the check of a rule asks and why; it begins with whether it blocks."""
    parts = [_weight(project, stage, entry), _asked(project, stage, entry), entry.why]
    if entry.name in NOT_AVAILABLE:
        parts.append("Not yet available: until it can be judged, its status is `insufficient`, never passed.")
    return " ".join(parts)


def _weight(project: Project, stage: str, entry: RuleEntry) -> str:
    if not entry.blocking:
        return _LATER if blocks_once_calibrated(project, stage, entry.name) else "Advisory."
    settings = settings_of(project, stage, entry.name)
    milder = [domain for domain, one in settings.items() if one.severity != "block" and not one.off]
    if not milder or entry.name in NOT_AVAILABLE:
        return "Blocking."
    where = [f"`{domain}`" if domain else "the stage as a whole" for domain in milder[:_MOST_DOMAINS]]
    return f"Blocking, but advisory in {', '.join(where)}."


def _asked(project: Project, stage: str, entry: RuleEntry) -> str:
    """The rule's sentence for the stage, and for the domains that differ."""
    if entry.name in _STAGE:
        return f"{_STAGE[entry.name](project.stages[stage])}."
    settings = settings_of(project, stage, entry.name)
    said = {domain: _clause(project, entry, domain, setting) for domain, setting in settings.items()}
    whole = said.pop(None)
    other = [domain for domain, text in said.items() if text != whole]
    listed = [
        f"`{domain}`: {_difference(project, entry, domain, settings[domain], said[domain])}"
        for domain in other[:_MOST_DOMAINS]
    ]
    more = [f"{len(other) - len(listed)} more domains differ"] if len(other) > len(listed) else []
    sentence = f"{entry.title}: {whole}" if whole != "off" else f"{entry.title}: off for the stage as a whole"
    return "; ".join([sentence, *listed, *more]) + "."


def _clause(project: Project, entry: RuleEntry, domain: str | None, setting: RuleSetting) -> str:
    if setting.off:
        return "off"
    if entry.name == "anchor_freshness":
        return _fresh(project, domain, setting)
    words = _NUMBERS.get(entry.name)
    return words(setting) if words else _first_line(setting, entry.title)


def _difference(project: Project, entry: RuleEntry, domain: str | None, setting: Any, clause: str) -> str:
    """The numbers alone, where the sentence is the same."""
    if setting.off:
        return "off"
    if entry.name == "anchor_freshness":
        return f"at least {percent(setting.min)} within {_window(project, domain, setting)}"
    if entry.name == "anchor_share":
        return f"at least {percent(setting.min)}"
    return f"at most {percent(setting.max)}" if entry.name == "synthetic_share" and setting.unknown_counts else clause


def _fresh(project: Project, domain: str | None, setting: Any) -> str:
    window = _window(project, domain, setting)
    within = f"{window} before the end of the cycle" if window else "the fresh window of their domain"
    return f"at least {percent(setting.min)} of the anchor tokens were collected within {within}"


def _window(project: Project, domain: str | None, setting: Any) -> str:
    window = setting.window or (project.domains[domain].window if domain in project.domains else "")
    return str(window)


def _first_line(setting: RuleSetting, otherwise: str) -> str:
    """What the declaration's documentation says the rule is."""
    text = (inspect.getdoc(type(setting)) or otherwise).splitlines()[0]
    return re.sub(r"^Rule \d+: ", "", text).rstrip(".")


def _diversity(setting: Any) -> str:
    said = f"at most {percent(setting.max_family_share)} of the synthetic tokens are of one generator family"
    if setting.min_effective > 1:
        said += f", and they come from effectively {float(setting.min_effective):g} generators or more"
    return said


def _licences(setting: Any) -> str:
    allowed = "any valid SPDX expression" if setting.allow is None else names(setting.allow, most=8)
    return f"every document is licensed for training on the day the cycle ends ({allowed})"


_NUMBERS: dict[str, Callable[[Any], str]] = {
    "anchor_share": lambda one: f"at least {percent(one.min)} of the tokens are of anchors",
    "anchor_modality": lambda one: "every modality of the mix has anchors",
    "anchor_purity": lambda one: (
        "anchors are human and signed off by a steward"
        + (f", and not by {one.trained_model}, the model being trained" if one.trained_model else "")
    ),
    "synthetic_share": lambda one: (
        f"at most {percent(one.max)} of the tokens are synthetic"
        + (", unknown authorship counted in" if one.unknown_counts else ", unknown authorship not counted")
    ),
    "generator_diversity": _diversity,
    "self_feeding": lambda one: (
        f"no ancestry passes twice through one generator, and it has at most {count(one.max_depth, 'generation')}"
    ),
    "model_origin": lambda one: f"at most {percent(one.max)} of any 200 human documents is text of our own model",
    "near_duplicates": lambda one: f"at most {percent(one.max)} of the tokens repeat another document of the mix",
    "eval_contamination": lambda one: f"nothing of {names(one.sets) if one.sets else 'evaluation sets'} enters",
    "licence": _licences,
    "consent": lambda one: f"first-party data has a basis, is scrubbed, and is of {one.max_risk} risk at most",
}


def _weights(stage: Stage) -> str:
    shares = [f"`{name}` {percent(part.weight)}" for name, part in list(stage.domains.items())[:_MOST_DOMAINS]]
    more = f" and {len(stage.domains) - len(shares)} more" if len(stage.domains) > len(shares) else ""
    return f"Domain weights: {', '.join(shares)}{more}, each ± {percent(Fraction(stage.tolerance))}"


def _repeats(stage: Stage) -> str:
    each = ", ".join(f"{kind} {most}" for kind, most in stage.repeat.model_dump().items())
    return f"Repetition: a document occurs at most so many times: {each}; and it is one the corpus kept"


def _sizes(stage: Stage) -> str:
    amounts = {name: getattr(stage.tokens, name) for name in AMOUNT_SCALE}
    most = [f"{n:,} {AMOUNT_UNITS[name]} of {name}" for name, n in amounts.items() if n is not None]
    return f"Stage tokens: at most {', '.join(most)}; at least {stage.min_tokens:,} of each modality"


_STAGE: dict[str, Callable[[Stage], str]] = {
    "domain_weights": _weights,
    "repetition": _repeats,
    "stage_tokens": _sizes,
}
"""What a stage itself declares."""
