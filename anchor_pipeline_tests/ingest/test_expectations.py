"""Great Expectations on metadata: real runs, for what is unusual must pass and what is broken must not."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from anchor_pipeline.corpus.document import METADATA_COLUMNS
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData, DeclarationError
from anchor_pipeline.ingest import gx_run
from anchor_pipeline.ingest.expectations import ExpectationResult, suite
from anchor_pipeline_tests.ingest.metadata_samples import YAML, frame, judge, load


def by_name(results: list[ExpectationResult]) -> dict[str, ExpectationResult]:
    assert len({result.name for result in results}) == len(results)
    return {result.name: result for result in results}


def test_great_expectations_is_not_imported_for_nothing() -> None:
    heavy = ("great_expectations", "pandas", "jinja2")
    code = f"import sys, anchor_pipeline.ingest.expectations; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("source", "kind", "columns"),
    [
        ("tickets", "enterprise", {"domain": "support"}),
        ("tickets", "enterprise", {"authorship": ["human", "unknown"] * 10, "parents": [["tickets/000000"]] * 20}),
        ("letters", "anchor", {"authorship": ["human", "human_edited"] * 10}),
        (
            "models",
            "synthetic",
            {"authorship": ["synthetic", "human_edited"] * 10, "domain": ["essays", "support"] * 10},
        ),
        (
            "books",
            "licensed",
            {"authorship": ["human", "unknown"] * 10, "collected_at": datetime(1605, 1, 1, tzinfo=UTC)},
        ),
        ("books", "licensed", {"doc_id": "books/same", "digest": "0" * 64}),  # no id declared: repeated content
        ("letters", "anchor", {"rows": 1}),
    ],
)
def test_whatever_is_lawful_passes(tmp_path: Path, source: str, kind: str, columns: dict[str, Any]) -> None:
    results = judge(load(tmp_path), source, frame(source, kind, **columns), Store(tmp_path), key="k")
    assert [(one.name, one.observed) for one in results if one.status != "pass"] == []
    assert len(results) >= 11


@pytest.mark.parametrize(
    ("source", "kind", "columns", "failing"),
    [
        (
            "letters",
            "anchor",
            {"authorship": ["human"] * 19 + ["synthetic"]},
            "expect_column_values_to_be_in_set__authorship",
        ),
        (
            "models",
            "synthetic",
            {"authorship": ["synthetic"] * 19 + ["human"]},
            "expect_column_values_to_be_in_set__authorship",
        ),
        ("models", "synthetic", {"generator": ["m"] * 19 + [None]}, "expect_column_values_to_not_be_null__generator"),
        ("tickets", "enterprise", {"tokens": [0, *range(1, 20)]}, "expect_column_values_to_be_between__tokens"),
        (
            "tickets",
            "enterprise",
            {"digest": ["0" * 64] * 19 + ["short"]},
            "expect_column_values_to_match_regex__digest",
        ),
        (
            "tickets",
            "enterprise",
            {"raw_row": [1, 1, *range(3, 21)]},
            "expect_compound_columns_to_be_unique__raw_file__raw_row",
        ),
        ("tickets", "enterprise", {"domain": ["elsewhere"] * 20}, "expect_column_values_to_be_in_set__domain"),
        ("books", "licensed", {"licence": ["NOASSERTION"] * 20}, "expect_column_values_to_not_be_in_set__licence"),
    ],
)
def test_what_breaks_the_contract_fails_and_blocks(
    tmp_path: Path, source: str, kind: str, columns: dict[str, Any], failing: str
) -> None:
    results = by_name(judge(load(tmp_path), source, frame(source, kind, **columns), Store(tmp_path), key="k"))
    bad = {name: one for name, one in results.items() if one.status != "pass"}
    assert list(bad) == [failing]
    result = bad[failing]
    assert (result.status, result.severity, result.success, result.error) == ("fail", "block", False, None)
    assert result.unexpected
    assert result.examples
    assert set(result.examples[0].values) == set(result.columns)
    assert f"{result.unexpected:,} of 20 rows unexpected" in result.observed


def test_repeated_ids_and_nameless_machines_only_warn(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"doc_id": ["tickets/a"] * 20, "authorship": ["synthetic"] * 2 + ["human"] * 18}
    rows = frame("tickets", "enterprise", **columns)
    results = judge(load(tmp_path), "tickets", rows, Store(tmp_path), key="k")
    bad = {one.name: one for one in results if one.status != "pass"}
    assert {name: one.severity for name, one in bad.items()} == {
        "expect_column_values_to_be_unique__doc_id": "warn",
        "expect_column_values_to_not_be_null__generator": "warn",
    }
    assert bad["expect_column_values_to_not_be_null__generator"].observed.startswith("2 of 2 rows unexpected")


def test_declared_expectations_pass_fail_and_err(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        "{type: expect_column_values_to_be_between, column: tokens, min_value: 1, max_value: 15, severity: warning},"
        "{type: expect_column_values_to_be_between, column: tokens, max_value: 15, mostly: 0.7},"
        "{type: expect_column_mean_to_be_between, column: tokens, max_value: 3},"
        "{type: expect_column_values_to_be_between, column: collected_at, min_value: 2020-01-01,"
        " max_value: 2020-12-31},"
        "{type: expect_column_values_to_be_between, column: collected_at, max_value: '2020-04-30T23:00:00+01:00'},"
        "{type: expect_column_values_to_match_regex, column: licence, regex: '['},"
        "{type: expect_column_values_to_be_null, column: parents},"
        "{type: expect_column_pair_values_a_to_be_greater_than_b, column_A: bytes, column_B: tokens},"
        "{type: expect_table_row_count_to_be_between, min_value: 100}",
    )
    found = judge(project, "tickets", frame("tickets", "enterprise"), Store(tmp_path / "s"), key="k")
    assert [one.name for one in found] == [one.name for one in suite(project, "tickets")]
    declared = [one for one in found if one.declared]
    assert [one.status for one in declared] == ["fail", "pass", "fail", "pass", "fail", "error", "pass", "pass", "fail"]
    assert [one.severity for one in declared] == ["warn"] + ["block"] * 8
    assert declared[0].name == "expect_column_values_to_be_between__tokens__2"
    assert (declared[0].unexpected, declared[0].unexpected_percent) == (5, 25.0)
    assert [(one.doc_id, one.raw_row, one.values) for one in declared[0].examples][:2] == [
        ("tickets/000015", 16, {"tokens": "16"}),
        ("tickets/000016", 17, {"tokens": "17"}),
    ]
    assert declared[0].requirement == ("tokens values must be greater than or equal to 1 and less than or equal to 15.")
    assert declared[2].observed == "observed 10.5"
    assert declared[5].unexpected is None
    assert declared[5].error
    assert str(Path(sys.prefix)) not in found[-4].model_dump_json()  # a traceback would name this machine's folders
    # An error is tried again: it is no finding about the rows, so it is not kept.
    assert Store(tmp_path / "s").list("sources/tickets/expectations") == []


def test_no_rows_are_no_evidence(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        "{type: expect_table_row_count_to_be_between, min_value: 1},"
        "{type: expect_column_values_to_be_null, column: parents}",
    )
    untyped = pl.LazyFrame(schema=dict.fromkeys(METADATA_COLUMNS, pl.String))  # a source without shards
    found = judge(project, "tickets", untyped, Store(tmp_path), key="k")
    assert {one.status for one in found if one.columns} == {"empty"}
    assert found[-2].status == "fail"
    assert not any(one.success for one in found)


def test_what_does_not_exist_is_said_with_line_and_nearest_name(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        "\n      {type: expect_column_values_to_be_betwen, column: tokens, min_value: 1},"
        "\n      {type: expect_column_values_to_be_between, column: token, min_value: 1},"
        "\n      {type: expect_column_values_to_be_between, column: tokens, min_valu: 1},"
        "\n      {type: expect_column_values_to_be_between, column: text, min_value: 1},"
        "\n      {type: expect_column_values_to_be_between, column: tokens},"
        "\n      {type: expect_column_values_to_be_between, column: collected_at, min_value: soon},"
        "\n      {type: expect_column_values_to_be_between, column: tokens, min_value: 1, severity: loud},"
        "\n      {type: expect_table_column_count_to_equal, value: 3}",
    )
    with pytest.raises(DeclarationError) as caught:
        judge(project, "tickets", frame("tickets", "enterprise"), Store(tmp_path), key="k")
    messages = [str(problem) for problem in caught.value.problems]
    assert len(messages) == 8
    first = YAML[: YAML.index("expectations")].count("\n") + 1
    assert [problem.line for problem in caught.value.problems] == list(range(first + 1, first + 9))
    for part, message in zip(
        ["did you mean `expect_column_values_to_be_between`", "did you mean `tokens`", "did you mean `min_value`"],
        messages,
        strict=False,
    ):
        assert part in message
    assert "not at `text` itself" in messages[3]
    assert "min_value and max_value cannot both be None" in messages[4]
    assert "'soon'; write a date" in messages[5]
    assert "critical" in messages[6]
    assert "cannot be asked of metadata columns" in messages[7]


def test_results_on_hand_need_neither_rows_nor_great_expectations(tmp_path: Path) -> None:
    """A rebuild reads nothing: the second process gets rows that would fail to be read."""
    project, store = load(tmp_path), Store(tmp_path / "store")
    first = judge(project, "letters", frame("letters", "anchor"), store, key="k")
    before = {path: path.stat().st_mtime_ns for path in store.path(".").rglob("*") if path.is_file()}
    code = f"""
