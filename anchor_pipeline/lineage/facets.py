"""Facets: what an event says of its run, its job and its datasets as they are read and written.

https://openlineage.io/docs/spec/facets. Each carries the address of the schema version it follows, taken from
openlineage-python's generated classes; what the standard has no words for is in own_facets.py.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from openlineage.client.constants import __version__ as client_version
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    InputDatasetFacet,
    JobFacet,
    OutputDatasetFacet,
    RunFacet,
    data_quality_assertions_dataset,
    documentation_job,
    error_message_run,
    input_statistics_input_dataset,
    job_type_job,
    lifecycle_state_change_dataset,
    nominal_time_run,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    source_code_location_job,
    tags_run,
    test_run,
)

from anchor_pipeline.errors import AnchorError, Refused
from anchor_pipeline.lineage.dataset_facets import Addresses, dataset_facets, origin_facets
from anchor_pipeline.lineage.naming import dataset_of, without_secrets
from anchor_pipeline.lineage.own_facets import own_run_facets
from anchor_pipeline.lineage.producer import PRODUCER
from anchor_pipeline.observer import Artefact, CodeLocation, Intent, LedgerEntry, Outcome, RunRef

if TYPE_CHECKING:
    from anchor_pipeline.rules.finding import Finding

RunFacets = dict[str, RunFacet]

_LONGEST_MESSAGE = 8_000


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def input_dataset(artefact: Artefact, project: str, findings: Sequence[Finding] = ()) -> InputDataset:
    """A dataset that was read, and what checks said of it."""
    facets: dict[str, InputDatasetFacet] = {}
    counts = (artefact.rows, artefact.bytes, artefact.files)
    if any(count is not None for count in counts):
        facets["inputStatistics"] = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
            *counts, producer=PRODUCER
        )
    if findings:
        facets["dataQualityAssertions"] = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            assertions=[_assertion(finding) for finding in findings], producer=PRODUCER
        )
    namespace, name = dataset_of(artefact.name, artefact.uri, project)
    return InputDataset(namespace, name, facets=dataset_facets(artefact, project), inputFacets=facets)


def output_dataset(artefact: Artefact, project: str, addresses: Addresses, *, written: bool) -> OutputDataset:
    """A dataset that was written; or is planned, or was there already: then nothing is said of writing."""
    facets: dict[str, OutputDatasetFacet] = {}
    common = {**dataset_facets(artefact, project), **origin_facets(artefact, project, addresses)}
    counts = (artefact.rows, artefact.bytes, artefact.files)
    if written and any(count is not None for count in counts):
        facets["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            *counts, producer=PRODUCER
        )
    if written and artefact.change is not None:
        change = lifecycle_state_change_dataset.LifecycleStateChange(artefact.change)
        common["lifecycleStateChange"] = lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet(
            change, producer=PRODUCER
        )
    namespace, name = dataset_of(artefact.name, artefact.uri, project)
    return OutputDataset(namespace, name, facets=common, outputFacets=facets)


def _assertion(finding: Finding) -> data_quality_assertions_dataset.Assertion:
    where = ", ".join(filter(None, (finding.domain, finding.modality)))
    params = {
        "stage": finding.stage,
        "domain": finding.domain,
        "modality": finding.modality,
        "status": finding.status,
        "shortfall": _spelt(finding.shortfall),
        "message": without_secrets(finding.message),
    }
    required = _spelt(finding.required)
    return data_quality_assertions_dataset.Assertion(
        assertion=finding.rule,
        name=f"{finding.rule} [{where}]" if where else finding.rule,
        # Insufficient evidence is no success; params.status tells it from a failure.
        success=finding.status == "pass",
        severity="error" if finding.severity == "block" else "warn",
        expected=f"{finding.comparator} {required}".strip() if required is not None else None,
        actual=_spelt(finding.observed),
        params={key: value for key, value in params.items() if value is not None},
    )


def _tests(findings: Sequence[Finding]) -> RunFacets:
    if not findings:
        return {}
    # Insufficient evidence was looked for and not found: nothing was executed that could pass or fail.
    statuses = {"pass": "pass", "fail": "fail", "insufficient": "skip"}
    tests = []
    for finding in findings:
        said = _assertion(finding)
        tests.append(
            test_run.TestExecution(
                name=said.name or said.assertion,
                status=statuses[finding.status],
                severity=said.severity,
                type=said.assertion,
                expected=said.expected,
                actual=said.actual,
                params=said.params,
            )
        )
    return {"test": test_run.TestRunFacet(tests, producer=PRODUCER)}


def _spelt(amount: float | None) -> str | None:
    return None if amount is None else repr(amount)


def job_facets(description: str | None, code: CodeLocation | None = None) -> dict[str, JobFacet]:
    """What kind of job a step is, what it is for, and which commit declares it."""
    # An end repeats what its START said, but inputs that it does not name were inputs all the same.
    emission = job_type_job.EmissionPattern("EVENT_BASED", "ACCUMULATIVE")
    facets: dict[str, JobFacet] = {
        "jobType": job_type_job.JobTypeJobFacet("BATCH", "ANCHOR_PIPELINE", "STEP", emission, producer=PRODUCER)
    }
    if description:
        facets["documentation"] = documentation_job.DocumentationJobFacet(
            without_secrets(description), "text/plain", producer=PRODUCER
        )
    if code is not None:
        facets["sourceCodeLocation"] = source_code_location_job.SourceCodeLocationJobFacet(
            type="git", url=code.url, repoUrl=code.url, path=code.path, version=code.commit, producer=PRODUCER
        )
    return facets


def run_facets(
    intent: Intent, outcome: Outcome | None = None, root: str = "", entries: Sequence[LedgerEntry] = ()
) -> RunFacets:
    """Engine, cycle, parent and ledger entries of a run, and once it is over its tests and what went wrong."""
    facets = {**_common(intent, intent.parent), **own_run_facets(entries)}
    tags = {"cycle": intent.cycle.key if intent.cycle else None, "policy": intent.policy}
    if outcome is not None:
        tags["reused"] = "true" if outcome.reused else None
        tags["refused"] = "true" if isinstance(outcome.error, Refused) else None
        # Checks on an output have a run of their own, which tells them.
        made = {artefact.name for artefact in outcome.outputs} - {artefact.name for artefact in outcome.inputs}
        facets.update(_tests([one for name, found in outcome.checks.items() if name not in made for one in found]))
        if outcome.error is not None:
            facets["errorMessage"] = _error(outcome.error, root)
    fields = [
        tags_run.TagsRunFacetFields(key, value, "ANCHOR_PIPELINE") for key, value in tags.items() if value is not None
    ]
    if fields:
        facets["tags"] = tags_run.TagsRunFacet(fields, producer=PRODUCER)
    return facets


def check_facets(intent: Intent, above: RunRef, findings: Sequence[Finding]) -> RunFacets:
    """Facets of the run that checks an output; findings that refuse are its error message."""
    facets = {**_common(intent, above), **_tests(findings)}
    refusing = [finding for finding in findings if finding.refuses]
    if refusing:
        said = "; ".join(f"{finding.rule}: {finding.message}" for finding in refusing)
        text = f"{len(refusing)} of {len(findings)} findings refuse. {said}"
        facets["errorMessage"] = _message(text)
    return facets


def _common(intent: Intent, parent: RunRef | None) -> RunFacets:
    facets: RunFacets = {
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            intent.version, "anchor_pipeline", client_version, producer=PRODUCER
        )
    }
    if intent.cycle is not None:
        facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(
            timestamp(intent.cycle.start), timestamp(intent.cycle.end), producer=PRODUCER
        )
    if parent is not None:
        top = parent.root or parent
        facets["parent"] = parent_run.ParentRunFacet(
            run=parent_run.Run(parent.id),
            job=parent_run.Job(parent.namespace, parent.job),
            root=parent_run.Root(parent_run.RootRun(top.id), parent_run.RootJob(top.namespace, top.job)),
            producer=PRODUCER,
        )
    return facets


def _error(error: BaseException, root: str) -> error_message_run.ErrorMessageRunFacet:
    kind = type(error).__name__
    if isinstance(error, AnchorError):
        # A finished sentence for a person; where in the code it was said does not matter.
        return _message(str(error), root)
    frames = traceback.extract_tb(error.__traceback__)
    # File names without the folders of this machine.
    trace = [f"{'/'.join(Path(frame.filename).parts[-2:])}:{frame.lineno} in {frame.name}" for frame in frames]
    return _message(f"{kind}: {error}" if str(error) else kind, root, "\n".join(trace) or None)


def _message(text: str, root: str = "", trace: str | None = None) -> error_message_run.ErrorMessageRunFacet:
    text = without_secrets(text.replace(root, "<store>") if root else text)
    if len(text) > _LONGEST_MESSAGE:
        text = text[:_LONGEST_MESSAGE] + "…"
    return error_message_run.ErrorMessageRunFacet(text, "Python", trace, producer=PRODUCER)
