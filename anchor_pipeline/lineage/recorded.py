"""A recorded event as an object of openlineage-python, whose transports and filters look at its attributes."""

from __future__ import annotations

from typing import Any

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import parent_run, tags_run

from anchor_pipeline.lineage.facets import RunFacets


def as_run_event(recorded: dict[str, Any]) -> RunEvent:
    """The event, its facets as they were recorded. KeyError, TypeError or ValueError if it is none."""
    run, job = recorded["run"], recorded["job"]
    return RunEvent(
        eventType=RunState(recorded["eventType"]),
        eventTime=recorded["eventTime"],
        run=Run(run["runId"], _run_facets(run.get("facets", {}))),
        job=Job(job["namespace"], job["name"], dict(job.get("facets", {}))),
        inputs=[
            InputDataset(one["namespace"], one["name"], facets=one.get("facets"), inputFacets=one.get("inputFacets"))
            for one in recorded.get("inputs", [])
        ],
        outputs=[
            OutputDataset(one["namespace"], one["name"], facets=one.get("facets"), outputFacets=one.get("outputFacets"))
            for one in recorded.get("outputs", [])
        ],
        producer=recorded["producer"],
    )


def _run_facets(recorded: dict[str, Any]) -> RunFacets:
    """The facets; tags, which the client adds to, and the parent, which Kafka's key is made of, as its classes."""
    facets: RunFacets = dict(recorded)
    if "tags" in recorded:
        tags = recorded["tags"]
        fields = [tags_run.TagsRunFacetFields(one["key"], one["value"], one.get("source")) for one in tags["tags"]]
        facets["tags"] = tags_run.TagsRunFacet(fields, producer=tags["_producer"])
    if "parent" in recorded:
        facets["parent"] = _parent(recorded["parent"])
    return facets


def _parent(recorded: dict[str, Any]) -> parent_run.ParentRunFacet:
    root = recorded.get("root")
    return parent_run.ParentRunFacet(
        run=parent_run.Run(recorded["run"]["runId"]),
        job=parent_run.Job(recorded["job"]["namespace"], recorded["job"]["name"]),
        root=root
        and parent_run.Root(
            parent_run.RootRun(root["run"]["runId"]),
            parent_run.RootJob(root["job"]["namespace"], root["job"]["name"]),
        ),
        producer=recorded["_producer"],
    )
