"""Rule 9: new text is compared with how novel human text would be; what repeats the release before is named."""

from __future__ import annotations

import random
from typing import Any

from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.novelty_band import evaluate
from anchor_pipeline_tests.rules.evidence import Builder, declaration, doc, release_of


def text(chance: random.Random) -> str:
    found: list[str] = []
    while len(found) < 120:
        start = int(2000 * chance.random() ** 3)
        found += [f"p{start}x{at}" for at in range(12)]
    return " ".join(found[:120])


def documents(source: str, prefix: str, number: int, seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    synthetic = source.startswith("synth")
    return [doc(source, f"{prefix}{at}", 120, text=text(chance), synthetic=synthetic) for at in range(number)]


def of(findings: list[Finding], bucket: str, domain: str = "support") -> Finding:
    found = [one for one in findings if one.domain == domain and one.evidence.get("bucket") == bucket]
    assert len(found) == 1, findings
    return found[0]


def test_without_an_earlier_release_nothing_is_judged_and_nothing_refused(build: Builder) -> None:
    strict = declaration({"novelty_band": {"severity": "block"}})
    findings = evaluate(build([doc("tickets", "1")], project=strict))
    assert {(one.status, one.refuses) for one in findings} == {("insufficient", False)}
    assert "no earlier release" in findings[0].message
    assert evaluate(build([doc("tickets", "1")], project=declaration({"novelty_band": "off"}))) == []


def test_new_human_text_passes_and_reworded_old_text_fails_naming_it(build: Builder) -> None:
    old = documents("tickets", "old", 200, 1)
    first = build(old)
    release = release_of(first, old)
    fresh = documents("tickets", "new", 80, 2)
    found = of(evaluate(build([*fresh, *old[:50]], previous=release, store=first.store)), "all")
    assert (found.status, found.evidence["documents"], found.comparator) == ("pass", 80, "between")
    assert found.evidence["tokens"] == 80 * 120, "what stays is not counted in"
    reworded = [
        doc("synth_s", f"r{at}", 120, text=one["text"].replace("p0x0", "again"), synthetic=True)
        for at, one in enumerate(old[:80])
    ]
    findings = evaluate(build([*fresh, *reworded], previous=release, store=first.store))
    found = of(findings, "synthetic")
    assert found.status == "fail"
    assert found.observed is not None
    assert found.observed < found.evidence["band"]["low"]
    worst = found.evidence["repeaters"][0]
    assert worst["closest"] == f"tickets/old{worst['document'].removeprefix('synth_s/r')}"
    assert worst["document"] in found.message
    both = of(findings, "all").observed
    assert both is not None
    assert both > found.observed


def test_too_little_new_text_and_none_at_all_are_said(build: Builder) -> None:
    old = documents("tickets", "old", 200, 1)
    first = build(old)
    release = release_of(first, old)
    found = of(evaluate(build(documents("tickets", "new", 5, 2), previous=release, store=first.store)), "all")
    assert found.status == "insufficient"
    assert "not calibrated" in found.message
    assert found.observed is not None
    findings = evaluate(build(old, previous=release, store=first.store))
    assert "has all texts that are drawn already" in next(one.message for one in findings if one.domain == "support")


def test_the_same_selection_gives_the_same_findings(build: Builder) -> None:
    old = documents("tickets", "old", 200, 1)
    first = build(old)
    release = release_of(first, old)
    new = documents("tickets", "new", 60, 2)
    one = evaluate(build(new, previous=release, store=first.store))
    assert one == evaluate(build(new[::-1], previous=release, store=first.store))
