from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.rules.near_duplicates import evaluate
from anchor_pipeline_tests.rules.evidence import Builder, at, declaration, doc

_SAME = "a" * 64


def test_the_same_content_under_two_ids_fails_and_passes_of_one_do_not(build: Builder) -> None:
    rows = [doc("tickets", "1", 10, digest=_SAME), doc("tickets", "1", 10, digest=_SAME, epoch=1)]
    found = at(evaluate(build(rows)), "support")
    assert found.status == "pass"
    assert "near-duplicates are not yet available" in found.message
    found = at(evaluate(build([*rows, doc("anchors_s", "2", 10, digest=_SAME)])), "support")
    assert (found.status, found.observed, found.shortfall) == ("fail", 2 / 3, 20)
    assert found.evidence["examples"] == [{"document": "tickets/1", "copy_of": "anchors_s/2"}]


def test_what_the_corpus_removed_is_said(build: Builder) -> None:
    counts = {"tickets": {"read": 6, "duplicate": 5}}
    found = at(evaluate(build([doc("tickets", "1")], counts=counts)), "support")
    assert found.evidence["removed_from_corpus"] == {"tickets": 5}


def test_off_warn_and_nothing_selected(build: Builder) -> None:
    rows = [doc("tickets", "1", digest=_SAME), doc("tickets", "2", digest=_SAME)]
    found = evaluate(build(rows, project=declaration({"near_duplicates": {"severity": "warn"}})))
    assert [one.refuses for one in found if one.status == "fail"] == [False, False]
    assert evaluate(build(rows, project=declaration({"near_duplicates": "off"}))) == []
    assert {one.status for one in evaluate(build([]))} == {"insufficient"}


@settings(max_examples=15, deadline=None)
@given(
    drawn=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(1, 9)), min_size=1, max_size=10),
    cap=st.fractions(0, 1, max_denominator=6),
)
def test_agrees_with_counting(build: Builder, drawn: list[tuple[int, int, int]], cap: Fraction) -> None:
    rows = [doc("tickets", str(id), tokens, digest=str(content) * 64) for id, content, tokens in drawn]
    originals: dict[int, int] = {}
    for id, content, _ in drawn:
        originals[content] = min(id, originals.get(content, id))
    copied = sum(tokens for id, content, tokens in drawn if id != originals[content])
    total = sum(tokens for *_, tokens in drawn)
    found = at(evaluate(build(rows, project=declaration({"near_duplicates": {"max": str(cap)}}))), "support")
    assert found.observed == copied / total
    assert (found.status == "pass") == (Fraction(copied, total) <= cap)
    assert defaultdict(int, found.evidence)["part"] == copied
