"""Rows that violate an expectation which quarantines: all of them, compared with plain Python over the same rows."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.set_aside import SET_ASIDE_SCHEMA, read_set_aside
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.ingest import gx_run
from anchor_pipeline.ingest.expectation_models import SourceValidation
from anchor_pipeline.ingest.expectations import suite, validate_source
from anchor_pipeline.ingest.gx_build import build
from anchor_pipeline.ingest.source import ingest_source
from anchor_pipeline.project import Project
from anchor_pipeline.steps import _metadata
from anchor_pipeline_tests.data import shared_data
from anchor_pipeline_tests.ingest.metadata_samples import frame, load
from anchor_pipeline_tests.ingest.support import declare

Row = dict[str, Any]
Q = "unexpected_rows: quarantine"


def validate(project: Project, rows: pl.LazyFrame, store: Store, key: str = "k") -> SourceValidation:
    return validate_source(project, "tickets", lambda: rows, store, key=key)


def kept_out(store: Store, validation: SourceValidation) -> dict[int, str]:
    """Reason by row."""
    rows = read_set_aside(store, validation.set_aside).to_pylist()
    assert len({(row["raw_file"], row["raw_row"]) for row in rows}) == len(rows) == validation.set_aside.rows
    return {row["raw_row"]: row["reason"] for row in rows}


def parses(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def repeated(*columns: str) -> Callable[[list[Row]], list[bool]]:
    """Rows that share their values with another; rows of nothing but nulls are not judged."""

    def violates(rows: list[Row]) -> list[bool]:
        counts = Counter(tuple(row[name] for name in columns) for row in rows)
        return [
            any(row[name] is not None for name in columns) and counts[tuple(row[name] for name in columns)] > 1
            for row in rows
        ]

    return violates


def each(violates: Callable[[Row], bool], column: str | None = None) -> Callable[[list[Row]], list[bool]]:
    """Row by row; a row without a value in `column` is not judged."""
    return lambda rows: [(column is None or row[column] is not None) and violates(row) for row in rows]


BRUTE: list[tuple[str, Callable[[list[Row]], list[bool]]]] = [
    ("type: expect_column_values_to_be_between, column: tokens, min_value: 2, max_value: 4",
     each(lambda row: not 2 <= row["tokens"] <= 4)),
    ("type: expect_column_values_to_be_in_set, column: licence, value_set: [MIT, ISC]",
     each(lambda row: row["licence"] not in ("MIT", "ISC"))),
    ("type: expect_column_values_to_not_be_in_set, column: stratum, value_set: [a, bb]",
     each(lambda row: row["stratum"] in ("a", "bb"), "stratum")),
    ("type: expect_column_values_to_match_regex, column: stratum, regex: '^a'",
     each(lambda row: not re.search("^a", row["stratum"]), "stratum")),
    ("type: expect_column_values_to_not_match_regex, column: stratum, regex: 'b$', mostly: 0.1",
     each(lambda row: bool(re.search("b$", row["stratum"])), "stratum")),
    ("type: expect_column_values_to_match_regex_list, column: stratum, regex_list: ['^a', '1'], match_on: any",
     each(lambda row: not re.search("^a|1", row["stratum"]), "stratum")),
    ("type: expect_column_value_lengths_to_be_between, column: stratum, max_value: 1",
     each(lambda row: len(row["stratum"]) > 1, "stratum")),
    ("type: expect_column_value_lengths_to_equal, column: stratum, value: 2",
     each(lambda row: len(row["stratum"]) != 2, "stratum")),
    ("type: expect_column_values_to_not_be_null, column: stratum", each(lambda row: row["stratum"] is None)),
    ("type: expect_column_values_to_be_null, column: stratum", each(lambda row: row["stratum"] is not None)),
    ("type: expect_column_values_to_be_json_parseable, column: stratum",
     each(lambda row: not parses(row["stratum"]), "stratum")),
    ("type: expect_column_values_to_be_unique, column: stratum", repeated("stratum")),
    ("type: expect_compound_columns_to_be_unique, column_list: [licence, stratum]", repeated("licence", "stratum")),
    ("type: expect_column_pair_values_a_to_be_greater_than_b, column_A: bytes, column_B: tokens",
     each(lambda row: not row["bytes"] > row["tokens"])),
    ("type: expect_column_pair_values_to_be_equal, column_A: bytes, column_B: tokens",
     each(lambda row: row["bytes"] != row["tokens"])),
    ("type: expect_column_pair_values_to_be_in_set, column_A: bytes, column_B: tokens, value_pairs_set:"
     " [[1, 1], [2, 3]]",
     each(lambda row: (row["bytes"], row["tokens"]) not in ((1, 1), (2, 3)))),
    ("type: expect_multicolumn_sum_to_equal, column_list: [bytes, tokens], sum_total: 5",
     each(lambda row: row["bytes"] + row["tokens"] != 5)),
    ("type: expect_multicolumn_values_to_be_equal, column_list: [bytes, tokens]",
     each(lambda row: row["bytes"] != row["tokens"])),
    ("type: expect_select_column_values_to_be_unique_within_record, column_list: [licence, authorship, doc_id]",
     each(lambda row: len({row["licence"], row["authorship"], row["doc_id"]}) < 3)),
    ("type: expect_column_values_to_not_be_null, column: stratum, row_condition: 'tokens > 3',"
     " condition_parser: pandas",
     each(lambda row: row["tokens"] > 3 and row["stratum"] is None)),
    ("type: expect_column_values_to_be_between, column: collected_at, min_value: 2020-05-01",
     each(lambda row: False)),
]  # fmt: skip
"""Expectations, and which rows violate them."""

ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "tokens": st.integers(0, 6),
            "bytes": st.integers(0, 6),
            "licence": st.sampled_from(["MIT", "ISC", "mit", "human", "<script>"]),
            "stratum": st.sampled_from([None, None, "a", "ab", "bb", "1", "{}", "é", "ü\U0001f600"]),
        }
    ),
    max_size=14,
)


@cache
def everything(folder: Path) -> tuple[Project, Any]:
    project = load(folder, "".join(f"\n      {{{asked}, {Q}}}," for asked, _ in BRUTE))
    return project, build(project, "tickets", suite(project, "tickets"))


# Each example takes a second, so a failing one is shown as it is found.
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(rows=ROWS, at_once=st.sampled_from([5, 250_000]), data=st.data())
def test_exactly_the_rows_that_violate_are_found_whatever_the_pieces(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], at_once: int, data: st.DataObject
) -> None:
    project, built = everything(Path(str(tmp_path_factory.getbasetemp())) / "brute")
    columns = {name: [row[name] for row in rows] for name in ("tokens", "bytes", "licence", "stratum")}
    table = frame("tickets", "enterprise", rows=len(rows), **columns).collect()
    shuffled = table[data.draw(st.permutations(range(table.height)))].lazy()
    asked = suite(project, "tickets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gx_run, "ROWS_AT_ONCE", at_once)
        judged = gx_run.evaluate("tickets", asked, built, shuffled)
    whole = table.to_dicts()
    for item, outcome in zip(asked, judged.outcomes, strict=True):
        if item.declared is None:
            assert outcome.violating is None
            continue
        text, violates = BRUTE[item.declared]
        expected = [row["raw_row"] for row, wrong in zip(whole, violates(whole), strict=True) if wrong]
        if not rows:
            assert outcome.violating is None or outcome.violating.height == 0
        elif outcome.error is None:
            assert outcome.violating is not None
            assert outcome.violating["raw_row"].to_list() == expected, text
            assert outcome.unexpected == len(expected)
        else:
            # Nothing to judge by is the only reason why one of these is not evaluated.
            assert set(item.columns) & judged.valueless, (text, outcome.error)


def test_a_row_counts_once_for_the_first_expectation_it_violates(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        f"{{type: expect_column_values_to_be_between, column: tokens, max_value: 17, {Q}}},"
        f"{{type: expect_column_values_to_be_between, column: tokens, min_value: 3, max_value: 18, {Q}}}",
    )
    store = Store(tmp_path / "store")
    found = validate(project, frame("tickets", "enterprise"), store)
    first, second = "expectation_tokens_be_between", "expectation_tokens_be_between_2"
    assert kept_out(store, found) == {1: second, 2: second, 18: first, 19: first, 20: first}
    assert found.set_aside.reasons == {first: 3, second: 2}
    assert [one.reason for one in found.results if one.declared] == [first, second]
    table = read_set_aside(store, found.set_aside)
    assert table.schema.equals(SET_ASIDE_SCHEMA)
    assert table.to_pylist()[-1] == {
        "source": "tickets",
        "raw_file": "tickets.jsonl",
        "raw_row": 20,
        "doc_id": "tickets/000019",
        "reason": first,
        "detail": "tokens = 20",
    }


def test_a_quarantining_expectation_names_its_rows_and_only_warns(tmp_path: Path) -> None:
    between = "type: expect_column_values_to_be_between, column: tokens, max_value: 12"
    project = load(
        tmp_path,
        f"{{{between}, {Q}}}, {{{between}, severity: critical, {Q}}}, {{{between}, mostly: 0.5, {Q}}},"
        f"{{{between}, unexpected_rows: keep}}",
    )
    found = validate(project, frame("tickets", "enterprise"), Store(tmp_path / "store"))
    warns, critical, tolerant, keeps = [one for one in found.results if one.declared]
    assert (warns.status, warns.severity, warns.alarming) == ("fail", "warn", False)
    assert warns.summary == (
        "8 of 20 rows unexpected (40.00 %); quarantined as expectation_tokens_be_between: tickets/000012,"
        " tickets/000013, tickets/000014, tickets/000015, tickets/000016 and 3 more"
    )
    assert (critical.status, critical.severity, critical.alarming) == ("fail", "block", True)
    # `mostly` decides whether it fails, not which rows are unexpected.
    assert (tolerant.status, tolerant.unexpected) == ("pass", 8)
    assert "quarantined as" in tolerant.summary
    assert (keeps.reason, keeps.severity) == (None, "block")
    assert "quarantined" not in keeps.summary


def test_which_rows_are_kept_out_does_not_hang_on_the_order_of_shards_or_on_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = load(
        tmp_path,
        f"{{type: expect_column_values_to_be_unique, column: digest, {Q}}},"
        f"{{type: expect_column_values_to_be_between, column: tokens, max_value: 1800, mostly: 0.5, {Q}}}",
    )
    digests = [f"{i // 2:064x}" if i < 600 else f"{i:064x}" for i in range(2000)]
    rows = frame("tickets", "enterprise", rows=2000, digest=digests)
    whole, pieces = Store(tmp_path / "whole"), Store(tmp_path / "pieces")
    first = validate(project, rows, whole)
    monkeypatch.setattr(gx_run, "ROWS_AT_ONCE", 300)
    second = validate(project, rows.collect().sample(fraction=1.0, shuffle=True, seed=3).lazy(), pieces)
    assert first == second
    assert first.key == second.key
    assert first.set_aside.rows == 800
    assert first.set_aside.file is not None
    assert whole.read(first.set_aside.file) == pieces.read(first.set_aside.file)


def test_rows_on_hand_are_not_looked_for_again_but_missing_or_altered_ones_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = load(tmp_path, f"{{type: expect_column_values_to_be_between, column: tokens, max_value: 12, {Q}}}")
    store, rows = Store(tmp_path / "store"), frame("tickets", "enterprise")
    first = validate(project, rows, store)
    with monkeypatch.context() as patch:
        patch.setattr(gx_run, "evaluate", None)
        assert validate(project, pl.scan_parquet("nowhere.parquet"), store) == first
    assert first.set_aside.file is not None
    store.path(first.set_aside.file).unlink()
    assert validate(project, rows, store) == first
    table = read_set_aside(store, first.set_aside)
    pl.from_arrow(table)[:-1].write_parquet(store.path(first.set_aside.file))  # type: ignore[union-attr]
    with pytest.raises(DamagedData, match="is not the list of rows that was written"):
        read_set_aside(store, first.set_aside)
    store.write(first.set_aside.file, b"PAR1")
    with pytest.raises(DamagedData, match="build the source again"):
        read_set_aside(store, first.set_aside)


def test_an_expectation_that_cannot_be_evaluated_leaves_it_unknown_which_rows_violate_it(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        f"{{type: expect_column_values_to_match_regex, column: licence, regex: '[', {Q}}},"
        f"{{type: expect_column_values_to_be_between, column: tokens, max_value: 12, {Q}}}",
    )
    store = Store(tmp_path / "store")
    found = validate(project, frame("tickets", "enterprise"), store)
    bad = found.results[-2]
    assert (bad.status, bad.severity, bad.alarming, bad.unexpected) == ("error", "warn", True, None)
    assert bad.summary.startswith("could not be evaluated: ")
    assert bad.summary.endswith("which rows to quarantine is not known, so all 20 are")
    assert found.set_aside.not_evaluated == (bad.name,)
    assert found.set_aside.rows == 8  # the other one's rows are known all the same


def test_a_list_that_is_not_complete_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should Great Expectations ever shorten its list, nothing is let through in silence."""
    project = load(tmp_path, f"{{type: expect_column_values_to_be_between, column: tokens, max_value: 12, {Q}}}")
    real = gx_run._results

    def shortened(*arguments: Any) -> dict[int, dict[str, Any]]:
        results = real(*arguments)
        for one in results.values():
            one["result"]["unexpected_index_list"] = (one["result"].get("unexpected_index_list") or [])[:5]
        return results

    monkeypatch.setattr(gx_run, "_results", shortened)
    found = validate(project, frame("tickets", "enterprise"), Store(tmp_path / "store"))
    assert found.results[-1].status == "error"
    assert found.set_aside.not_evaluated


