"""Rule 13: no document with text of a declared evaluation set, and none that a source holds out, passes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa

from anchor_pipeline.corpus.held_out import held_out
from anchor_pipeline.rules.eval_contamination import evaluate
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.verdict import judge
from anchor_pipeline_tests.rules.evidence import Builder, at, declaration, doc

QUESTION = "A train leaves the harbour at nine and the ferry at ten: which of the two is first in the town of Ulm?"


def asked(folder: Path, rows: list[dict[str, Any]], **settings: Any) -> dict[str, Any]:
    """A project that declares an evaluation set of these rows."""
    path = folder / "exam.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return declaration({"eval_contamination": {"sets": [str(path)], **settings}})


def of_domain(findings: list[Finding], domain: str) -> Finding:
    return at(findings, domain, modality=None)


def test_a_document_with_text_of_an_evaluation_set_fails_and_is_named(build: Builder, tmp_path: Path) -> None:
    project = asked(tmp_path, [{"id": 1, "answer": "Munich"}, {"question": QUESTION}])
    rows = [
        doc("tickets", "clean"),
        doc("tickets", "bad", 7, text=f"Copied. {QUESTION.lower()} Yes."),
        doc("human_e", "1"),
    ]
    findings = evaluate(build(rows, project=project))
    found = of_domain(findings, "support")
    assert (found.status, found.severity, found.observed, found.required) == ("fail", "block", 1, 0)
    example = found.evidence["examples"][0]
    assert (example["document"], example["file"], example["line"]) == ("tickets/bad", "exam.jsonl", 2)
    assert found.evidence["tokens"] == 7
    assert "tickets/bad" in found.message
    assert "record 2" in found.message
    assert of_domain(findings, "essays").status == "pass"


def test_the_length_that_counts_is_declared(build: Builder, tmp_path: Path) -> None:
    ten = " ".join(QUESTION.split()[:10])
    rows = [doc("tickets", "1", text=f"So then {ten} and all that.")]
    statuses = [
        of_domain(evaluate(build(rows, project=asked(tmp_path, [{"text": QUESTION}], ngram=n))), "support").status
        for n in (13, 10)
    ]
    assert statuses == ["pass", "fail"]


def test_a_changed_evaluation_set_is_asked_anew(build: Builder, tmp_path: Path) -> None:
    rows = [doc("tickets", "1", text=QUESTION)]
    other = [{"text": "Something else altogether, of more than thirteen words, that nobody has ever drawn before."}]
    before = build(rows, project=asked(tmp_path, other))
    assert of_domain(evaluate(before), "support").status == "pass"
    asked(tmp_path, [{"text": QUESTION}])
    assert of_domain(evaluate(before), "support").status == "fail"


def test_an_evaluation_set_that_cannot_be_read_does_not_pass(build: Builder, tmp_path: Path) -> None:
    project = asked(tmp_path, [{"text": QUESTION}])
    (tmp_path / "exam.jsonl").unlink()
    verdict = judge(build([doc("tickets", "1"), doc("human_e", "1")], project=project))
    found = [finding for finding in verdict.findings if finding.rule == "eval_contamination"]
    assert {(one.status, one.refuses) for one in found} == {("insufficient", True)}
    assert "exam.jsonl" in found[0].message


def test_without_sets_nothing_is_said_to_have_passed(build: Builder) -> None:
    found = of_domain(evaluate(build([doc("tickets", "1")])), "support")
    assert (found.status, found.refuses) == ("insufficient", False)
    strict = declaration({"eval_contamination": {"severity": "block"}})
    assert of_domain(evaluate(build([doc("tickets", "1")], project=strict)), "support").refuses


def test_a_document_that_its_source_holds_out_fails(build: Builder) -> None:
    project = declaration(sources={"anchors_s": {"hold_out": "30 %"}})
    ids = [f"anchors_s/{at}" for at in range(40)]
    held = {id for id, is_held in zip(ids, held_out(pa.array(ids), 1, Fraction(3, 10)), strict=True) if is_held}
    assert 4 < len(held) < 22
    free = [doc("anchors_s", str(at)) for at in range(40) if f"anchors_s/{at}" not in held]
    found = of_domain(evaluate(build([*free, doc("tickets", "1")], project=project)), "support")
    assert (found.status, found.message) == ("pass", "`support` holds no document that a source holds out")
    drawn = [*free, doc("anchors_s", sorted(held)[0].partition("/")[2]), doc("human_e", "1")]
    findings = evaluate(build(drawn, project=project))
    found = of_domain(findings, "support")
    assert (found.status, found.evidence["held_out"]) == ("fail", [sorted(held)[0]])
    assert of_domain(findings, "essays").status == "pass"
