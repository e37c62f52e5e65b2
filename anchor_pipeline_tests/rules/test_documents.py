"""Rules about single documents: anchor_purity, provenance, licence, consent."""

from __future__ import annotations

from typing import Any

import pytest

from anchor_pipeline.rules import anchor_purity, consent, licence, provenance
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline_tests.rules.evidence import Builder, at, declaration, doc

RULES = (anchor_purity, consent, licence, provenance)


def _good() -> list[dict[str, Any]]:
    return [doc("anchors_s", "1"), doc("tickets", "1"), doc("synth_s", "1"), doc("human_e", "1")]


def _support(found: list[Finding]) -> Finding:
    return at(found, "support", None)


@pytest.mark.parametrize("rule", RULES)
def test_good_documents_pass(build: Builder, rule: Any) -> None:
    found = rule.evaluate(build(_good()))
    assert [(one.domain, one.status, one.modality) for one in found] == [
        ("support", "pass", None),
        ("essays", "pass", None),
    ]


@pytest.mark.parametrize("rule", RULES)
def test_nothing_selected_is_no_pass(build: Builder, rule: Any) -> None:
    assert [one.status for one in rule.evaluate(build([]))] == ["insufficient", "insufficient"]


@pytest.mark.parametrize("rule", RULES)
def test_off_in_a_domain(build: Builder, rule: Any) -> None:
    project = declaration(domains={"support": {"rules": {rule.RULE: "off"}}})
    bad = doc("anchors_s", "2", authorship="unknown", licence="", kind="enterprise")
    assert [one.domain for one in rule.evaluate(build([bad, *_good()], project=project))] == ["essays"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"authorship": "unknown"}, "unknown authorship"),
        ({"authorship": "synthetic"}, "synthetic authorship"),
        ({"generator": "gpt@1"}, "written by `gpt@1`"),
        ({"family": "gpt"}, "written by `gpt`"),
    ],
)
def test_one_impure_anchor_fails(build: Builder, fields: dict[str, Any], said: str) -> None:
    rows = [doc("anchors_s", str(i)) for i in range(99)]
    found = _support(anchor_purity.evaluate(build([*rows, doc("anchors_s", "bad", **fields)])))
    assert (found.status, found.observed, found.shortfall) == ("fail", 0.99, 1)
    assert said in found.message
    assert found.evidence["examples"] == ["anchors_s/bad"]


def test_an_edited_anchor_is_pure_and_an_unsigned_one_is_not(build: Builder) -> None:
    assert _support(anchor_purity.evaluate(build([doc("anchors_s", "1", authorship="human_edited")]))).status == "pass"
    project = declaration(sources={"anchors_s": {"signed_off": False}})
    found = _support(anchor_purity.evaluate(build(_good(), project=project)))
    assert found.status == "fail"
    assert "ask ann@example.org" in found.message


@pytest.mark.parametrize("trained", ["gpt", "gpt@1"])
def test_the_trained_models_own_output_is_named(build: Builder, trained: str) -> None:
    project = declaration({"anchor_purity": {"trained_model": trained, "severity": "warn"}})
    found = _support(anchor_purity.evaluate(build([doc("anchors_s", "1", generator="gpt@1")], project=project)))
    assert "the model being trained" in found.message
    assert (found.severity, found.refuses) == ("warn", False)


def test_examples_are_at_most_ten_and_in_training_order(build: Builder) -> None:
    rows = [doc("anchors_s", str(i), authorship="unknown", epoch=epoch) for epoch in (0, 1) for i in range(30, 0, -1)]
    found = _support(anchor_purity.evaluate(build(rows)))
    assert found.evidence["examples"] == [f"anchors_s/{i}" for i in range(30, 20, -1)]
    assert found.evidence["documents"] == 60
    rows = [doc("anchors_s", "1", authorship="unknown", epoch=epoch) for epoch in range(3)]
    assert _support(anchor_purity.evaluate(build(rows))).evidence["examples"] == ["anchors_s/1"]


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"licence": None}, "licence"),
        ({"licence": " "}, "licence"),
        ({"collected_at": None}, "collected_at"),
        ({"authorship": None}, "authorship"),
        ({"authorship": "somebody"}, "authorship"),
        ({"digest": None}, "digest"),
        ({"digest": "abc"}, "digest"),
        ({"source": "stranger"}, "source"),
        ({"source": None}, "source"),
        ({"authorship": "synthetic"}, "generator"),
    ],
)
def test_each_gap_in_provenance_fails(build: Builder, fields: dict[str, Any], missing: str) -> None:
    bad = {**doc("tickets", "bad"), **fields}
    found = _support(provenance.evaluate(build([*_good(), bad])))
    assert (found.status, found.shortfall) == ("fail", 1)
    assert found.evidence["missing"] == {missing: 1}
    assert found.evidence["examples"] == ["tickets/bad"]


