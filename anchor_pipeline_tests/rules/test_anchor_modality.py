from __future__ import annotations

from anchor_pipeline.rules.anchor_modality import evaluate
from anchor_pipeline_tests.rules.evidence import Builder, at, declaration, doc

_IMAGES = {"kind": "licensed", "modality": "image", "domain": "essays", "uri": "*.png"}


def test_text_anchors_do_not_stand_for_images(build: Builder) -> None:
    project = declaration(sources={"images": _IMAGES})
    rows = [doc("anchors_s", "1"), doc("images", "1", 1, modality="image", domain="essays")]
    found = evaluate(build(rows, project=project))
    assert at(found, None, "text").status == "pass"
    missing = at(found, None, "image")
    assert (missing.status, missing.observed, missing.required, missing.shortfall) == ("fail", 0, 1, 1)
    rows.append(doc("anchors_e", "2", 1, modality="image"))
    assert {one.status for one in evaluate(build(rows, project=project))} == {"pass"}


def test_a_modality_that_is_asked_for_and_absent_is_no_pass(build: Builder) -> None:
    project = declaration(sources={"images": _IMAGES})
    assert at(evaluate(build([doc("anchors_s", "1")], project=project)), None, "image").status == "insufficient"


def test_only_a_domain_that_declares_the_rule_needs_anchors_of_its_own(build: Builder) -> None:
    rows = [doc("anchors_s", "1"), doc("human_e", "1")]
    assert [one.domain for one in evaluate(build(rows))] == [None]
    project = declaration(domains={"essays": {"rules": {"anchor_modality": {"severity": "block"}}}})
    assert at(evaluate(build(rows, project=project)), "essays").status == "fail"
