"""Where a rule is judged: the whole stage or one of its domains, one modality or all, and the setting there.

A rule may be off for the stage and on in a domain, or the other way round; each place is asked for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

import polars as pl

from anchor_pipeline.project.policy import RuleSetting
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.expected import modalities_of, weights_of
from anchor_pipeline.rules.finding import Finding, Status

S = TypeVar("S", bound=RuleSetting)
S_co = TypeVar("S_co", bound=RuleSetting, covariant=True)
Comparator = Literal[">=", "<=", "==", "between", ""]


@dataclass(frozen=True)
class Place(Generic[S_co]):
    """One place of one rule."""

    rule: str
    stage: str
    domain: str | None
    """None: the whole stage."""
    modality: str | None
    setting: S_co
    expected: bool = True
    """Whether something must have been drawn here; a domain whose weight is within the tolerance may be empty."""

    @property
    def name(self) -> str:
        """As messages call it."""
        return "the stage" if self.domain is None else f"`{self.domain}`"

    @property
    def subject(self) -> str:
        """The same, at the start of a sentence."""
        return "The stage" if self.domain is None else self.name

    def finding(
        self,
        status: Status,
        message: str,
        *,
        observed: float | None = None,
        required: float | None = None,
        comparator: Comparator = "",
        shortfall: float | None = None,
        evidence: dict[str, Any] | None = None,
    ) -> Finding:
        """A finding about this place."""
        return Finding(
            rule=self.rule,
            stage=self.stage,
            domain=self.domain,
            modality=self.modality,
            status=status,
            severity=self.setting.severity,
            observed=observed,
            required=required,
            comparator=comparator,
            shortfall=shortfall,
            message=message,
            evidence=evidence or {},
        )

    def nothing_drawn(self) -> Finding:
        """The finding where no token was drawn: no evidence, unless the declared weight allows it."""
        kind = f" of modality {self.modality}" if self.modality else ""
        if self.expected:
            return self.finding(
                "insufficient",
                f"Nothing{kind} is selected for {self.name}, so there is nothing to judge: add documents, see"
                " domain_weights and stage_tokens for how many",
            )
        return self.finding("pass", f"Nothing{kind} is selected for {self.name}, which its declared weight allows")


def once_calibrated(place: Place[S]) -> Place[S]:
    """The place of a calibrated rule that has something to judge by: it blocks, unless the project says otherwise."""
    if "severity" in place.setting.model_fields_set:
        return place
    return replace(place, setting=place.setting.model_copy(update={"severity": "block"}))


def setting_at(evidence: Evidence, rule: str, kind: type[S], domain: str | None) -> S:
    """The setting of a rule for the stage (None) or one domain in it."""
    setting = evidence.project.setting(rule, stage=evidence.stage, domain=domain)
    if not isinstance(setting, kind):
        raise TypeError(f"rule {rule} has settings of type {type(setting).__name__}, expected {kind.__name__}")
    return setting


def whole_stage(evidence: Evidence, rule: str, kind: type[S], modality: str | None = None) -> Place[S]:
    """The stage as one place, whether the rule is on there or not."""
    return Place(rule, evidence.stage, None, modality, setting_at(evidence, rule, kind, None))


def not_taken(evidence: Evidence, rule: str, kind: type[RuleSetting], *modalities: str) -> list[Finding]:
    """A pass for a stage that takes nothing of the modalities a rule is about; [] if it takes any of them."""
    taken = modalities_of(evidence.project, evidence.stage, evidence.modalities)
    if set(modalities) & set(taken):
        return []
    message = f"The stage takes no {' or '.join(modalities)}, which is what this rule is about"
    return [whole_stage(evidence, rule, kind).finding("pass", message)]


def share_places(evidence: Evidence, rule: str, kind: type[S]) -> Iterator[Place[S]]:
    """The stage and each domain where a share rule is on, per modality."""
    project, stage = evidence.project, evidence.stage
    declared = project.stages[stage]
    drawn = set(evidence.cells.select("domain", "modality").unique().iter_rows())
    settings = {domain: setting_at(evidence, rule, kind, domain) for domain in (None, *declared.domains)}
    for modality in modalities_of(project, stage, evidence.modalities):
        weights = weights_of(project, stage, modality)
        for domain, setting in settings.items():
            if setting.off or (domain is not None and domain not in weights and (domain, modality) not in drawn):
                continue
            # Without any draw at all, even a domain that might be empty has not been judged.
            expected = domain is None or not drawn or weights.get(domain, 0) > declared.tolerance
            yield Place(rule, stage, domain, modality, setting, expected)


def stage_places(evidence: Evidence, rule: str, kind: type[S]) -> Iterator[Place[S]]:
    """The stage, and those domains that declare the rule for themselves, where it is on; per modality.

    For rules that ask for variety in the whole: a domain need not have all of it unless it says so.
    """
    for place in share_places(evidence, rule, kind):
        if place.domain is None:
            yield place
            continue
        own = evidence.project.domains[place.domain].rules
        here = evidence.project.stages[evidence.stage].domains[place.domain].rules
        if getattr(own, rule) is not None or getattr(here, rule) is not None:
            yield place


def document_places(evidence: Evidence, rule: str, kind: type[S], *, by_modality: bool = False) -> Iterator[Place[S]]:
    """The domains where a rule about single documents is on; all modalities together, or each for itself.

    Documents of domains that the stage does not declare are judged by the stage's own setting: a place with
    `domain` None stands for them alone.
    """
    declared = evidence.project.stages[evidence.stage].domains
    cells = evidence.cells.filter(~pl.col("domain").is_in(list(declared)))
    strangers = set(cells["modality"].to_list())
    seen: set[str | None] = set()
    for place in share_places(evidence, rule, kind):
        if place.domain is None and place.modality not in strangers:
            continue
        if by_modality:
            yield place
        elif place.domain not in seen:
            seen.add(place.domain)
            yield replace(place, modality=None)


def home(evidence: Evidence, domain: str) -> str | None:
    """The place that judges documents of `domain`: itself, or None if the stage does not declare it."""
    return domain if domain in evidence.project.stages[evidence.stage].domains else None
