"""Lines of the list of documents: the short way of reading one says what the long way says, of any bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.custody.canonical import canonical_json
from anchor_pipeline.custody.document_lines import FIELDS, id_and_shard, ids_and_shards, record_of
from anchor_pipeline.custody.documents import DocumentsRoot, check_documents
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.merkle import leaf_hash, root_of

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
        long = record["doc_id"].encode(), record["shard"].encode()
    except Flaw:
        long = None
    try:
        short = id_and_shard(line, "line")
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
    assert both(line) == ((b"a/1", b"f" * 64),) * 2
    assert both(change(line)) == (None, None)


@pytest.mark.parametrize("size", [1, 2, 3])
@given(data=st.data())
def test_many_lines_are_read_at_once_only_if_each_of_them_is_plain(size: int, data: st.DataObject) -> None:
    good = [canonical_json(PLAIN | {"doc_id": f"a/{number}"}) for number in range(size)]
    assert ids_and_shards(good) == [(f"a/{number}".encode(), b"f" * 64) for number in range(size)]
    place = data.draw(st.integers(0, size - 1))
    put = data.draw(st.sampled_from([b"\n", b"\n" + good[0], b"x", b"\r", b"\\n", b"\xff", b"\xc3"]))
    at = data.draw(st.integers(0, len(good[place])))
    bad = [*good[:place], good[place][:at] + put + good[place][at:], *good[place + 1 :]]
    found = ids_and_shards(bad)
    assert found is None or found == [id_and_shard(line, "line") for line in bad]


def test_a_line_in_two_halves_does_not_make_up_for_one_that_is_none() -> None:
    line = canonical_json(PLAIN)
    assert ids_and_shards([line + b"\n" + line, b"none"]) is None
    assert ids_and_shards([line, b"none" + line]) is None


def stated(lines: list[bytes]) -> DocumentsRoot:
    return DocumentsRoot(len(lines), root_of(map(leaf_hash, lines)).hex())


@pytest.mark.parametrize("count", [0, 1, 4095, 4096, 4097, 8193])
def test_lists_are_checked_across_the_batches_they_are_read_in(count: int) -> None:
    lines = [canonical_json(PLAIN | {"doc_id": f"a/{number:05}"}) for number in range(count)]
    assert check_documents(iter(lines), stated(lines), "list") == ({"f" * 64} if count else set())


@pytest.mark.parametrize("at", [1, 4095, 4096, 4097])
def test_a_line_out_of_place_is_named(at: int) -> None:
    lines = [canonical_json(PLAIN | {"doc_id": f"a/{number:05}"}) for number in range(4100)]
    for changed in ([*lines[:at], lines[at - 1], *lines[at:]], [*lines[:at], lines[at - 1], *lines[at + 1 :]]):
        with pytest.raises(Flaw, match=f"line {at + 1} is not in its place"):
            check_documents(changed, stated(changed), "list")
    broken = [*lines[:at], b"{}", *lines[at + 1 :]]
    with pytest.raises(Flaw, match=f"line {at + 1}: a line of documents with other fields"):
        check_documents(broken, stated(broken), "list")
    with pytest.raises(Flaw, match="more than 4,099 documents"):
        check_documents(lines, stated(lines[:-1]), "list")


def test_an_id_with_escapes_keeps_its_place_among_plain_ones() -> None:
    lines = [canonical_json(PLAIN | {"doc_id": name}) for name in ('"', "a", "b\n", "c")]
    assert check_documents(lines, stated(lines), "list") == {"f" * 64}
