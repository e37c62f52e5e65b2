"""A small project released for real, with whatever is declared for disclosure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from anchor_pipeline import steps
from anchor_pipeline.project import load_project
from anchor_pipeline.workplace import Workplace
from anchor_pipeline_tests.projects import PROJECT, small_project

PROVIDER = {
    "name": "Harbour Models Ltd",
    "address": "1 Quay, Bremen",
    "contact": "data@example.org",
    "representative": "Quay Law, Bremen",
    "small": True,
}

DISCLOSURE = {
    "title": "Sea texts",
    "version": "V2",
    "previous_versions": ["https://example.org/summary/v1"],
    "provider": PROVIDER,
    "model": {"name": "Tide", "versions": ["Tide-1B-2020"], "purpose": "Answers questions about the sea"},
    "licence": "CC-BY-4.0",
    "content": "Logbooks and notices",
    "languages": "English",
    "market_date": "2026-03-01",
    "continuous_training": False,
    "first_used": "2020-12-24",
    "code_of_practice": True,
    "rights_reservations": "Sites that reserve rights are left out",
    "illegal_content_measures": "Block lists of names and addresses",
    "processing": "Scanned pages were read by machine, to have text to train on",
}

_SAID = {
    "owner": "Harbour Office",
    "content": "Entries of log books",
    "purpose": "Shows how seafarers write",
    "rights": ["copyright"],
    "personal_information": False,
    "aggregate_consumer_information": False,
    "purchased": False,
    "ongoing": True,
    "places": ["DE-HB", "NO"],
}

SOURCES: dict[str, Any] = {
    "logbooks": {**_SAID, "acquired": "own"},
    "gazette": {**_SAID, "acquired": "public", "title": "The Gazette", "url": "https://example.org/gazette"},
    "drafts": {**_SAID, "acquired": "synthetic", "on_market": False, "generator_training": "The gazette of 2019"},
}


def declaration(disclosure: Any = None, sources: dict[str, Any] | None = None, **changes: Any) -> str:
    """The small project with parts for disclosure; `changes` are put into its sources, by name."""
    project = yaml.safe_load(PROJECT)
    if disclosure is not None:
        project["disclosure"] = disclosure
    for name, said in (sources or {}).items():
        project["sources"][name]["disclosure"] = said
    for name, change in changes.items():
        project["sources"][name].update(change)
    return json.dumps(project, default=str)


def released(folder: Path, text: str) -> Path:
    """The folder of the release of stage `lawful` for 2020."""
    project = load_project(small_project(folder, text))
    place, cycle = Workplace(project), project.calendar.at("2020")
    steps.plan_all(place, ["lawful"], cycle)
    return steps.release(place, "lawful", cycle).path
