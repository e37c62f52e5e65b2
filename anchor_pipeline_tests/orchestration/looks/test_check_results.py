"""A check says in one line what is wrong and what would fix it, and gives numbers under keys that stay the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from anchor_pipeline.errors import Refused
from anchor_pipeline.orchestration import retries
from anchor_pipeline.orchestration.looks.check_results import Judge, every_check, rule_result
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.registry import RuleEntry

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


def spec(name: str = "anchor_share", *, blocking: bool = True) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=["selection", "s"], blocking=blocking)


def entry(*, blocking: bool = True) -> RuleEntry:
    return RuleEntry("anchor_share", 1, "Anchor share", "Because.", blocking)


def finding(domain: str | None, observed: float | None, required: float = 0.15, **other: Any) -> Finding:
    status = "insufficient" if observed is None else "pass" if observed >= required else "fail"
    given = {
        "rule": "anchor_share",
        "stage": "s",
        "domain": domain,
        "modality": "text",
        "status": status,
        "severity": "block",
        "observed": observed,
        "required": required,
        "comparator": ">=",
        "shortfall": None if observed is None else max(0.0, 1000 * (required - observed)),
        "message": f"{domain or 'The stage'} holds {observed}: add anchors",
    }
    return Finding.model_validate({**given, **other})


def told(findings: list[Finding], *, blocking: bool = True) -> dg.AssetCheckResult:
    return rule_result(spec(blocking=blocking), entry(blocking=blocking), findings)


def rows(result: dg.AssetCheckResult) -> list[dict[str, Any]]:
    table = result.metadata["findings"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def plotted(result: dg.AssetCheckResult) -> dict[str, float]:
    numeric = (dg.IntMetadataValue, dg.FloatMetadataValue)
    return {name: value.value or 0 for name, value in result.metadata.items() if isinstance(value, numeric)}


def test_the_worst_comes_first_and_the_others_are_counted() -> None:
    result = told([finding("a", 0.14), finding("b", 0.01), finding("c", 0.5), finding(None, 0.12), finding("d", 0.1)])
    assert not result.passed
    assert result.severity == ERROR
    assert result.description == "BLOCKS: b holds 0.01: add anchors (and 3 more)"
    assert [row["domain"] for row in rows(result)] == ["b", "d", "(stage)", "a", "c"]


def test_the_table_has_observed_required_and_shortfall_as_numbers() -> None:
    [row] = rows(told([finding("support", 0.1202764976958525)]))
    assert (row["observed"], row["required"], row["shortfall"]) == (0.120276, 0.15, 29.7235)
    assert row["status"] == "fail"
    assert row["finding"] == "support holds 0.1202764976958525: add anchors"


def test_what_blocks_comes_before_advice_that_is_further_off() -> None:
    result = told([finding("a", 0.01, severity="warn"), finding("b", 0.14)])
    assert str(result.description).startswith("BLOCKS: b holds 0.14")
    assert result.severity == ERROR


def test_advice_is_a_warning_and_says_so() -> None:
    result = told([finding("a", 0.01, severity="warn"), finding("b", 0.2)])
    assert not result.passed
    assert result.severity == WARN
    assert str(result.description).startswith("advice: a holds 0.01")


def test_missing_evidence_is_told_from_failure() -> None:
    result = told([finding("a", None), finding("b", 0.2)])
    assert not result.passed
    assert result.severity == ERROR
    assert str(result.description).startswith("BLOCKS, NO EVIDENCE: ")
    assert result.metadata["status"].value == "insufficient"


def test_a_pass_tells_which_place_is_nearest_to_its_limit() -> None:
    result = told([finding("a", 0.6), finding("b", 0.151), finding(None, 0.3)])
    assert result.passed
    assert result.description == "Holds in all 3 places; nearest to its limit: b holds 0.151: add anchors"


def test_numbers_have_the_same_keys_whether_a_rule_passes_or_fails() -> None:
    good = plotted(told([finding("a", 0.2), finding(None, 0.2)]))
    bad = plotted(told([finding(None, 0.1), finding("a", 0.05)]))
    assert good.keys() == bad.keys()
    assert {"observed/a", "observed/stage", "shortfall/a", "shortfall/stage", "not_passed"} <= good.keys()
    assert (good["not_passed"], bad["not_passed"]) == (0, 2)
    assert bad["observed/a"] == 0.05
    assert bad["shortfall/a"] == pytest.approx(100)


def test_several_questions_about_one_source_add_up_what_is_missing() -> None:
    asked = [finding("d", 5, 9, evidence={"source": "logs"}, shortfall=need, modality=None) for need in (4, 2)]
    numbers = plotted(told(asked))
    assert numbers["shortfall/logs"] == 6
    assert "observed/logs" not in numbers


def test_a_modality_other_than_text_is_named() -> None:
    heard = told([finding("a", 0.2, modality="audio")])
    assert "observed/a/audio" in plotted(heard)
    assert rows(heard)[0]["domain"] == "a, audio"


def test_a_rule_without_findings_never_passes() -> None:
    blocking, advisory = told([]), told([], blocking=False)
    assert not blocking.passed
    assert not advisory.passed
    assert (blocking.severity, advisory.severity) == (ERROR, WARN)
    assert "no finding of rule anchor_share" in str(blocking.description)


SPECS = [spec("a"), spec("b", blocking=False), spec("c")]


def passing(name: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(check_name=name, passed=True)


def opened_by(judge: Judge) -> Callable[[], Judge]:
    return lambda: judge


def test_when_nothing_can_be_read_every_check_says_so() -> None:
    def broken() -> Judge:
        raise Refused("there is no verdict; build selection/s first")

    results = list(every_check(SPECS, broken))
    assert [one.check_name for one in results] == ["a", "b", "c"]
    assert [one.passed for one in results] == [False] * 3
    assert [one.severity for one in results] == [ERROR, WARN, ERROR]
    assert all("there is no verdict" in str(one.description) for one in results)
    assert {str(one.metadata["status"].value) for one in results} == {"insufficient"}


def test_one_broken_check_does_not_silence_the_others() -> None:
    def judge(name: str) -> dg.AssetCheckResult:
        if name == "b":
            raise ZeroDivisionError("division\nby zero")
        return passing(name)

    first, second, third = every_check(SPECS, opened_by(judge))
    assert first.passed
    assert third.passed
    assert not second.passed
    assert second.description == "advice, no evidence: ZeroDivisionError: division by zero"


def test_reasons_hold_no_credentials() -> None:
    def broken() -> Judge:
        raise OSError("https://user:hunter2hunter2@host.example/x cannot be read")

    assert all("hunter2" not in str(one) for one in every_check(SPECS, broken))


def test_what_another_attempt_may_mend_is_tried_again_before_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Judge:
        raise TimeoutError("the storage does not answer")

    monkeypatch.setattr(retries, "is_transient", lambda _: True)
    attempts_left = retries._attempts_left.set(True)
    try:
        with pytest.raises(TimeoutError):
            list(every_check(SPECS, broken))
    finally:
        retries._attempts_left.reset(attempts_left)
    # The last attempt tells.
    assert len(list(every_check(SPECS, broken))) == 3
