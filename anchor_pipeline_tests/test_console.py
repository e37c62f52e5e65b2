"""A person who watches sees a bar that moves; elsewhere there are plain lines and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from anchor_pipeline import steps
from anchor_pipeline.console import Progress
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.projects import small_project


@pytest.mark.parametrize("watched", [True, False])
def test_the_bar_moves_for_a_person_and_is_not_there_for_a_file(tmp_path: Path, watched: bool) -> None:
    project = load_project(small_project(tmp_path))
    seen = io.StringIO()
    with Progress(Console(file=seen, force_terminal=watched, width=120), 5) as progress:
        steps.plan_all(steps.Workplace(project, (progress,)), ["lawful"], project.calendar.at("2020"))
    text = seen.getvalue()
    assert text.count(" done ") == 5
    assert [f"{number}/5" in text for number in range(1, 6)] == [watched] * 5
    assert ("\x1b" in text) is watched
