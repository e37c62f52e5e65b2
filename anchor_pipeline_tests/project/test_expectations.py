"""What becomes of unexpected rows is declared with the expectation; where it cannot be, the line is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from anchor_pipeline.errors import DeclarationError
from anchor_pipeline.project.expectations import ROW_TYPES
from anchor_pipeline_tests.ingest.metadata_samples import YAML, load


def test_a_table_or_a_column_as_a_whole_cannot_be_quarantined_and_the_line_is_named(tmp_path: Path) -> None:
    lines = [
        "{type: expect_column_mean_to_be_between, column: tokens, max_value: 3, unexpected_rows: quarantine}",
        "{type: expect_table_row_count_to_be_between, min_value: 1, unexpected_rows: quarantine}",
        "{type: expect_column_values_to_be_increasing, column: tokens, unexpected_rows: quarantine}",
        "{type: expect_column_values_to_be_between, column: tokens, max_value: 3, unexpected_rows: drop}",
        "{type: expect_column_values_to_be_betwen, column: tokens, max_value: 3, unexpected_rows: quarantine}",
        "{type: expect_column_mean_to_be_between, column: tokens, max_value: 3, unexpected_rows: keep}",
        "{type: expect_column_values_to_be_between, column: tokens, max_value: 3, unexpected_rows: quarantine}",
    ]
    with pytest.raises(DeclarationError) as caught:
        load(tmp_path, ",".join(f"\n      {line}" for line in lines))
    first = YAML[: YAML.index("expectations")].count("\n") + 1
    assert [problem.line for problem in caught.value.problems] == [first + i for i in range(1, 6)]
    messages = [problem.message for problem in caught.value.problems]
    assert all("none of the expectations that say which rows violate them" in messages[i] for i in (0, 1, 2, 4))
    assert "`unexpected_rows` is 'drop'; it can be 'quarantine' or 'keep'" in messages[3]
    assert "did you mean `expect_column_values_to_be_between`?" in messages[4]


def test_the_types_that_name_rows_are_those_of_great_expectations() -> None:
    """All of its row-wise types, save those that hang on the order of rows, on types of columns, or need a database."""
    code = """
import os
os.environ["GX_ANALYTICS_ENABLED"] = "False"
import great_expectations
from great_expectations.expectations import expectation, registry
kinds = expectation.ColumnMapExpectation, expectation.ColumnPairMapExpectation, expectation.MulticolumnMapExpectation
for name in registry.list_registered_expectation_implementations():
    if issubclass(registry.get_expectation_impl(name), kinds):
        print(name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others = {"increasing", "decreasing", "of_type", "in_type_list", "like_pattern", "like_pattern_list"}
    rowwise = {name for name in done.stdout.split() if not name.endswith(tuple(f"_{word}" for word in others))}
    assert rowwise == set(ROW_TYPES)
