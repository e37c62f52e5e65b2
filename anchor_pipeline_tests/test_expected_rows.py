"""The whole way, from an expectation that quarantines to the mix: what violates it is in no mix, and all is told."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from anchor_pipeline import outcome, steps
from anchor_pipeline.errors import Refused
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.release import Release
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.projects import PROJECT, small_project, write_rows

AT_MOST = "{type: expect_column_value_lengths_to_equal, column: doc_id, value: %d, unexpected_rows: quarantine}"


def declared(*expectations: str, text: str = PROJECT) -> str:
    """The small project with expectations on the gazette, whose ids are gazette/gaz0 to gazette/gaz59."""
    return text.replace("uri: raw/gazette", f"expectations: [{', '.join(expectations)}]\n    uri: raw/gazette")


def build(folder: Path, cycle: str = "2020") -> tuple[Release, outcome.Results]:
    watcher = outcome.Watcher()
    place = steps.Workplace(load_project(folder), (watcher,))
    when = place.project.calendar.at(cycle)
    steps.plan_all(place, ["lawful"], when)
    release = steps.release(place, "lawful", when)
    return release, outcome.results(place, when, ["lawful"], watcher)


def ids(release: Release) -> set[str]:
    return {str(row["doc_id"]) for row in open_mix(release.path).rows()}


def test_what_violates_the_suite_is_in_no_mix_and_the_rest_goes_on(tmp_path: Path) -> None:
    small_project(tmp_path)
    free, _ = build(tmp_path)
    assert any(len(one) == len("gazette/gaz1") for one in ids(free))
    small_project(tmp_path, declared(AT_MOST % len("gazette/gaz10")))
    release, results = build(tmp_path)
    assert release.digest != free.digest
    assert any(one.startswith("gazette/") for one in ids(release))
    assert not any(len(one) == len("gazette/gaz1") and one.startswith("gazette") for one in ids(release))
    place = steps.Workplace(load_project(tmp_path))
    counts = steps.current_corpus(place, place.project.calendar.at("2020")).sources["gazette"]
    reason = "expectation_doc_id_value_lengths_to_equal"
    assert (counts.quarantined, counts.balance) == ({reason: 10}, 0)
    kept = pl.read_parquet(place.store.path("quarantine/gazette/cycle-2020.parquet"))
    assert sorted(kept["doc_id"]) == [f"gazette/gaz{i}" for i in range(10)]
    assert set(kept["reason"]) == {reason}
    lines = "\n".join(outcome.build_lines(results))
    assert (
        "expectation: gazette: expect_column_value_lengths_to_equal__doc_id (fails, advisory): 10 of 60 rows" in lines
    )
    assert f"quarantined as {reason}: gazette/gaz0, gazette/gaz1, " in lines
    assert results.exit_code == 0
    assert list(results.to_json()["expectations"]) == ["gazette"]


def test_another_suite_makes_another_corpus_and_taking_it_back_the_former_one(tmp_path: Path) -> None:
    small_project(tmp_path)
    free, _ = build(tmp_path)
    small_project(tmp_path, declared(AT_MOST % len("gazette/gaz10")))
    narrow, _ = build(tmp_path)
    assert build(tmp_path)[0].reused
    small_project(tmp_path)
    again, _ = build(tmp_path)
    assert again.manifest.digests.corpus == free.manifest.digests.corpus != narrow.manifest.digests.corpus
    page = (tmp_path / "store/data_docs/gazette.html").read_text()
    assert page.count('href="gazette/') == 2, "what was quarantined in between stays visible"


def test_what_is_kept_out_does_not_hang_on_the_layout_of_the_raw_files(tmp_path: Path) -> None:
    text = declared(AT_MOST % len("gazette/gaz10"))
    small_project(tmp_path / "whole", text)
    small_project(tmp_path / "split", text.replace("raw/gazette.jsonl", "raw/gazette*"))
    raw = tmp_path / "split/raw/gazette.jsonl"
    values = [json.loads(line) for line in raw.read_text().splitlines()]
    raw.unlink()
    random.Random(4).shuffle(values)
    write_rows(raw.with_name("gazette-b.jsonl"), values[:25])
    write_rows(raw.with_name("gazette-a.jsonl"), values[25:])
    assert build(tmp_path / "split")[0].digest == build(tmp_path / "whole")[0].digest


def test_an_expectation_that_cannot_be_evaluated_refuses_what_its_source_feeds_and_says_so(tmp_path: Path) -> None:
    regex = "{type: expect_column_values_to_match_regex, column: doc_id, regex: '[', unexpected_rows: quarantine}"
    small_project(tmp_path, declared(regex))
    watcher = outcome.Watcher()
    place = steps.Workplace(load_project(tmp_path), (watcher,))
    cycle = place.project.calendar.at("2020")
    steps.plan_all(place, ["lawful"], cycle)
    with pytest.raises(Refused):
        steps.release(place, "lawful", cycle)
    lines = "\n".join(outcome.build_lines(outcome.results(place, cycle, ["lawful"], watcher)))
    assert "expect_column_values_to_match_regex__doc_id (not evaluated): could not be evaluated: " in lines
    assert "which rows to quarantine is not known, so all 60 are" in lines
    assert "an expectation that quarantines rows could not be evaluated, so 60 rows" in lines


def test_a_second_build_imports_no_great_expectations(tmp_path: Path) -> None:
    small_project(tmp_path, declared(AT_MOST % len("gazette/gaz10")))
    first, _ = build(tmp_path)
    code = f"""
import sys
from pathlib import Path
from anchor_pipeline_tests.test_expected_rows import build
release, _ = build(Path({str(tmp_path)!r}))
print(release.digest, release.reused, sorted({{"great_expectations", "sklearn"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{first.digest} True []"


def test_the_code_location_loads_neither_great_expectations_nor_scikit_learn(tmp_path: Path) -> None:
    path = small_project(tmp_path, declared(AT_MOST % 12))
    code = (
        "import sys, anchor_pipeline.definitions; print({'great_expectations', 'sklearn', 'pandas'} & set(sys.modules))"
    )
    environment = {"ANCHOR_PROJECT": str(path), "DAGSTER_HOME": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    assert done.stdout.strip() == "set()"
