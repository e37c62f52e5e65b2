"""`stage_tokens`: the mix is no larger than the stage's target and no smaller than its minimum, per modality."""

from __future__ import annotations

from anchor_pipeline.corpus.document import AMOUNT_SCALE
from anchor_pipeline.project.policy import RuleSetting
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.expected import modalities_of, target_of
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Comparator, Place
from anchor_pipeline.rules.shares import sums
from anchor_pipeline.rules.wording import amount, in_units, number

RULE = "stage_tokens"


def evaluate(evidence: Evidence) -> list[Finding]:
    """Amount drawn of each modality, against `tokens` and `min_tokens`."""
    declared = evidence.project.stages[evidence.stage]
    total = sums(evidence.cells)
    found = []
    for modality in modalities_of(evidence.project, evidence.stage, evidence.modalities):
        place = Place(RULE, evidence.stage, None, modality, RuleSetting())
        target, least = target_of(declared, modality), declared.min_tokens * AMOUNT_SCALE[modality]
        found.append(_judge(place, total[None, modality], target or 0, least))
    return found


def _judge(place: Place[RuleSetting], drawn: int, target: int, least: int) -> Finding:
    modality = place.modality or "text"
    if not drawn and not least:
        return place.nothing_drawn()
    message = f"The stage holds {amount(drawn, modality)}"
    comparator: Comparator = "between"
    required, shortfall = target, 0
    if drawn > target:
        comparator, shortfall = "<=", drawn - target
        message += (
            f", its target is {number(target, modality)}: draw {number(shortfall, modality)} fewer, or raise `tokens`"
        )
    elif drawn < least:
        comparator, required, shortfall = ">=", least, least - drawn
        message += f", at least {number(least, modality)} are declared: add {number(shortfall, modality)}"
        message += ", or lower `min_tokens`"
    else:
        message += f" of a target of {number(target, modality)}"
    return place.finding(
        "fail" if shortfall else "pass",
        message,
        observed=in_units(drawn, modality),
        required=in_units(required, modality),
        comparator=comparator,
        shortfall=in_units(shortfall, modality),
        evidence={"target": in_units(target, modality), "min_tokens": in_units(least, modality)},
    )
