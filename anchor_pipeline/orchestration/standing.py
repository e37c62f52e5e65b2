"""The verdict that stands: stored, and on exactly what declaration and store hold now."""

from __future__ import annotations

from anchor_pipeline import steps
from anchor_pipeline.errors import Refused
from anchor_pipeline.mix.select import selection_inputs
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.rules.verdict import Verdict, facts_digest, policy_digest


def standing_verdict(place: steps.Workplace, stage: str, cycle: Cycle) -> Verdict:
    """The verdict whose findings may be shown as those of the present selection.

    Refused if there is none, or if selection or verdict are of another corpus, policy or probes; DamagedData if the
    corpus was never assembled.
    """
    corpus = steps.current_corpus(place, cycle)
    selection = steps.current_selection(place, stage, cycle)
    verdict = steps.current_verdict(place, stage, cycle)
    judged = verdict.digests
    now = (policy_digest(place.project, stage), corpus.digest, facts_digest(place.store, cycle.key))
    current = selection.inputs == selection_inputs(place.project, stage, cycle, corpus)
    if not current or (judged.policy, judged.corpus, judged.facts) != now:
        raise Refused(
            f"declaration, corpus or the models in use have changed since {stage} was selected for {cycle.key}; "
            f"build selection/{stage} again"
        )
    return verdict
