"""The OpenLineage run events of a step: START before it; COMPLETE, FAIL or ABORT after it.

https://openlineage.io/spec/2-0-2/OpenLineage.json; anchor_pipeline_tests/lineage/test_against_the_spec.py validates
every kind of event against it and against the schema of each facet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

from anchor_pipeline.lineage import facets
from anchor_pipeline.lineage.dataset_facets import Addresses
from anchor_pipeline.lineage.producer import PRODUCER
from anchor_pipeline.observer import Artefact, Intent, LedgerEntry, Outcome, RunRef

if TYPE_CHECKING:
    from anchor_pipeline.rules.finding import Finding

_STATES = {"complete": RunState.COMPLETE, "fail": RunState.FAIL, "abort": RunState.ABORT}


def opening(intent: Intent, entries: Sequence[LedgerEntry] = ()) -> list[RunEvent]:
    """The START event, with what is known before the step runs. `entries`: what the ledger holds of the run."""
    addresses = _addresses(intent.inputs)
    inputs = [facets.input_dataset(artefact, intent.project) for artefact in intent.inputs]
    outputs = [facets.output_dataset(artefact, intent.project, addresses, written=False) for artefact in intent.outputs]
    run = facets.run_facets(intent, entries=entries)
    return [_event(intent, intent.run, RunState.START, intent.at, run, inputs, outputs)]


def closing(intent: Intent, outcome: Outcome, root: str, entries: Sequence[LedgerEntry] = ()) -> list[RunEvent]:
    """The event that ends the run, then those of the checks on what it made. `root`: the store's folder, kept out."""
    addresses = _addresses((*outcome.inputs, *outcome.outputs))
    made = {artefact.name for artefact in outcome.outputs}
    known = {artefact.name for artefact in outcome.inputs}
    # A check reads what it checks, so that is an input, listed or not.
    others = [Artefact(name) for name in outcome.checks if name not in known | made]
    inputs = [
        facets.input_dataset(artefact, intent.project, outcome.checks.get(artefact.name, ()))
        for artefact in (*outcome.inputs, *others)
    ]
    outputs = [
        facets.output_dataset(artefact, intent.project, addresses, written=not outcome.reused)
        for artefact in outcome.outputs
    ]
    run = facets.run_facets(intent, outcome, root, entries)
    events = [_event(intent, intent.run, _STATES[outcome.state], outcome.at, run, inputs, outputs)]
    for artefact in outcome.outputs:
        if artefact.name in known:
            continue
        events += _check_run(intent, outcome, artefact, outcome.checks.get(artefact.name, ()))
    return events


def _addresses(artefacts: Iterable[Artefact]) -> Addresses:
    return {artefact.name: artefact.uri for artefact in artefacts}


def _check_run(intent: Intent, outcome: Outcome, artefact: Artefact, findings: Sequence[Finding]) -> list[RunEvent]:
    """A run of its own for checks on an output.

    dataQualityAssertions is a facet of inputs. To list the output as an input of the same run would say that it was
    made from itself; so its checks are a run within the step, which reads it and makes nothing.
    """
    if not findings:
        return []
    above = intent.run
    id = str(uuid5(UUID(above.id), artefact.name))
    run = RunRef(id, f"{artefact.name}/checks", above.namespace, above.root or above)
    inputs = [facets.input_dataset(artefact, intent.project, findings)]
    begin = facets.check_facets(intent, above, [])
    end = facets.check_facets(intent, above, findings)
    state = RunState.FAIL if any(finding.refuses for finding in findings) else RunState.COMPLETE
    return [
        _event(intent, run, RunState.START, outcome.at, begin, [facets.input_dataset(artefact, intent.project)], []),
        _event(intent, run, state, outcome.at, end, inputs, []),
    ]


def _event(
    intent: Intent,
    run: RunRef,
    state: RunState,
    at: datetime,
    run_facets: facets.RunFacets,
    inputs: Iterable[InputDataset],
    outputs: Iterable[OutputDataset],
) -> RunEvent:
    description = intent.description if run is intent.run else f"Checks on the outputs of {intent.run.job}"
    return RunEvent(
        eventType=state,
        eventTime=facets.timestamp(at),
        run=Run(runId=run.id, facets=run_facets),
        job=Job(namespace=run.namespace, name=run.job, facets=facets.job_facets(description, intent.code)),
        inputs=list(inputs),
        outputs=list(outputs),
        producer=PRODUCER,
    )
