"""Rules about whole sources: conservation and sampling_plan."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from anchor_pipeline.rules import conservation, sampling_plan
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline_tests.rules.evidence import AS_OF, Builder, declaration, doc, unreadable


def _of(found: list[Finding], source: str) -> Finding:
    (one,) = [finding for finding in found if finding.evidence.get("source") == source]
    return one


def test_every_source_of_the_stage_is_accounted_for(build: Builder) -> None:
    rows = [doc("tickets", "1"), doc("tickets", "1", epoch=1), doc("tickets", "2")]
    corpus = [
        doc("tickets", "3"),
        doc("tickets", "4", status="duplicate"),
        doc("tickets", "5", status="later"),
        doc("tickets", "6", status="quarantined"),
    ]
    found = conservation.evaluate(build(rows, corpus=corpus))
    assert len(found) == 6
    assert {one.status for one in found} == {"pass"}
    one = _of(found, "tickets")
    assert one.domain == "support"
    wanted = {"read": 6, "selected": 2, "unselected": 1, "duplicate": 1, "quarantined": 1, "later": 1}
    assert {name: one.evidence[name] for name in wanted} == wanted
    assert "6 read = 2 selected + 1 unselected + 1 duplicate + 1 quarantined + 1 later" in one.message


def test_one_row_that_vanished_fails(build: Builder) -> None:
    found = _of(conservation.evaluate(build([doc("tickets", "1")], counts={"tickets": {"read": 2}})), "tickets")
    assert (found.status, found.observed, found.required, found.shortfall) == ("fail", 1, 2, 1)
    assert "1 rows unaccounted for" in found.message or "1 row unaccounted for" in found.message


def test_more_selected_than_kept_fails(build: Builder) -> None:
    rows = [doc("tickets", "1"), doc("tickets", "2")]
    found = _of(conservation.evaluate(build(rows, counts={"tickets": {"read": 1, "kept": 1}})), "tickets")
    assert found.status == "fail"
    assert "2 documents are selected, but the corpus kept 1" in found.message


def test_a_record_that_differs_from_the_table_fails(build: Builder) -> None:
    found = _of(
        conservation.evaluate(build([doc("tickets", "1")], counts={"tickets": {"read": 2, "later": 1}})), "tickets"
    )
    assert found.status == "fail"
    assert "later 0, not 1" in found.message


def test_an_unreadable_file_is_no_pass_and_named(build: Builder) -> None:
    counts = {"tickets": {"unreadable": unreadable("data/t.jsonl.gz")}}
    found = _of(conservation.evaluate(build([doc("tickets", "1")], counts=counts)), "tickets")
    assert (found.status, found.refuses) == ("insufficient", True)
    assert "data/t.jsonl.gz cannot be read at byte 512" in found.message


def test_rows_set_aside_because_an_expectation_could_not_be_evaluated_are_no_pass(build: Builder) -> None:
    counts = {"tickets": {"read": 4, "quarantined": {"expectation_not_evaluated": 3}}}
    found = _of(conservation.evaluate(build([doc("tickets", "1")], counts=counts)), "tickets")
    assert (found.status, found.refuses) == ("insufficient", True)
    assert "could not be evaluated, so 3 rows that may be sound are set aside" in found.message


def test_an_undeclared_source_and_one_missing_from_the_corpus(build: Builder) -> None:
    evidence = build([doc("tickets", "1"), {**doc("tickets", "1"), "source": "stranger", "doc_id": "stranger/1"}])
    assert [one.status for one in conservation.evaluate(evidence) if one.status != "pass"] == ["insufficient"]


def _plan(**plan: Any) -> dict[str, Any]:
    return declaration(sources={"anchors_s": {"sampling_plan": {"cadence": "monthly", **plan}}})


def _aged(id: str, days: float, **fields: Any) -> dict[str, Any]:
    return doc("anchors_s", id, collected_at=AS_OF - timedelta(days=days), **fields)


def _statuses(found: list[Finding]) -> list[tuple[str, float | None, float | None]]:
    return [(one.status, one.observed, one.required) for one in found]


def test_no_plan_is_said(build: Builder) -> None:
    (found,) = sampling_plan.evaluate(build([doc("anchors_s", "1")]))
    assert (found.status, found.domain) == ("pass", None)
    assert "declares a sampling plan" in found.message


def test_on_hand_and_new(build: Builder) -> None:
    # A month before 1 January 2022 is 1 December: 31 days.
    corpus = [_aged("1", 31), _aged("2", 31.001, status="duplicate"), _aged("3", 0, status="later")]
    # The period ends before `as_of`.
    corpus.append(_aged("4", 0))
    found = sampling_plan.evaluate(build([], corpus=corpus, project=_plan(minimum=3, minimum_new=1)))
    assert _statuses(found) == [("pass", 3, 3), ("pass", 1, 1)]
    found = sampling_plan.evaluate(build([], corpus=corpus, project=_plan(minimum=4, minimum_new=2)))
    assert _statuses(found) == [("fail", 3, 4), ("fail", 1, 2)]
    assert found[0].domain == "support"
    assert "ask ann@example.org to collect 1 more document" in found[0].message


def test_strata(build: Builder) -> None:
    corpus = [_aged("1", 1, stratum="north"), _aged("2", 1, stratum="north"), _aged("3", 1)]
    found = sampling_plan.evaluate(build([], corpus=corpus, project=_plan(strata={"north": 2, "south": 1})))
    assert _statuses(found) == [("pass", 3, 1), ("pass", 2, 2), ("fail", 0, 1), ("pass", 3, 1)]
    assert "stratum `south`" in found[2].message


def test_warn_and_off(build: Builder) -> None:
    project = _plan(minimum=3)
    project["rules"]["sampling_plan"] = {"severity": "warn"}
    found = sampling_plan.evaluate(build([], project=project))
    assert {(one.status, one.refuses) for one in found} == {("fail", False)}
    project["domains"]["support"]["rules"] = {"sampling_plan": "off"}
    assert sampling_plan.evaluate(build([], project=project)) == []
