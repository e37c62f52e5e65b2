from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.generator_diversity import evaluate
from anchor_pipeline_tests.rules.evidence import Builder, declaration, doc


def _rule(**setting: Any) -> dict[str, Any]:
    return declaration({"generator_diversity": {"max_family_share": 0.5, **setting}})


def _two(found: list[Finding]) -> tuple[Finding, Finding]:
    family, effective = found
    assert (family.comparator, effective.comparator) == ("<=", ">=")
    assert family.domain is effective.domain is None
    return family, effective


def test_one_token_decides_on_the_largest_family(build: Builder) -> None:
    def judged(gpt: int, llama: int) -> Finding:
        rows = [doc("synth_s", "1", gpt), doc("synth_e", "1", llama, generator="llama@3", family="llama")]
        return _two(evaluate(build([*rows, doc("tickets", "1", 999)], project=_rule())))[0]

    assert judged(10**9, 10**9).status == "pass"
    found = judged(10**9 + 1, 10**9)
    assert (found.status, found.shortfall) == ("fail", 1)
    assert "`gpt`" in found.message


def test_equal_generators_count_whole(build: Builder) -> None:
    for number in range(2, 9):
        rows = [doc("synth_s", str(i), 10, generator=f"g{i}", family=f"f{i}") for i in range(number)]
        project = _rule(min_effective=number)
        assert _two(evaluate(build(rows, project=project)))[1].status == "pass"
        rows[0]["tokens"] = 11
        assert _two(evaluate(build(rows, project=project)))[1].status == "fail"


def test_no_synthetic_tokens_pass_and_nothing_at_all_does_not(build: Builder) -> None:
    (found,) = evaluate(build([doc("tickets", "1")], project=_rule(min_effective=3)))
    assert found.status == "pass"
    assert "no synthetic" in found.message
    assert [one.status for one in evaluate(build([], project=_rule()))] == ["insufficient"]


def test_unnamed_families_and_generators(build: Builder) -> None:
    rows = [
        doc("synth_s", "1", 10, generator="phi@1", family=None),
        doc("synth_s", "2", 10, generator="phi@2", family=None),
        doc("synth_s", "3", 10, generator=None, family=None),
        doc("synth_e", "4", 10, generator=None, family=None, authorship="unknown"),
    ]
    family, effective = _two(evaluate(build(rows, project=_rule())))
    assert family.evidence["families"] == {"phi": 20, "unknown": 20}
    assert effective.evidence["generators"] == {"phi@1": 10, "phi@2": 10, "unknown": 20}


def test_a_domain_is_judged_alone_only_if_it_declares_the_rule(build: Builder) -> None:
    rows = [doc("synth_s", "1", 10), doc("synth_e", "1", 10, generator="llama@3", family="llama")]
    assert {one.status for one in evaluate(build(rows, project=_rule()))} == {"pass"}
    project = _rule()
    project["domains"]["essays"]["rules"] = {"generator_diversity": {"severity": "warn"}}
    found = [one for one in evaluate(build(rows, project=project)) if one.status == "fail"]
    assert [(one.domain, one.severity) for one in found] == [("essays", "warn")]


@settings(max_examples=30, deadline=None)
@given(
    drawn=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("12"), st.integers(1, 20)), min_size=1, max_size=8
    ),
    cap=st.fractions(0, 1, max_denominator=9),
    floor=st.integers(1, 5),
)
def test_agrees_with_counting(build: Builder, drawn: list[tuple[str, str, int]], cap: Fraction, floor: int) -> None:
    rows = [doc("synth_s", str(i), n, generator=f"{f}@{v}", family=f) for i, (f, v, n) in enumerate(drawn)]
    project = _rule(max_family_share=str(cap), min_effective=floor)
    family, effective = _two(evaluate(build(rows, project=project)))
    families, generators = Counter[str](), Counter[str]()
    for name, version, tokens in drawn:
        families[name] += tokens
        generators[name + version] += tokens
    total = families.total()
    assert (family.status == "pass") == all(Fraction(n, total) <= cap for n in families.values())
    product = math.prod((total / n) ** (n / total) for n in generators.values())
    assert effective.observed is not None
    assert math.isclose(effective.observed, product, rel_tol=1e-9)
    if not math.isclose(product, floor, rel_tol=1e-6):
        assert (effective.status == "pass") == (product >= floor)
