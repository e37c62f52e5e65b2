"""What the rules ask of the graph: documents that a corpus no longer holds, with everything they were made from."""

from __future__ import annotations

import json
from pathlib import Path

from anchor_pipeline import steps
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.graph.recorded import recorded_documents
from anchor_pipeline.project import load_project
from anchor_pipeline.rules.ancestry import Recorded
from anchor_pipeline_tests.graph.worlds import document, write_shard
from anchor_pipeline_tests.projects import PROJECT, rows, small_project, write_rows


def test_documents_come_with_all_their_ancestors(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_shard(store, [
        document("a/1", parents=["b/2", "b/2", "lost"], generator="gpt@1"), document("b/2", parents=["x/3"]),
        document("c/x/3", parents=["b/2"]), document("c/4", parents=["a/1"]),
    ])  # fmt: skip
    ask = recorded_documents(store)
    expected = [
        Recorded("a/1", "gpt@1", None, "synthetic", ("b/2", "lost")),
        Recorded("b/2", None, None, "human", ("x/3",)),
        Recorded("c/x/3", None, None, "human", ("b/2",)),
    ]
    assert ask(["a/1"]) == ask(["1", "nothing"]) == expected
    assert ask(["x/3"]) == expected[1:]
    assert ask(["nothing", "c"]) == []


def test_a_build_finds_what_was_drawn_from_text_that_is_gone(tmp_path: Path) -> None:
    small_project(tmp_path, PROJECT.replace(
        "collected_at: {column: date}, licence: CC0-1.0}\n    generator:",
        "collected_at: {column: date}, licence: CC0-1.0, parents: {column: from}}\n    generator:",
    ))  # fmt: skip
    first = [{**row, "from": ["gaz1"]} for row in rows("dra", 60, 3)]
    write_rows(tmp_path / "raw/drafts.jsonl", first)
    declared = load_project(tmp_path)
    cycle = declared.calendar.at("2020")
    steps.plan_all(steps.Workplace(declared), ("lawful",), cycle)
    # The same generator goes on from its own text, and that is replaced.
    second = [{**row, "from": [f"dra{number}"]} for number, row in enumerate(rows("new", 60, 4))]
    write_rows(tmp_path / "raw/drafts.jsonl", second)
    place = steps.Workplace(load_project(tmp_path))
    steps.plan_all(place, ("lawful",), cycle)
    verdict = json.loads(place.store.read("selection/lawful/2020/verdict.json"))
    (found,) = [one for one in verdict["findings"] if one["rule"] == "self_feeding" and one["domain"] == "sea"]
    assert found["status"] == "fail"
    assert found["evidence"]["self_fed"] > 0
    assert found["evidence"]["parents_recorded_earlier"]["count"] == 60
