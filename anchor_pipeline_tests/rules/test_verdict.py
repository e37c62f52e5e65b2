"""The verdict fails closed: what is off, missing or broken is said, and never counted as passed."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anchor_pipeline.errors import DamagedData, UsageError
from anchor_pipeline.project.policy import RULES
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.explain import explain, line, summary
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.registry import AVAILABLE, NOT_AVAILABLE, REGISTRY, find_rule, rules_of_stage
from anchor_pipeline.rules.verdict import Verdict, judge, policy_digest, selection_digest
from anchor_pipeline_tests.rules.evidence import Builder, declaration, doc, merged

_STAGE_RULES = {"domain_weights", "repetition", "stage_tokens"}


def _good() -> list[dict[str, Any]]:
    return [
        doc("anchors_s", "1", 20), doc("anchors_e", "1", 20), doc("tickets", "1", 60), doc("human_e", "1", 40),
        doc("synth_e", "1", 20),
    ]  # fmt: skip


def _of(verdict: Verdict, rule: str) -> list[Finding]:
    return [finding for finding in verdict.findings if finding.rule == rule]


_UNPROVEN = {
    "entropy_band", "novelty_band", "diversity_band", "model_origin", "eval_contamination", "anchor_drift"
}  # fmt: skip
"""Rules that need a model, an earlier release or evaluation sets; here there are none."""


def test_a_lawful_selection_passes(build: Builder) -> None:
    verdict = judge(build(_good()), previous_release="p")
    assert verdict.status == "pass", explain(verdict)
    unproven = _UNPROVEN & set(AVAILABLE)
    assert set(verdict.rules.evaluated) == set(AVAILABLE) - unproven
    told = {(one.status, one.severity) for rule in unproven for one in _of(verdict, rule)}
    assert told == {("insufficient", "warn")}
    assert verdict.rules.not_available == NOT_AVAILABLE
    assert verdict.digests.previous_release == "p"
    judged, waiting = len(AVAILABLE) - len(unproven), len(NOT_AVAILABLE)
    assert summary(verdict) == (
        f"passed: 0 of {judged} evaluated rules fail, {len(unproven)} without evidence, {waiting} not yet available"
    )
    assert Verdict.model_validate_json(verdict.json_bytes) == verdict


def test_every_declared_rule_is_accounted_for(build: Builder) -> None:
    project = declaration({"licence": "off", "model_origin": "off"})
    verdict = judge(build(_good(), project=project))
    found = {finding.rule for finding in verdict.findings}
    off = {entry.rule for entry in verdict.rules.off}
    assert found | off == set(RULES) | _STAGE_RULES
    assert off == {"licence", "model_origin"}
    assert not off & found
    assert not off & {*verdict.rules.evaluated, *verdict.rules.not_available}
    assert "2 off" in summary(verdict)
    assert "off: model_origin, licence" in explain(verdict)
    assert [entry.name for entry in rules_of_stage(build([], project=project).project, "main")] == [
        name for name in REGISTRY if name in found
    ]


def test_off_in_part_is_said(build: Builder) -> None:
    domains = {"essays": {"rules": {"licence": "off"}}}
    verdict = judge(build(_good(), project=declaration(domains=domains)))
    assert [(one.rule, one.where, one.domain) for one in verdict.rules.off] == [("licence", "domain", "essays")]
    assert "off: licence in domain essays" in explain(verdict)
    assert {finding.domain for finding in _of(verdict, "licence")} == {"support"}
    stage = {"main": {"rules": {"anchor_share": "off"}, "domains": {"essays": {"weight": 0.5, "rules": {}}}}}
    project = declaration(stages=stage)
    project["stages"]["main"]["domains"]["essays"]["rules"] = {"anchor_share": {"min": 0.1}}
    verdict = judge(build(_good(), project=project))
    assert "off: anchor_share for the stage as a whole" in explain(verdict)
    assert {finding.domain for finding in _of(verdict, "anchor_share")} == {"essays"}


def test_no_rule_evaluated_is_a_refusal(build: Builder) -> None:
    verdict = judge(build(_good(), project=declaration(dict.fromkeys(RULES, "off"))))
    assert verdict.status == "fail"
    assert {finding.status for finding in verdict.findings} == {"pass"}
    assert set(verdict.rules.evaluated) == _STAGE_RULES
    assert "no declared rule was evaluated" in summary(verdict)


def test_an_empty_selection_is_refused(build: Builder) -> None:
    verdict = judge(build([]))
    assert verdict.status == "fail"
    passing = {finding.rule for finding in verdict.findings if finding.status == "pass"}
    assert passing == {"conservation", "sampling_plan", "perceptual_novelty"}, "what is not about the stage's texts"


def test_rules_that_come_later_warn_unless_relied_on(build: Builder) -> None:
    def judged(setting: dict[str, Any]) -> list[Finding]:
        project = declaration(dict.fromkeys(NOT_AVAILABLE, setting) if setting else {})
        found = judge(build(_good(), project=project)).findings
        return [finding for finding in found if finding.rule in NOT_AVAILABLE]

    found = judged({})
    assert [finding.rule for finding in found] == list(NOT_AVAILABLE)
    assert {(one.status, one.severity) for one in found} == {("insufficient", "warn")}
    assert all("not yet available" in one.message for one in found)
    assert {one.refuses for one in judged({"severity": "block"})} == {True}
    assert {one.refuses for one in judged({"severity": "warn"})} == {False}


def test_evaluation_sets_are_relied_on(build: Builder) -> None:
    project = declaration({"eval_contamination": {"sets": ["eval.jsonl"]}})
    verdict = judge(build(_good(), project=project))
    assert verdict.status == "fail"
    assert summary(verdict).startswith("refused: 0 of ")
    assert explain(verdict)[0].startswith("BLOCKS, NO EVIDENCE: eval_contamination")
    project = declaration({"eval_contamination": {"sets": ["eval.jsonl"], "severity": "warn"}})
    assert judge(build(_good(), project=project)).status == "pass"


def test_a_rule_that_comes_later_blocks_where_it_is_relied_on(build: Builder) -> None:
    # Where only one domain relies on a rule, it blocks too.
    project = declaration(domains={"essays": {"rules": {"fidelity": {"severity": "block"}}}})
    assert judge(build(_good(), project=project)).status == "fail"
    # And where the place that relies on it is off, it does not.
    project = declaration({"fidelity": {"severity": "block"}}, stages={"main": {"rules": {"fidelity": "off"}}})
    warned = {"weight": 0.5, "rules": {"fidelity": {"severity": "warn"}}}
    project["stages"]["main"]["domains"]["essays"] = warned
    assert judge(build(_good(), project=project)).status == "pass"


def _breaks(evidence: Evidence) -> list[Finding]:
    raise ZeroDivisionError("division\nby zero")


def _is_silent(evidence: Evidence) -> list[Finding]:
    return []


@pytest.mark.parametrize("broken", [_breaks, _is_silent])
def test_a_rule_that_breaks_or_says_nothing_blocks(
    build: Builder, monkeypatch: pytest.MonkeyPatch, broken: Any
) -> None:
    monkeypatch.setitem(AVAILABLE, "licence", broken)
    project = declaration({"licence": {"severity": "warn"}})
    verdict = judge(build(_good(), project=project))
    (found,) = _of(verdict, "licence")
    assert (found.status, found.severity, verdict.status) == ("insufficient", "block", "fail")
    assert "licence" not in verdict.rules.evaluated
    if broken is _breaks:
        assert "ZeroDivisionError: division by zero" in found.message


def test_a_warning_alone_does_not_refuse(build: Builder) -> None:
    project = declaration({"anchor_share": {"min": 0.9, "severity": "warn"}})
    verdict = judge(build(_good(), project=project))
    assert verdict.status == "pass"
    assert "1 only advised against" in summary(verdict)
    advice = [text for text in explain(verdict) if "anchor_share" in text]
    assert len(advice) == 3
    assert all(text.startswith("advice: ") for text in advice)


def test_what_lacks_evidence_everywhere_is_said_once(build: Builder) -> None:
    verdict = judge(build(_good()))
    lacking = [one for one in _of(verdict, "entropy_band") if one.status == "insufficient"]
    assert len(lacking) == 3
    (said,) = [text for text in explain(verdict) if text.startswith("advice, no evidence: entropy_band")]
    assert said.endswith(" (and 2 more places)")


def test_a_refusal_says_rule_domain_observed_required_missing_and_remedy(build: Builder) -> None:
    rows = [*_good()[1:], doc("tickets", "2", 20)]
    verdict = judge(build(rows))
    assert verdict.status == "fail"
    assert summary(verdict).startswith("refused: 1 of ")
    said = explain(verdict)
    (support,) = [text for text in said if text.startswith("BLOCKS: anchor_share (support, text)")]
    assert support == (
        "BLOCKS: anchor_share (support, text) [observed 0, required at least 0.15, missing 15]: `support` holds 0 %"
        " anchors (0 of 80 tokens), at least 15 % are declared: add 15 anchor tokens"
    )
    assert any(text.startswith("BLOCKS, NO EVIDENCE: anchor_freshness (support, text)") for text in said)
    assert any(text.startswith(f"not yet available, not judged: {NOT_AVAILABLE[0]}") for text in said)
    assert not any(text.startswith("passes") for text in said)
    assert any(text.startswith("passes: licence (support)") for text in explain(verdict, passes=True))


def test_lines_tell_one_token(build: Builder) -> None:
    rows = [doc("anchors_s", "1", 14_999_999), doc("tickets", "1", 85_000_001)]
    (found,) = [one for one in judge(build(rows)).findings if (one.rule, one.domain) == ("anchor_share", "support")]
    assert "[observed 0.14999999, required at least 0.15, missing 2]" in line(found)


def test_findings_are_in_order_and_verdicts_equal(build: Builder) -> None:
    evidence = build(_good())
    one, other = judge(evidence), judge(Evidence(**{k: v for k, v in vars(evidence).items() if k in _FIELDS}))
    assert one.json_bytes == other.json_bytes
    assert one.digest == other.digest == hashlib.sha256(one.json_bytes).hexdigest()
    order = [(list(REGISTRY).index(one.rule), one.domain or "", one.modality or "") for one in one.findings]
    assert order == sorted(order)


_FIELDS = ("project", "stage", "cycle", "corpus", "documents", "selection", "left_out", "store")


def test_the_registry_has_every_rule_in_order() -> None:
    assert [name for name in REGISTRY if name in RULES] == list(RULES)
    assert set(REGISTRY) - set(RULES) == _STAGE_RULES
    numbers = [rule.number for rule in REGISTRY.values() if rule.number is not None]
    assert numbers == [*range(1, 19), *range(18, 24)]
    assert all(rule.title and rule.why.endswith(".") for rule in REGISTRY.values())
    with pytest.raises(UsageError, match="rules are anchor_share, anchor_freshness"):
        find_rule("anchor_shares")


def test_selection_digest_is_that_of_its_rows_whatever_the_layout(build: Builder, tmp_path: Path) -> None:
    rows = [doc("tickets", str(i), epoch=i % 3) for i in range(5000)]
    evidence = build(rows)
    wanted = hashlib.sha256(b"".join(f"{r['doc_id']}\0{r['digest']}\0{r['epoch']}\n".encode() for r in rows))
    assert selection_digest(evidence.selection) == wanted.hexdigest()
    table = pq.read_table(evidence.selection)
    large = pa.schema([f.with_type(pa.large_string()) if f.type == pa.string() else f for f in table.schema])
    path = tmp_path / "other.parquet"
    layouts: list[dict[str, Any]] = [{"row_group_size": 7}, {"compression": "zstd"}, {"use_dictionary": False}]
    for kind in (table, table.cast(large)):
        for options in layouts:
            pq.write_table(kind, path, **options)
            assert selection_digest(path) == wanted.hexdigest()
    pq.write_table(table.take(pa.array([1, 0, *range(2, 5000)])), path)
    assert selection_digest(path) != wanted.hexdigest()
    pq.write_table(table.slice(0, 0), path)
    assert selection_digest(path) == hashlib.sha256().hexdigest()


def test_a_selection_that_cannot_be_read_is_damaged(build: Builder, tmp_path: Path) -> None:
    path = tmp_path / "selection.parquet"
    with pytest.raises(DamagedData, match="cannot be read"):
        selection_digest(path)
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(DamagedData, match="cannot be read"):
        selection_digest(path)
    pq.write_table(pa.table({"doc_id": ["a"], "digest": [None], "epoch": [0]}), path)
    with pytest.raises(DamagedData, match="no doc_id, digest or epoch"):
        selection_digest(path)


@pytest.mark.parametrize(
    "change",
    [
        {"rules": {"anchor_share": {"min": 0.16}}},
        {"domains": {"essays": {"rules": {"licence": {"severity": "warn"}}}}},
        {"domains": {"essays": {"fresh_window": "61d"}}},
        {"stages": {"main": {"tolerance": 0.4}}},
        {"stages": {"main": {"repeat": {"anchor": 2}}}},
        {"stages": {"main": {"rules": {"consent": "off"}}}},
        {"sources": {"tickets": {"terms": {"expires": date(2030, 1, 1).isoformat()}}}},
        {"sources": {"anchors_s": {"signed_off": False}}},
        {"seed": 2},
    ],
)
def test_policy_digest_changes_with_what_decides(build: Builder, change: dict[str, Any]) -> None:
    base = policy_digest(build([]).project, "main")
    assert base == policy_digest(build([], project=declaration()).project, "main")
    assert policy_digest(build([], project=merged(declaration(), change)).project, "main") != base


def test_policy_digest_does_not_change_with_what_does_not(build: Builder) -> None:
    base = policy_digest(build([]).project, "main")
    change = {
        "store": "elsewhere",
        "stages": {"other": {"tokens": 5, "domains": {"support": 1}, "rules": {"licence": "off"}}},
        "sources": {"tickets": {"uri": "moved.jsonl", "description": "tickets"}},
        "domains": {"new": {"rules": {"licence": "off"}}},
    }
    spelt_out = {"rules": {"anchor_share": {"min": "15 %"}, "synthetic_share": {"max": 0.3}}}
    for other in (change, spelt_out):
        assert policy_digest(build([], project=merged(declaration(), other)).project, "main") == base


def test_evidence_is_json(build: Builder) -> None:
    rows = [*_good(), doc("synth_s", "b", parents=["synth_e/1"]), doc("tickets", "9", digest="0" * 64, licence="?")]
    verdict = judge(build(rows, counts={"tickets": {"read": 9}}))
    assert json.loads(verdict.json_bytes) == verdict.model_dump(mode="json")