def test_real_customer_questions_are_kept_out_as_counted_by_hand(tmp_path: Path) -> None:
    expectations = [
        {"type": "expect_column_values_to_be_between", "column": "tokens", "max_value": 25},
        {"type": "expect_column_values_to_not_be_in_set", "column": "stratum", "value_set": ["card_arrival"]},
        {"type": "expect_column_values_to_be_unique", "column": "digest"},
    ]
    project = declare(
        tmp_path,
        uri=str(shared_data() / "banking77/train.csv"),
        fields={"stratum": {"column": "category"}},
        expectations=[{**one, "unexpected_rows": "quarantine"} for one in expectations],
    )
    store = Store(project.store_path)
    snapshot = ingest_source(project, "s", store)
    rows = _metadata(snapshot, store)
    found = validate_source(project, "s", lambda: rows, store, key=snapshot.digest)
    table = rows.collect()
    repeats = Counter(table["digest"].to_list())
    expected: Counter[str] = Counter()
    ids = set()
    for row in table.iter_rows(named=True):
        reason = (
            "expectation_tokens_be_between"
            if row["tokens"] > 25
            else "expectation_stratum_not_be_in_set"
            if row["stratum"] == "card_arrival"
            else "expectation_digest_be_unique"
            if repeats[row["digest"]] > 1
            else None
        )
        if reason is not None:
            expected[reason] += 1
            ids.add((row["raw_file"], row["raw_row"], row["doc_id"], reason))
    assert min(expected[reason] for reason in expected) > 0
    assert found.set_aside.reasons == dict(sorted(expected.items()))
    listed = read_set_aside(store, found.set_aside).to_pylist()
    assert {(row["raw_file"], row["raw_row"], row["doc_id"], row["reason"]) for row in listed} == ids
