"""Lines of the list of documents: the short way of reading one says what the long way says, of any bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.custody import documents
from anchor_pipeline.custody.canonical import canonical_json
from anchor_pipeline.custody.documents import FIELDS, record_of
from anchor_pipeline.custody.flaws import Flaw

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
RECORDS = st.fixed_dictionaries(
    {
        name: st.integers(-(2**60), 2**60) if name == "raw_row" else st.none() | TEXTS if name == "generator" else TEXTS
        for name in FIELDS
    }
)


def both(line: bytes) -> tuple[Any, Any]:
    """What the short way and the long way make of a line; None if they refuse it."""
    try:
        record = record_of(line, "line")
        long = record["doc_id"].encode(), record["shard"]
    except Flaw:
        long = None
    try:
        short = documents._id_and_shard(line, "line")
    except Flaw:
        short = None
    return short, long


@given(RECORDS)
def test_of_records(record: dict[str, Any]) -> None:
    short, long = both(canonical_json(record))
    assert short == long


@given(RECORDS, st.integers(0, 400), st.binary(max_size=2))
def test_of_records_in_which_something_changed(record: dict[str, Any], at: int, put: bytes) -> None:
    line = canonical_json(record)
    short, long = both(line[:at] + put + line[at + 1 :])
    assert short == long


PLAIN = dict.fromkeys(FIELDS, "x") | {"generator": None, "raw_row": 7, "doc_id": "a/1", "shard": "f" * 64}


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b":7,", b":07,"),
        lambda line: line.replace(b":7,", b":-0,"),
        lambda line: line.replace(b":7,", b":9007199254740993,"),
        lambda line: line.replace(b'"a/1"', b'"a/\\u0031"'),
        lambda line: line.replace(b'"a/1"', b'"a/\xff"'),
        lambda line: line.replace(b'"a/1"', b'"a/\xed\xa0\x80"'),
        lambda line: line.replace(b'"a/1"', b'"a/\t"'),
        lambda line: line.replace(b'"a/1"', b'"' + b"a" * 70_000 + b'"'),
        lambda line: line + b" ",
        lambda line: line.replace(b":7,", b": 7,"),
    ],
)
def test_what_is_no_canonical_line_is_refused_both_ways(change: Any) -> None:
    line = canonical_json(PLAIN)
    assert both(line) == ((b"a/1", "f" * 64),) * 2
    assert both(change(line)) == (None, None)
