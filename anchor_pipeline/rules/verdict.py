"""The verdict: all findings for one selection, bound by digest to policy, selection, corpus and previous release.

Fails closed: a rule that is off, not yet available or broken is said to be so and is never counted as passed.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from anchor_pipeline.corpus.snapshot import canonical_digest, canonical_json
from anchor_pipeline.project.policy import RULES, RuleSetting
from anchor_pipeline.rules.declared import is_off, relied_on, settings_of
from anchor_pipeline.rules.digests import facts_digest, policy_digest, selection_digest
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place
from anchor_pipeline.rules.registry import AVAILABLE, NOT_AVAILABLE, REGISTRY, Evaluate

__all__ = ["Digests", "Off", "RuleCounts", "Verdict", "facts_digest", "judge", "policy_digest", "selection_digest"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Off(_Record):
    """A rule that is declared off."""

    rule: str
    where: Literal["everywhere", "stage", "domain"]
    """`everywhere`: for the stage and all its domains; `stage`: for the stage as a whole, not all its domains."""
    domain: str | None = None


class RuleCounts(_Record):
    """What became of every rule."""

    declared: tuple[str, ...]
    """The rules a project may declare."""
    evaluated: tuple[str, ...]
    """Those that passed or failed somewhere, and those a stage itself declares."""
    off: tuple[Off, ...]
    not_available: tuple[str, ...]


class Digests(_Record):
    """What the verdict is about, SHA-256, hexadecimal."""

    policy: str
    selection: str
    corpus: str
    facts: str
    """Of what the facts were measured by: fact sets, probes, bands, detectors."""
    previous_release: str | None


class Verdict(_Record):
    """Whether a selection may be released."""

    format: Literal[1] = 1
    project: str
    stage: str
    cycle: str
    as_of: str
    """ISO 8601, UTC."""
    status: Literal["pass", "fail"]
    findings: tuple[Finding, ...]
    rules: RuleCounts
    digests: Digests

    @property
    def digest(self) -> str:
        """SHA-256, hexadecimal, of the canonical JSON."""
        return canonical_digest(self.model_dump(mode="json"))

    @property
    def json_bytes(self) -> bytes:
        """The canonical JSON."""
        return canonical_json(self.model_dump(mode="json"))


def judge(evidence: Evidence, *, policy: str | None = None, previous_release: str | None = None) -> Verdict:
    """Evaluate every rule for one selection.

    `policy` is the policy's digest if it is known; `previous_release` the digest of the release before this one.
    DamagedData if the selection cannot be read.
    """
    project, stage = evidence.project, evidence.stage
    digests = Digests(
        policy=policy or policy_digest(project, stage),
        selection=selection_digest(evidence.selection),
        corpus=evidence.corpus.digest,
        facts=facts_digest(evidence.store, evidence.cycle.key),
        previous_release=previous_release,
    )
    off = _off(evidence)
    silent = {entry.rule for entry in off if entry.where == "everywhere"}
    missing = tuple(name for name in NOT_AVAILABLE if name not in silent)
    findings = [_not_available(evidence, name) for name in missing]
    for name, evaluate in AVAILABLE.items():
        if name not in silent:
            findings += _evaluate(evidence, name, evaluate)
    findings.sort(key=_order)
    judged = {finding.rule for finding in findings if finding.status != "insufficient"}
    evaluated = tuple(name for name in REGISTRY if name in judged)
    nothing = not any(name in RULES for name in evaluated)
    return Verdict(
        project=project.project,
        stage=stage,
        cycle=evidence.cycle.key,
        as_of=evidence.cycle.as_of.isoformat(),
        status="fail" if nothing or any(finding.refuses for finding in findings) else "pass",
        findings=tuple(findings),
        rules=RuleCounts(declared=tuple(RULES), evaluated=evaluated, off=tuple(off), not_available=missing),
        digests=digests,
    )


def _order(finding: Finding) -> tuple[int, str, str, str, str]:
    place = list(REGISTRY).index(finding.rule) if finding.rule in REGISTRY else len(REGISTRY)
    return (place, finding.domain or "", finding.modality or "", finding.comparator, finding.message)


def _off(evidence: Evidence) -> list[Off]:
    """Where which rule is off, in the order of their numbers."""
    found = []
    for rule in RULES:
        if is_off(evidence.project, evidence.stage, rule):
            found.append(Off(rule=rule, where="everywhere"))
            continue
        for domain, setting in settings_of(evidence.project, evidence.stage, rule).items():
            if setting.off:
                found.append(Off(rule=rule, where="domain" if domain else "stage", domain=domain))
    return found


def _evaluate(evidence: Evidence, name: str, evaluate: Evaluate) -> list[Finding]:
    """The findings of a rule; one blocking `insufficient` if it breaks or says nothing."""
    place = Place(name, evidence.stage, None, None, RuleSetting(severity="block"))
    try:
        found = evaluate(evidence)
    except Exception as error:
        # Whatever went wrong, the rule was not judged, and that must not let the mix through.
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        message = f"Rule {name} could not be evaluated ({reason}): the pipeline or stored data are at fault; report it"
        return [place.finding("insufficient", message, evidence={"error": reason})]
    if not found:
        return [
            place.finding(
                "insufficient", f"Rule {name} found nothing that it could judge: declare it `off`, or report it"
            )
        ]
    return found


def _not_available(evidence: Evidence, name: str) -> Finding:
    """Warns, unless the project itself relies on the rule: then it blocks."""
    relies = relied_on(evidence.project, evidence.stage, name)
    place = Place(name, evidence.stage, None, None, RuleSetting(severity="block" if relies else "warn"))
    message = f"Rule {name} is not yet available, so it was not judged"
    if relies:
        message += f"; the project declares it blocking: declare `{name}: off`, or `severity: warn`, to do without it"
    return place.finding("insufficient", message)
