"""Floors and caps, and the four share rules, against brute force over fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.rules import anchor_freshness, anchor_share, synthetic_share
from anchor_pipeline.rules.shares import above_cap, missing_to_floor, others_above_floor, others_below_cap
from anchor_pipeline.rules.wording import amount, percent
from anchor_pipeline_tests.rules.evidence import Builder, at, declaration, doc

shares = st.fractions(0, 1, max_denominator=30)


@given(whole=st.integers(1, 60), data=st.data(), floor=shares)
def test_shortfall_of_a_floor_is_the_least_that_reaches_it(whole: int, data: st.DataObject, floor: Fraction) -> None:
    part = data.draw(st.integers(0, whole))
    further, fewer = missing_to_floor(part, whole, floor), others_above_floor(part, whole, floor)
    if further is None:
        assert floor == 1
        assert part < whole
    else:
        assert Fraction(part + further, whole + further) >= floor
        assert further == 0 or Fraction(part + further - 1, whole + further - 1) < floor
    if part:
        assert Fraction(part, whole - fewer) >= floor
        assert fewer == 0 or Fraction(part, whole - fewer + 1) < floor


@given(whole=st.integers(1, 60), data=st.data(), cap=shares)
def test_excess_over_a_cap_is_the_least_to_leave_out(whole: int, data: st.DataObject, cap: Fraction) -> None:
    part = data.draw(st.integers(0, whole))
    excess, further = above_cap(part, whole, cap), others_below_cap(part, whole, cap)
    rest = whole - excess
    assert part - excess <= cap * rest
    assert excess == 0 or part - excess + 1 > cap * (rest + 1)
    if further is not None:
        assert Fraction(part, whole + further) <= cap
        assert further == 0 or Fraction(part, whole + further - 1) > cap
    else:
        assert cap == 0


def test_shares_that_differ_never_look_alike() -> None:
    assert percent(Fraction(149_999_999, 10**9), Fraction(15, 100)) == "14.9999999 %"
    assert percent(Fraction(15, 100), Fraction(149_999_999, 10**9)) == "15 %"
    assert percent(Fraction(121, 1000)) == "12.1 %"
    assert percent(Fraction(1, 3)) == "33.3 %"
    assert amount(1, "text", "anchor") == "1 anchor token"
    assert amount(2500, "audio") == "2.5 seconds"


@settings(max_examples=40, deadline=None)
@given(
    amounts=st.tuples(*[st.integers(0, 40)] * 6),
    floor=st.fractions(0, 1, max_denominator=12),
    cap=st.fractions(0, 1, max_denominator=12),
)
def test_share_rules_agree_with_counting(
    build: Builder, amounts: tuple[int, ...], floor: Fraction, cap: Fraction
) -> None:
    sources = ("anchors_s", "tickets", "synth_s", "anchors_e", "human_e", "synth_e")
    rows = [doc(source, "1", n) for source, n in zip(sources, amounts, strict=True) if n]
    rules = {"anchor_share": {"min": str(floor)}, "synthetic_share": {"max": str(cap)}}
    evidence = build(rows, project=declaration(rules, domains={"support": {"volatility": "volatile"}}))
    shared, capped = anchor_share.evaluate(evidence), synthetic_share.evaluate(evidence)
    anchors_s, tickets, synth_s, anchors_e, human_e, synth_e = amounts
    places = {
        "support": (anchors_s, synth_s, anchors_s + tickets + synth_s),
        "essays": (anchors_e, synth_e, anchors_e + human_e + synth_e),
        None: (anchors_s + anchors_e, synth_s + synth_e, sum(amounts)),
    }
    for domain, (anchors, synthetic, total) in places.items():
        found, over = at(shared, domain), at(capped, domain)
        if not total:
            expected = "pass" if sum(amounts) else "insufficient"
            assert (found.status, over.status) == (expected, expected)
            continue
        assert (found.status == "pass") == (Fraction(anchors, total) >= floor)
        assert (over.status == "pass") == (Fraction(synthetic, total) <= cap)
        assert found.observed == anchors / total
        assert over.observed == synthetic / total


def test_one_token_decides(build: Builder) -> None:
    def statuses(anchor: int, other: int) -> set[str]:
        rows = [doc("anchors_s", "1", anchor), doc("tickets", "1", other)]
        return {finding.status for finding in anchor_share.evaluate(build(rows)) if finding.domain == "support"}

    assert statuses(15_000_000_000, 85_000_000_000) == {"pass"}
    assert statuses(14_999_999_999, 85_000_000_001) == {"fail"}

    def capped(synthetic: int, other: int) -> str:
        rows = [doc("synth_s", "1", synthetic), doc("tickets", "1", other)]
        return at(synthetic_share.evaluate(build(rows)), "support").status

    assert capped(30_000_000_000, 70_000_000_000) == "pass"
    assert capped(30_000_000_001, 69_999_999_999) == "fail"


def test_the_message_says_what_is_wrong_and_what_would_fix_it(build: Builder) -> None:
    evidence = build([doc("anchors_s", "1", 2420), doc("tickets", "1", 17_580)])
    found = at(anchor_share.evaluate(evidence), "support")
    assert found.message == (
        "`support` holds 12.1 % anchors (2,420 of 20,000 tokens), at least 15 % are declared:"
        " add 683 anchor tokens, or draw 3,867 fewer others"
    )
    assert (found.shortfall, found.required, found.comparator) == (683, 0.15, ">=")
    assert found.evidence["anchor_sources"] == {"anchors_s": 2420}


def test_off_for_the_stage_and_on_in_a_domain_and_the_other_way_round(build: Builder) -> None:
    rows = [doc("tickets", "1"), doc("human_e", "1")]
    essays_only = declaration(
        stages={"main": {"rules": {"anchor_share": "off"}, "domains": {"essays": {"weight": 0.5, "rules": {}}}}}
    )
    essays_only["stages"]["main"]["domains"]["essays"]["rules"] = {"anchor_share": {"min": 0.1}}
    found = anchor_share.evaluate(build(rows, project=essays_only))
    assert [(one.domain, one.status) for one in found] == [("essays", "fail")]
    but_essays = declaration(domains={"essays": {"rules": {"anchor_share": "off"}}})
    found = anchor_share.evaluate(build(rows, project=but_essays))
    assert [(one.domain, one.status) for one in found] == [(None, "fail"), ("support", "fail")]


def test_severity_is_that_of_the_place(build: Builder) -> None:
    project = declaration(domains={"essays": {"rules": {"anchor_share": {"severity": "warn"}}}})
    found = anchor_share.evaluate(build([doc("tickets", "1"), doc("human_e", "1")], project=project))
    assert {one.domain: one.severity for one in found} == {None: "block", "support": "block", "essays": "warn"}
    assert not at(found, "essays").refuses


def test_volatile_domains_need_more_and_slow_ones_less_by_default(build: Builder) -> None:
    domains = {"support": {"volatility": "volatile"}, "essays": {"volatility": "slow", "fresh_window": "2y"}}
    project = declaration(domains=domains)
    del project["rules"]["anchor_share"]
    rows = [doc("anchors_s", "1", 199), doc("tickets", "1", 801), doc("anchors_e", "1", 100), doc("human_e", "1", 900)]
    found = anchor_share.evaluate(build(rows, project=project))
    assert [(one.domain, one.required, one.status) for one in found] == [
        (None, 0.15, "fail"), ("support", 0.2, "fail"), ("essays", 0.1, "pass"),
    ]  # fmt: skip


def test_nothing_selected_is_no_pass(build: Builder) -> None:
    tight = declaration(stages={"main": {"tolerance": 0.02}})
    for rule in (anchor_share, anchor_freshness, synthetic_share):
        found = rule.evaluate(build([], project=tight))
        assert [one.status for one in found] == ["insufficient"] * 3
        found = rule.evaluate(build([doc("anchors_s", "1")], project=tight))
        assert at(found, "essays").status == "insufficient"
        assert at(found, "essays").refuses
        # A weight within the tolerance allows an empty domain.
        found = rule.evaluate(build([doc("anchors_s", "1")], project=declaration()))
        assert at(found, "essays").status == "pass"


def test_modalities_are_judged_apart(build: Builder) -> None:
    audio = {"kind": "anchor", "modality": "audio", "domain": "support", "uri": "*.wav", "signed_off": True}
    project = declaration(sources={"anchors_sounds": audio, "synth_sounds": {**audio, "kind": "licensed"}})
    rows = [
        doc("anchors_s", "1", 90),
        doc("tickets", "1", 10),
        doc("anchors_sounds", "1", 1500, modality="audio"),
        doc("synth_sounds", "1", 18_500, modality="audio", kind="licensed", authorship="human"),
        doc("human_e", "1", 100),
    ]
    found = anchor_share.evaluate(build(rows, project=project))
    assert at(found, "support", "text").status == "pass"
    sounds = at(found, "support", "audio")
    assert sounds.status == "fail"
    assert "(1.5 of 20 seconds)" in sounds.message
    assert sounds.shortfall == pytest.approx(1.765)
    # Essays have no source of sounds, so none are asked for.
    assert [one.modality for one in found if one.domain == "essays"] == ["text"]


def test_authorship_decides_what_is_synthetic_and_not_the_planner(build: Builder) -> None:
    rows = [
        doc("human_e", "1", 40, authorship="unknown", synthetic=False),
        doc("human_e", "2", 60),
        doc("tickets", "1", 50, authorship="synthetic", synthetic=False),
        doc("synth_s", "1", 50, authorship="human", synthetic=True),
    ]
    found = synthetic_share.evaluate(build(rows))
    assert (at(found, "essays").observed, at(found, "support").observed) == (0.4, 0.5)
    assert at(found, "essays").evidence["unknown_authorship"] == 40
    trusting = declaration(domains={"essays": {"rules": {"synthetic_share": {"unknown_counts": "no"}}}})
    found = synthetic_share.evaluate(build(rows, project=trusting))
    assert at(found, "essays").observed == 0
    assert at(found).observed == 0.25