def test_a_declared_generator_is_a_record(build: Builder) -> None:
    found = _support(provenance.evaluate(build([doc("synth_s", "1", generator=None, family=None)])))
    assert found.status == "pass"
    assert "credentials" in found.message


def test_a_document_of_an_undeclared_domain_is_judged_too(build: Builder) -> None:
    found = provenance.evaluate(build([*_good(), doc("tickets", "bad", domain="elsewhere", licence="")]))
    assert at(found, None, None).status == "fail"


@pytest.mark.parametrize(
    ("allow", "held", "status"),
    [
        (["MIT"], "MIT", "pass"),
        (["MIT"], "MIT OR GPL-3.0-only", "pass"),
        (["MIT"], "MIT AND GPL-3.0-only", "fail"),
        (["MIT"], "GPL-3.0-only", "fail"),
        ([], "MIT", "fail"),
        (None, "GPL-3.0-only", "pass"),
        (None, "house rules", "fail"),
    ],
)
def test_licences(build: Builder, allow: list[str] | None, held: str, status: str) -> None:
    project = declaration({"licence": {"allow": allow}} if allow is not None else {})
    found = _support(licence.evaluate(build([doc("tickets", "1", licence=held)], project=project)))
    assert found.status == status
    if status == "fail":
        assert held in found.message


@pytest.mark.parametrize(
    ("expires", "status"), [("2021-12-31", "pass"), ("2021-12-30", "fail"), ("9999-12-31", "pass")]
)
def test_the_last_day_of_a_licence_counts_whole(build: Builder, expires: str, status: str) -> None:
    project = declaration(sources={"tickets": {"terms": {"expires": expires}}})
    assert _support(licence.evaluate(build(_good(), project=project))).status == status


def test_training_must_be_among_the_uses(build: Builder) -> None:
    project = declaration(sources={"tickets": {"terms": {"uses": ["evaluation"]}}})
    found = _support(licence.evaluate(build(_good(), project=project)))
    assert found.status == "fail"
    assert "permit evaluation, not training" in found.message


def test_what_the_licence_kept_out_before_is_said(build: Builder) -> None:
    counts = {"tickets": {"quarantined": {"licence_expired": 3, "bad_date": 1}}}
    evidence = build(_good(), counts=counts, left_out={"tickets": {"licence_not_allowed": 2, "risk_above_limit": 9}})
    found = _support(licence.evaluate(evidence))
    assert found.evidence["left_out"] == {"tickets": {"licence_expired": 3, "licence_not_allowed": 2}}
    assert "3 documents of `tickets` (licence_expired)" in found.message
    assert "left_out" not in at(licence.evaluate(evidence), "essays", None).evidence


@pytest.mark.parametrize(
    ("source", "setting", "said"),
    [
        ({"consent": None}, {}, "no consent basis"),
        ({"consent": {"basis": " "}}, {}, "no consent basis"),
        ({"consent": {"scrubbed": False}}, {}, "not scrubbed"),
        ({"risk": "high"}, {"max_risk": "medium"}, "risk class high"),
        ({"risk": None}, {"max_risk": "medium"}, "no risk class, which counts as high"),
        ({"risk": "medium"}, {"max_risk": "medium"}, None),
        ({"risk": None}, {"max_risk": "high"}, None),
    ],
)
def test_consent(build: Builder, source: dict[str, Any], setting: dict[str, Any], said: str | None) -> None:
    project = declaration({"consent": setting} if setting else {}, sources={"tickets": source})
    found = _support(consent.evaluate(build(_good(), project=project)))
    assert found.status == ("fail" if said else "pass")
    assert said is None or said in found.message


def test_the_risk_class_of_any_source_counts(build: Builder) -> None:
    project = declaration({"consent": {"max_risk": "low"}}, sources={"anchors_s": {"risk": "high"}})
    assert _support(consent.evaluate(build(_good(), project=project))).status == "fail"


def test_no_kind_in_the_selection_hides_an_enterprise_source(build: Builder) -> None:
    project = declaration(sources={"tickets": {"consent": None}})
    found = _support(consent.evaluate(build([doc("tickets", "1", kind="licensed")], project=project)))
    assert found.status == "fail"