import sys, polars as pl
from anchor_pipeline.project import load_project
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.expectations import validate_source
results = validate_source(load_project({str(tmp_path)!r}), "letters", lambda: pl.scan_parquet("nowhere.parquet"),
                          Store({str(tmp_path / "store")!r}), key="k")
print(len(results.results), "great_expectations" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(first)), "False"]
    assert {path: path.stat().st_mtime_ns for path in store.path(".").rglob("*") if path.is_file()} == before
    with pytest.raises(DamagedData, match="letters"):  # other rows are judged anew
        judge(project, "letters", pl.scan_parquet("nowhere.parquet"), store, key="other")


def test_pieces_judge_like_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources too large for one batch: uniqueness, `mostly`, order and means come out the same."""
    project = load(
        tmp_path,
        "{type: expect_column_values_to_be_between, column: tokens, max_value: 1800, mostly: 0.95},"
        "{type: expect_column_values_to_be_between, column: tokens, max_value: 1800, mostly: 0.85},"
        "{type: expect_column_values_to_be_increasing, column: tokens},"
        "{type: expect_column_values_to_be_unique, column: digest},"
        "{type: expect_column_mean_to_be_between, column: tokens, max_value: 1000.5},"
        "{type: expect_column_value_z_scores_to_be_less_than, column: tokens, threshold: 1.7, double_sided: true}",
    )
    ids = [f"tickets/{i % 1990:06d}" for i in range(2000)]
    digests = [f"{i // 2:064x}" if i < 6 else f"{i:064x}" for i in range(2000)]
    rows = frame("tickets", "enterprise", rows=2000, doc_id=ids, digest=digests)
    whole = judge(project, "tickets", rows, Store(tmp_path / "whole"), key="k")
    monkeypatch.setattr(gx_run, "ROWS_AT_ONCE", 300)
    shuffled = rows.collect().sample(fraction=1.0, shuffle=True, seed=3).lazy()
    pieces = judge(project, "tickets", shuffled, Store(tmp_path / "pieces"), key="k")
    assert pieces == whole
    assert [one.status for one in whole if one.declared] == ["fail", "pass", "pass", "fail", "pass", "fail"]
    assert by_name(whole)["expect_column_values_to_be_unique__doc_id"].unexpected == 20


UNANSWERED = [
    ("type: expect_column_values_to_match_regex, column: licence, regex: '['", "error"),
    ("type: expect_column_values_to_match_json_schema, column: licence, json_schema: {type: 3}", "error"),
    ("type: expect_column_values_to_match_like_pattern, column: licence, like_pattern: 'a%'", "error"),
    ("type: expect_column_mean_to_be_between, column: licence, min_value: 1", "error"),
    ("type: expect_column_value_z_scores_to_be_less_than, column: licence, threshold: 1, double_sided: true", "error"),
    ("type: expect_column_pair_values_a_to_be_greater_than_b, column_A: tokens, column_B: licence", "error"),
    ("type: expect_column_values_to_not_be_null, column: licence, row_condition: 'nowhere > 2',"
     " condition_parser: pandas", "error"),
    ("type: expect_column_values_to_not_be_null, column: licence, row_condition: 'tokens >',"
     " condition_parser: pandas", "error"),
    # Raises out of Great Expectations itself, not as the error of one expectation.
    ("type: expect_column_quantile_values_to_be_between, column: licence, quantile_ranges: {quantiles: [0.5],"
     " value_ranges: [[0, 1]]}", "error"),
    ("type: expect_column_values_to_match_regex, column: stratum, regex: x", "empty"),
    ("type: expect_column_mean_to_be_between, column: stratum, min_value: 1", "empty"),
    ("type: expect_column_distinct_values_to_be_in_set, column: stratum, value_set: [x]", "empty"),
    ("type: expect_column_quantile_values_to_be_between, column: stratum, quantile_ranges: {quantiles: [0.5],"
     " value_ranges: [[0, 1]]}", "empty"),
    ("type: expect_column_values_to_be_in_set, column: parents, value_set: [x]", "empty"),
    ("type: expect_column_values_to_not_be_null, column: stratum", "fail"),
    ("type: expect_column_values_to_be_null, column: stratum", "pass"),
    ("type: expect_column_proportion_of_non_null_values_to_be_between, column: stratum, min_value: 0.5", "fail"),
    ("type: expect_column_unique_value_count_to_be_between, column: stratum, min_value: 1", "fail"),
    ("type: expect_column_values_to_be_between, column: tokens, min_value: 30", "fail"),
    ("type: expect_column_values_to_not_be_null, column: stratum, row_condition: 'tokens > 30',"
     " condition_parser: pandas", "pass"),
]  # fmt: skip
"""What is asked of rows whose `stratum` and `parents` are empty, and what may be said of it."""


@pytest.mark.parametrize("at_once", [7, 250_000])
def test_what_cannot_be_evaluated_is_neither_a_pass_nor_a_violation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """All asked at once: what one of them raises takes nothing from the others."""
    monkeypatch.setattr(gx_run, "ROWS_AT_ONCE", at_once)
    project = load(tmp_path, "".join(f"{{{asked}}}," for asked, _ in UNANSWERED))
    found = [one for one in judge(project, "tickets", frame("tickets", "enterprise"), Store(tmp_path)) if one.declared]
    assert [(asked, one.status) for (asked, _), one in zip(UNANSWERED, found, strict=True)] == UNANSWERED
    for one in found:
        assert one.success == (one.status == "pass")
        assert (one.error is not None) == (one.status == "error")
        assert one.summary.startswith("could not be evaluated: ") == (one.status == "error")
        assert one.alarming == (one.status in ("fail", "error"))
        assert one.unexpected is None or one.status in ("pass", "fail")
        assert "Traceback" not in one.summary
        assert str(Path(sys.prefix)) not in one.model_dump_json()
    assert {one.observed for one in found if one.status == "empty"} == {"no values to judge by: no row has one"}
    assert found[-1].observed == "no row meets its condition"
    again = judge(project, "tickets", frame("tickets", "enterprise"), Store(tmp_path / "again"))
    assert [one for one in again if one.declared] == found, "errors read the same in every run"


def test_values_of_another_kind_than_the_column_are_mistakes_of_the_declaration(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        "\n      {type: expect_column_values_to_be_in_set, column: tokens, value_set: [1, two]},"
        "\n      {type: expect_column_values_to_be_in_set, column: stratum, value_set: [2020]},"
        "\n      {type: expect_column_values_to_be_in_set, column: stratum, value_set: x},"
        "\n      {type: expect_column_values_to_be_between, column: licence, min_value: 1},"
        "\n      {type: expect_column_max_to_be_between, column: tokens, max_value: 2020-01-01}",
    )
    with pytest.raises(DeclarationError) as caught:
        judge(project, "tickets", frame("tickets", "enterprise"), Store(tmp_path))
    first = YAML[: YAML.index("expectations")].count("\n") + 1
    assert [problem.line for problem in caught.value.problems] == list(range(first + 1, first + 6))
    messages = [str(problem) for problem in caught.value.problems]
    assert "has 'two', but `tokens` holds numbers" in messages[0]
    assert 'has 2020, but `stratum` holds text: write "2020" in quotes' in messages[1]
    assert "`value_set`" in messages[2]
    assert "is 1, but `licence` holds text; ask for lengths, a value_set or a regex" in messages[3]
    assert "but `tokens` holds numbers; write a number" in messages[4]


def test_what_is_told_in_a_terminal_cannot_steer_it(tmp_path: Path) -> None:
    project = load(tmp_path, "{type: expect_column_values_to_be_between, column: tokens, min_value: 2}")
    ids = ["tickets/\x1b[2J\n\u202e"] + [f"tickets/{i}" for i in range(19)]
    found = judge(project, "tickets", frame("tickets", "enterprise", doc_id=ids), Store(tmp_path))
    line = found[-1].line
    assert line is not None
    assert line.isprintable()
    assert line.startswith("expect_column_values_to_be_between__tokens__2 (fails): 1 of 20 rows unexpected (5.00 %): ")
    assert [one.line for one in found if one.status == "pass"] == [None] * (len(found) - 1)
