"""What everything that Dagster shows of a project is made from."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from anchor_pipeline.orchestration.context import Places, workplaces
from anchor_pipeline.orchestration.keys import Names
from anchor_pipeline.orchestration.partitions import cycle_partitions
from anchor_pipeline.project import Project
from anchor_pipeline.record import Observer


@dataclass(frozen=True)
class Blueprint:
    """A project, the names of its assets, its cycles as partitions, and how a run opens its workplace."""

    project: Project
    names: Names
    partitions: dg.PartitionsDefinition[str]
    places: Places


def blueprint_of(project: Project, observers: tuple[Observer, ...] = (), key_prefix: tuple[str, ...] = ()) -> Blueprint:
    """The blueprint of a project whose asset keys begin with `key_prefix`."""
    names = Names(key_prefix)
    return Blueprint(project, names, cycle_partitions(project), workplaces(project, observers, names))
