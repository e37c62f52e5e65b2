"""Ages are taken from the documents' dates, the domain's window and `as_of`; the planner is not believed."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.rules.anchor_freshness import evaluate
from anchor_pipeline_tests.rules.evidence import AS_OF, Builder, at, declaration, doc


def _aged(source: str, id: str, tokens: int, age: timedelta, fresh: bool = False) -> dict[str, object]:
    return doc(source, id, tokens, collected_at=AS_OF - age, fresh=fresh)


def test_the_window_includes_its_edge(build: Builder) -> None:
    edge, older = timedelta(days=60), timedelta(days=60, microseconds=1)
    found = evaluate(build([_aged("anchors_s", "1", 1, edge), _aged("anchors_s", "2", 2, older, fresh=True)]))
    assert at(found, "support").status == "pass"
    assert at(found, "support").observed == 1 / 3
    assert at(found, "support").evidence["window"] == {"support": "60d"}
    found = evaluate(build([_aged("anchors_s", "1", 1, older, fresh=True), _aged("anchors_s", "2", 2, older)]))
    assert at(found, "support").status == "fail"
    assert at(found, "support").shortfall == 2
    assert "add 2 fresh anchor tokens" in at(found, "support").message


def test_a_document_dated_at_or_after_as_of_is_not_fresh(build: Builder) -> None:
    found = evaluate(build([_aged("anchors_s", "1", 10, timedelta(0), fresh=True)]))
    assert at(found, "support").observed == 0


def test_one_token_decides(build: Builder) -> None:
    def status(young: int, old: int) -> str:
        rows = [_aged("anchors_s", "1", young, timedelta(1)), _aged("anchors_s", "2", old, timedelta(400))]
        return at(evaluate(build(rows)), "support").status

    assert status(10**9, 2 * 10**9) == "pass"
    assert status(10**9 - 1, 2 * 10**9) == "fail"
    assert status(10**9, 2 * 10**9 + 1) == "fail"


def test_windows_differ_by_domain_and_setting(build: Builder) -> None:
    rows = [_aged("anchors_s", "1", 10, timedelta(45)), _aged("anchors_e", "1", 10, timedelta(45))]
    domains = {"support": {"volatility": "volatile"}, "essays": {"volatility": "slow", "fresh_window": "2y"}}
    found = evaluate(build(rows, project=declaration(domains=domains)))
    assert [(one.domain, one.observed) for one in found] == [(None, 0.5), ("support", 0), ("essays", 1)]
    found = evaluate(build(rows, project=declaration({"anchor_freshness": {"window": "50d"}}, domains=domains)))
    assert [one.observed for one in found] == [1, 1, 1]


def test_no_anchors_where_none_are_required(build: Builder) -> None:
    project = declaration(domains={"essays": {"rules": {"anchor_share": "off"}}})
    found = evaluate(build([doc("human_e", "1"), _aged("anchors_s", "1", 10, timedelta(1))], project=project))
    assert at(found, "essays").status == "pass"
    assert at(found, "essays").message.startswith("No anchors required here")
    found = evaluate(build([doc("human_e", "1"), _aged("anchors_s", "1", 10, timedelta(1))]))
    assert at(found, "essays").status == "insufficient"
    assert at(found, "essays").refuses


@settings(max_examples=30, deadline=None)
@given(
    documents=st.lists(
        st.tuples(
            st.sampled_from(["anchors_s", "anchors_e", "tickets"]),
            st.integers(0, 30),
            st.sampled_from([0, 1, 29, 30, 31, 59, 60, 61, 400]),
        ),
        min_size=1,
        max_size=8,
    ),
    floor=st.fractions(0, 1, max_denominator=7),
)
def test_agrees_with_counting(build: Builder, documents: list[tuple[str, int, int]], floor: Fraction) -> None:
    rows = [_aged(source, str(i), tokens, timedelta(days)) for i, (source, tokens, days) in enumerate(documents)]
    project = declaration({"anchor_freshness": {"min": str(floor)}}, domains={"support": {"volatility": "volatile"}})
    found = evaluate(build(rows, project=project))

    def fresh(source: str, days: int) -> bool:
        return 0 < days <= (30 if source == "anchors_s" else 60)

    for domain, sources in {
        "support": ["anchors_s"],
        "essays": ["anchors_e"],
        None: ["anchors_s", "anchors_e"],
    }.items():
        anchors = sum(n for source, n, _ in documents if source in sources)
        young = sum(n for source, n, days in documents if source in sources and fresh(source, days))
        if anchors:
            assert (at(found, domain).status == "pass") == (Fraction(young, anchors) >= floor)
            assert at(found, domain).observed == young / anchors


def test_leap_days_and_calendar_months(build: Builder) -> None:
    rows = [doc("anchors_s", "1", collected_at=datetime(2021, 7, 1, tzinfo=AS_OF.tzinfo))]
    found = evaluate(build(rows, project=declaration({"anchor_freshness": {"window": "6mo"}})))
    assert at(found, "support").observed == 1
