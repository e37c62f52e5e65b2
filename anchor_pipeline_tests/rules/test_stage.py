"""What a stage itself declares: domain_weights, repetition, stage_tokens."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.rules import domain_weights, repetition, stage_tokens
from anchor_pipeline.rules.expected import weights_of
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline_tests.rules.evidence import AS_OF, Builder, at, declaration, doc


def _stage(**parts: Any) -> dict[str, Any]:
    return declaration(stages={"main": parts})


@settings(max_examples=30, deadline=None)
@given(
    amounts=st.tuples(st.integers(0, 50), st.integers(0, 50)),
    weight=st.fractions(0, 1, max_denominator=8),
    tolerance=st.fractions(0, 1, max_denominator=9),
)
def test_weights_agree_with_fractions(
    build: Builder, amounts: tuple[int, int], weight: Fraction, tolerance: Fraction
) -> None:
    project = _stage(domains={"support": str(weight), "essays": str(1 - weight)}, tolerance=str(tolerance))
    rows = [doc(source, "1", n) for source, n in zip(("tickets", "human_e"), amounts, strict=True) if n]
    found = domain_weights.evaluate(build(rows, project=project))
    for domain, part, wanted in (("support", amounts[0], weight), ("essays", amounts[1], 1 - weight)):
        if not sum(amounts):
            assert at(found, domain).status == "insufficient"
        else:
            share = Fraction(part, sum(amounts))
            assert (at(found, domain).status == "pass") == (abs(share - wanted) <= tolerance)


def test_both_bounds_of_a_weight(build: Builder) -> None:
    rows = [doc("tickets", "1", 1000), doc("human_e", "1", 9000)]
    found = domain_weights.evaluate(build(rows, project=_stage(tolerance=0.1)))
    below, above = at(found, "support"), at(found, "essays")
    assert (below.status, below.comparator, below.required, below.shortfall) == ("fail", "between", 0.5, 5000)
    assert "add 5,000 tokens of it" in below.message
    assert (above.status, above.shortfall) == ("fail", 7500)
    assert "draw 7,500 fewer of it" in above.message
    assert below.evidence["lower"] == 0.4


@pytest.mark.parametrize(("part", "status"), [(399, "fail"), (400, "pass"), (600, "pass"), (601, "fail")])
def test_one_token_decides_on_a_weight(build: Builder, part: int, status: str) -> None:
    rows = [doc("tickets", "1", part), doc("human_e", "1", 1000 - part)]
    found = domain_weights.evaluate(build(rows, project=_stage(tolerance=0.1)))
    assert [one.status for one in found] == [status, status]


def test_a_domain_that_is_not_declared_has_no_weight(build: Builder) -> None:
    rows = [doc("tickets", "1", 10**9), doc("human_e", "1", 10**9), doc("tickets", "2", 1, domain="elsewhere")]
    found = domain_weights.evaluate(build(rows))
    assert at(found, "elsewhere").status == "fail"
    assert at(found, "support").status == "pass"


def test_weights_are_shared_among_domains_that_have_the_modality(build: Builder) -> None:
    images = {"kind": "licensed", "modality": "image", "domain": "essays", "uri": "*.png"}
    project = declaration(
        sources={"images": images},
        domains={"empty": {}},
        stages={"main": {"domains": {"support": 0.5, "essays": 0.25, "empty": 0.25}}},
    )
    loaded = build([], project=project).project
    assert weights_of(loaded, "main", "text") == {
        "support": Fraction(1, 2), "essays": Fraction(1, 4), "empty": Fraction(1, 4),
    }  # fmt: skip
    # Nothing supplies `empty`: its weight stays, so that it is missed in every modality.
    assert weights_of(loaded, "main", "image") == {"essays": Fraction(1, 2), "empty": Fraction(1, 2)}


@pytest.mark.parametrize(
    ("drawn", "status", "comparator", "shortfall"),
    [(99, "fail", ">=", 1), (100, "pass", "between", 0), (200, "pass", "between", 0), (201, "fail", "<=", 1)],
)
def test_target_and_minimum(build: Builder, drawn: int, status: str, comparator: str, shortfall: int) -> None:
    project = _stage(tokens=200, min_tokens=100)
    (found,) = stage_tokens.evaluate(build([doc("tickets", "1", drawn)], project=project))
    assert (found.status, found.comparator, found.shortfall) == (status, comparator, shortfall)


def test_an_empty_mix_is_too_small(build: Builder) -> None:
    assert [one.status for one in stage_tokens.evaluate(build([]))] == ["fail"]
    assert [one.status for one in stage_tokens.evaluate(build([], project=_stage(min_tokens=0)))] == ["insufficient"]


def test_sounds_are_counted_in_seconds(build: Builder) -> None:
    sounds = {"kind": "anchor", "modality": "audio", "domain": "support", "uri": "*.wav"}
    project = declaration(sources={"sounds": sounds}, stages={"main": {"tokens": {"text": 10, "audio": 2}}})
    rows = [doc("tickets", "1", 10), doc("sounds", "1", 2001, modality="audio", domain="support")]
    found = at(stage_tokens.evaluate(build(rows, project=project)), None, "audio")
    assert (found.status, found.observed, found.required, found.shortfall) == ("fail", 2.001, 2, 0.001)


def test_a_modality_without_a_target_may_not_enter(build: Builder) -> None:
    project = _stage(tokens={"text": 10, "audio": 2})
    found = stage_tokens.evaluate(build([doc("tickets", "1", 1, modality="image")], project=project))
    assert {one.modality: one.status for one in found} == {"audio": "fail", "image": "fail", "text": "fail"}


def _both(found: list[Finding]) -> tuple[str, str]:
    passes, known = found
    return passes.status, known.status


def test_passes_up_to_repeat(build: Builder) -> None:
    project = _stage(repeat={"anchor": 2})
    twice = [doc("anchors_s", "1", epoch=epoch) for epoch in range(2)]
    assert _both(repetition.evaluate(build([*twice, doc("tickets", "1")], project=project))) == ("pass", "pass")
    thrice = [*twice, doc("anchors_s", "1", epoch=2)]
    found = repetition.evaluate(build(thrice, project=project))
    assert (found[0].status, found[0].shortfall) == ("fail", 1)
    assert found[0].evidence["passes"] == {"anchors_s/1": 3}
    tickets = [doc("tickets", "1", epoch=epoch) for epoch in range(2)]
    assert _both(repetition.evaluate(build(tickets, project=project))) == ("fail", "pass")


@pytest.mark.parametrize(
    "change",
    [
        {"tokens": 9}, {"digest": "b" * 64}, {"authorship": "human_edited"}, {"kind": "anchor"}, {"licence": "MIT"},
        {"domain": "essays"}, {"generator": "gpt"}, {"family": "gpt"}, {"shard_row": 1},
        {"collected_at": AS_OF - timedelta(days=1)}, {"doc_id": "tickets/2"},
    ],
)  # fmt: skip
def test_what_the_corpus_did_not_keep_like_that_may_not_be_drawn(build: Builder, change: dict[str, Any]) -> None:
    evidence = build([doc("tickets", "1"), doc("anchors_s", "1")])
    altered = build([{**doc("tickets", "1"), **change}, doc("anchors_s", "1")])
    swapped = type(evidence)(**{**vars(evidence), "selection": altered.selection})
    assert _both(repetition.evaluate(evidence)) == ("pass", "pass")
    found = repetition.evaluate(swapped)[1]
    assert (found.status, found.observed) == ("fail", 1)
    assert found.evidence["examples"] == [change.get("doc_id", "tickets/1")]


@pytest.mark.parametrize("change", [{"status": "duplicate"}, {"status": "later"}, {"collected_at": AS_OF}])
def test_documents_of_other_cycles_and_states_may_not_be_drawn(build: Builder, change: dict[str, Any]) -> None:
    assert _both(repetition.evaluate(build([doc("tickets", "1", **change)]))) == ("pass", "fail")


def test_nothing_selected_is_no_pass(build: Builder) -> None:
    assert [one.status for one in repetition.evaluate(build([]))] == ["insufficient"]
