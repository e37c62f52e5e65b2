from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.rules.near_duplicates import evaluate
from anchor_pipeline_tests.rules.evidence import Builder, at, declaration, doc, release_of

_SAME = "a" * 64
_TEXT = "The ferry left the harbour at nine and came back before the tide had turned, wet and late and full of people."


def test_the_same_content_under_two_ids_fails_and_passes_of_one_do_not(build: Builder) -> None:
    rows = [doc("tickets", "1", 10, digest=_SAME), doc("tickets", "1", 10, digest=_SAME, epoch=1)]
    found = at(evaluate(build(rows)), "support")
    assert found.status == "pass"
    assert "(the corpus removed 0 copies and 0 near-duplicates)" in found.message
    found = at(evaluate(build([*rows, doc("anchors_s", "2", 10, digest=_SAME)])), "support")
    assert (found.status, found.observed, found.shortfall) == ("fail", 2 / 3, 20)
    assert found.evidence["examples"] == [{"document": "tickets/1", "copy_of": "anchors_s/2"}]


def test_what_the_corpus_removed_is_said(build: Builder) -> None:
    gone: dict[str, Any] = {"status": "duplicate", "duplicate_of": "tickets/1"}
    removed = [doc("tickets", f"c{at}", reason="same_content", **gone) for at in range(3)]
    removed += [
        doc("synth_s", "n", reason="near_duplicate", **gone),
        doc("unheard", "u", reason="same_content", **gone),
    ]
    found = at(evaluate(build([doc("tickets", "1")], corpus=removed)), "support")
    assert found.evidence["removed_from_corpus"] == {"synth_s": 1, "tickets": 3}
    assert "(the corpus removed 3 copies and 1 near-duplicate)" in found.message
    assert found.evidence["near_generated"] == {
        "documents": 1, "examples": [{"doc_id": "tickets/1", "generated": "synth_s/n", "generator": "gpt@1"}]
    }  # fmt: skip


def test_texts_that_nearly_repeat_each_other_fail_and_name_the_better_one(build: Builder) -> None:
    rows = [
        doc("tickets", "1", 30, text=_TEXT + " Again."),
        doc("anchors_s", "2", 20, text=_TEXT),
        doc("tickets", "3", 50),
        doc("human_e", "4", 10, text=_TEXT.upper()),
    ]
    findings = evaluate(build(rows))
    found = at(findings, "support")
    assert (found.status, found.observed, found.evidence["part"]) == ("fail", 0.3, 30)
    examples = [{"document": f"{name}", "near_copy_of": "anchors_s/2"} for name in ("human_e/4", "tickets/1")]
    assert found.evidence["examples"] == examples
    assert at(findings, None).evidence["part"] == 40
    loose = declaration({"near_duplicates": {"similarity": 0.99}})
    assert at(evaluate(build(rows[:2], project=loose)), "support").status == "pass"


def test_all_passes_over_a_near_duplicate_count_and_no_row_counts_twice(build: Builder) -> None:
    rows = [
        doc("anchors_s", "0", 10, text=_TEXT),
        doc("tickets", "1", 10, text=_TEXT + " Again.", digest=_SAME),
        doc("tickets", "1", 10, text=_TEXT + " Again.", digest=_SAME, epoch=1),
        doc("tickets", "2", 10, text=_TEXT + " Again.", digest=_SAME),
    ]
    assert at(evaluate(build(rows)), "support").evidence["part"] == 30


def test_new_texts_that_nearly_repeat_the_release_before_are_named(build: Builder) -> None:
    old = [doc("tickets", "old", text=_TEXT), doc("tickets", "stays", text="And now for something else altogether.")]
    first = build(old)
    release = release_of(first, old)
    new = [doc("tickets", "new", text=_TEXT + " Again."), doc("tickets", "other"), old[1]]
    found = at(evaluate(build(new, previous=release, store=first.store)), "support")
    assert found.status == "pass", "it is told, not counted"
    assert found.evidence["repeats_of_release"] == {
        "release": "2020", "digest": release.digest, "documents": 1,
        "examples": [{"document": "tickets/new", "older": "tickets/old"}],
    }  # fmt: skip
    assert "1 new text nearly repeats one of release 2020" in found.message


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
