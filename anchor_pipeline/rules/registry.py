"""All rules, in the order of their numbers. A new rule is one new file, and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import Project
from anchor_pipeline.rules import (
    anchor_drift,
    anchor_freshness,
    anchor_modality,
    anchor_purity,
    anchor_share,
    consent,
    conservation,
    diversity_band,
    domain_weights,
    entropy_band,
    eval_contamination,
    generator_diversity,
    licence,
    model_origin,
    near_duplicates,
    novelty_band,
    perceptual_novelty,
    provenance,
    repetition,
    sampling_plan,
    self_feeding,
    stage_tokens,
    synthetic_share,
)
from anchor_pipeline.rules.declared import blocks, is_off, relied_on
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding

Evaluate = Callable[[Evidence], list[Finding]]


@dataclass(frozen=True)
class Rule:
    """What a rule is called, why it is asked, and how it is judged."""

    name: str
    number: int | None
    """Its number among the 23; None for what a stage itself declares."""
    title: str
    why: str
    evaluate: Evaluate | None
    """None: its file is not yet there."""


_ALL = (
    Rule(
        "anchor_share", 1, "Anchor share",
        "Models fed on model output lose touch with the world unless enough human anchors enter every mix.",
        anchor_share.evaluate,
    ),
    Rule(
        "anchor_freshness", 2, "Anchor freshness",
        "Old anchors do not show how the world has changed, so enough of them must be recent.",
        anchor_freshness.evaluate,
    ),
    Rule(
        "anchor_modality", 3, "Anchors in every modality",
        "Anchors in text cannot reveal drift in images, sounds or tables.",
        anchor_modality.evaluate,
    ),
    Rule(
        "anchor_purity", 4, "Anchor purity",
        "An anchor that a model wrote, or that nobody vouches for, anchors nothing.",
        anchor_purity.evaluate,
    ),
    Rule(
        "synthetic_share", 5, "Synthetic share",
        "Beyond a share, synthetic text crowds out what only people write.",
        synthetic_share.evaluate,
    ),
    Rule(
        "generator_diversity", 6, "Generator diversity",
        "One generator's habits must not become the model's.",
        generator_diversity.evaluate,
    ),
    Rule(
        "self_feeding", 7, "Self-feeding",
        "Text that passes through the same generator again and again loses the rare and keeps the common.",
        self_feeding.evaluate,
    ),
    Rule(
        "entropy_band", 8, "Entropy band",
        "Text that frozen probes find too predictable, or too strange, is not like human text.",
        entropy_band.evaluate,
    ),
    Rule(
        "novelty_band", 9, "Novelty band",
        "A mix that repeats the last release teaches nothing new; one that shares nothing with it is suspect.",
        novelty_band.evaluate,
    ),
    Rule(
        "diversity_band", 10, "Diversity band",
        "A shrinking vocabulary is an early sign of collapse.",
        diversity_band.evaluate,
    ),
    Rule(
        "model_origin", 11, "Model origin",
        "Our own model's text hides in batches that are declared human.",
        model_origin.evaluate,
    ),
    Rule(
        "near_duplicates", 12, "Duplicates",
        "What occurs several times is learnt by heart and weighs more than declared.",
        near_duplicates.evaluate,
    ),
    Rule(
        "eval_contamination", 13, "Evaluation contamination",
        "A model that was trained on its examination shows nothing by passing it.",
        eval_contamination.evaluate,
    ),
    Rule(
        "provenance", 14, "Provenance",
        "What cannot be traced cannot be recalled, renewed or defended.",
        provenance.evaluate,
    ),
    Rule(
        "licence", 15, "Licence",
        "Training on what is not licensed for it is a liability that no later deletion undoes.",
        licence.evaluate,
    ),
    Rule(
        "consent", 16, "Consent",
        "First-party data belongs to people who agreed to certain uses of it.",
        consent.evaluate,
    ),
    Rule(
        "fidelity", 17, "Fidelity",
        "Synthetic data must resemble real data as closely as real data resembles itself.",
        None,
    ),
    Rule(
        "copy_check", 18, "Copies of people",
        "A twin that is a copy gives away the person behind it.",
        None,
    ),
    Rule(
        "membership", 18, "Membership",
        "Nobody may be able to tell from synthetic data who was in the real data.",
        None,
    ),
    Rule(
        "perceptual_novelty", 19, "Perceptual novelty",
        "A synthetic image, sound or table that cannot be told from an original is a copy.",
        perceptual_novelty.evaluate,
    ),
    Rule(
        "anchor_drift", 20, "Anchor drift",
        "A model that improves on its own stories while it gets worse on reality memorises itself.",
        anchor_drift.evaluate,
    ),
    Rule(
        "representation", 21, "Representation",
        "Groups that synthetic data forgets disappear from the model.",
        None,
    ),
    Rule(
        "conservation", 22, "Conservation",
        "A row that vanishes without a reason may have been the one that mattered.",
        conservation.evaluate,
    ),
    Rule(
        "sampling_plan", 23, "Sampling plan",
        "Anchors stay representative only if they are collected as planned.",
        sampling_plan.evaluate,
    ),
    Rule(
        "domain_weights", None, "Domain weights",
        "The stage declares how much of each domain it takes.",
        domain_weights.evaluate,
    ),
    Rule(
        "repetition", None, "Repetition",
        "The stage declares how often a document may occur, and takes only what the corpus kept.",
        repetition.evaluate,
    ),
    Rule(
        "stage_tokens", None, "Stage tokens",
        "The stage declares how large its mix is.",
        stage_tokens.evaluate,
    ),
)  # fmt: skip

REGISTRY: dict[str, Rule] = {rule.name: rule for rule in _ALL}
"""Every rule by name, in the order of their numbers, then what a stage itself declares."""

AVAILABLE: dict[str, Evaluate] = {rule.name: rule.evaluate for rule in _ALL if rule.evaluate is not None}
"""How to judge those rules that can be judged."""

NOT_AVAILABLE: tuple[str, ...] = tuple(rule.name for rule in _ALL if rule.evaluate is None)
"""Rules that may be declared, but not yet be judged."""


@dataclass(frozen=True)
class RuleEntry:
    """A rule as it is listed for a stage."""

    name: str
    number: int | None
    title: str
    why: str
    blocking: bool
    """Whether it keeps a mix from being released, somewhere in the stage."""


def rules_of_stage(project: Project, stage: str) -> list[RuleEntry]:
    """The rules that a verdict on the stage has findings of: all but those that are off everywhere."""
    return [
        RuleEntry(
            rule.name,
            rule.number,
            rule.title,
            rule.why,
            relied_on(project, stage, rule.name) if rule.evaluate is None else blocks(project, stage, rule.name),
        )
        for rule in _ALL
        if not is_off(project, stage, rule.name)
    ]


def find_rule(name: str) -> Rule:
    """The rule of that name; UsageError lists the valid ones."""
    if name not in REGISTRY:
        raise UsageError(f"there is no rule `{name}`; rules are {', '.join(REGISTRY)}")
    return REGISTRY[name]
