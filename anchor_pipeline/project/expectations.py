"""What a declared expectation says beside Great Expectations' own arguments: what becomes of unexpected rows.

`unexpected_rows: quarantine` keeps every row that violates the expectation out of the corpora; `keep`, the default,
only tells of them. It can be asked of expectations that say which rows violate them, and the same rows however the
raw files are laid out; not of those about a column or table as a whole, nor of those about the order of rows.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

HANDLING = "unexpected_rows"
"""The key, which Great Expectations does not see."""

KEEP, QUARANTINE = "keep", "quarantine"

ROW_TYPES = (
    "expect_column_pair_values_a_to_be_greater_than_b",
    "expect_column_pair_values_to_be_equal",
    "expect_column_pair_values_to_be_in_set",
    "expect_column_value_lengths_to_be_between",
    "expect_column_value_lengths_to_equal",
    "expect_column_value_z_scores_to_be_less_than",
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_dateutil_parseable",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_be_json_parseable",
    "expect_column_values_to_be_null",
    "expect_column_values_to_be_unique",
    "expect_column_values_to_match_json_schema",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_match_regex_list",
    "expect_column_values_to_match_strftime_format",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_not_be_outliers",
    "expect_column_values_to_not_match_regex",
    "expect_column_values_to_not_match_regex_list",
    "expect_compound_columns_to_be_unique",
    "expect_multicolumn_sum_to_equal",
    "expect_multicolumn_values_to_be_equal",
    "expect_select_column_values_to_be_unique_within_record",
)
"""Types that name the rows that violate them."""


def wrong_handling(declared: Mapping[str, Any]) -> str | None:
    """What is wrong with the `unexpected_rows` of an expectation; None if nothing is, or it is not there."""
    if HANDLING not in declared:
        return None
    handling, kind = declared[HANDLING], str(declared.get("type", ""))
    if handling not in (KEEP, QUARANTINE):
        return f"`{HANDLING}` is {handling!r}; it can be '{QUARANTINE}' or '{KEEP}'"
    if handling == QUARANTINE and kind.startswith("expect_") and kind not in ROW_TYPES:
        close = difflib.get_close_matches(kind, ROW_TYPES, n=1, cutoff=0.95)
        meant = f"did you mean `{close[0]}`? Else " if close else ""
        return (
            f"`{kind}` is none of the expectations that say which rows violate them, so none can be quarantined;"
            f" {meant}ask for the values of columns (`expect_column_values_to_be_between`), or leave `{HANDLING}` out"
        )
    return None


def quarantines(declared: Mapping[str, Any]) -> bool:
    """Whether rows that violate the expectation are kept out of the corpora."""
    return bool(declared.get(HANDLING) == QUARANTINE)
