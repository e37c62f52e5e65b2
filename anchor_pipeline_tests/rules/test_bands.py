"""Rules 8 and 10: advisory until there is a band; then both sides alarm, for a domain and its newest synthetic text."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from anchor_pipeline.corpus.register import active, add, keep_model
from anchor_pipeline.errors import UsageError
from anchor_pipeline.facts.bands.anchors import make_band
from anchor_pipeline.facts.bands.model import Band, keep_band
from anchor_pipeline.facts.bands.statistics import SHARES
from anchor_pipeline.facts.fact_sets import fact_sets
from anchor_pipeline.facts.measure import measure_shards
from anchor_pipeline.facts.probes.card import TrainingSource
from anchor_pipeline.facts.probes.training import in_training
from anchor_pipeline.facts.probes.word_probe import train_word_probe
from anchor_pipeline.rules import diversity_band, entropy_band
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline_tests.rules.evidence import Builder, declaration, doc

WORDS = 60
BEGIN = datetime(2021, 3, 1, tzinfo=UTC)


def text(chance: random.Random, vocabulary: int = 3000, power: float = 3.0) -> str:
    found = [f"w{int(vocabulary * chance.random() ** power)}" for _ in range(WORDS)]
    return " ".join(found[:30]) + ", " + " ".join(found[30:]) + "."


def documents(source: str, number: int, seed: int, **kind: Any) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    rows = []
    for at in range(number):
        own = {"vocabulary": 3000, "power": 3.0 + 0.3 * chance.random(), **kind}
        when = BEGIN + timedelta(hours=at)
        rows.append(
            doc(
                source,
                f"{seed}-{at}",
                WORDS,
                text=text(chance, **own),
                collected_at=when,
                synthetic=source.startswith("synth"),
            )
        )
    return rows


@pytest.fixture(scope="module")
def calibrated(build: Builder) -> Evidence:
    """A project with a probe and a band for `support`, none for `essays`."""
    anchors = [*documents("anchors_s", 260, 1), *documents("anchors_e", 10, 2)]
    evidence = build(anchors)
    chance = random.Random(3)
    probe = train_word_probe([pa.array([text(chance) for _ in range(300)])], order=2)
    add(evidence.store, "probe", "words", keep_model(evidence.store, "probe", probe), "2021")
    register(evidence)
    return evidence


def register(evidence: Evidence, references: Sequence[str] = ()) -> Band:
    place = evidence.store.path("corpus/2021/documents.parquet")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(evidence.documents, place)
    band = make_band(evidence.project, evidence.store, evidence.corpus, references=references, half_samples=150)
    add(evidence.store, "band", "band", keep_band(evidence.store, band), "2021", "Ann")
    return band


def judged(build: Builder, calibrated: Evidence, rows: list[dict[str, Any]], rules: Any = None) -> list[Finding]:
    evidence = build(rows, store=calibrated.store, project=declaration(rules))
    shards = sorted(set(evidence.selected.collect()["shard"]))
    measure_shards(evidence.store, shards, fact_sets(evidence.store, "2021", only=["text", "probe"]))
    return [*entropy_band.evaluate(evidence), *diversity_band.evaluate(evidence)]


def fired(findings: list[Finding], bucket: str, domain: str | None = "support") -> dict[str, str]:
    """By statistic, the message of what failed."""
    return {
        one.evidence["statistic"].split(":")[0]: one.message
        for one in findings
        if one.status == "fail" and one.domain == domain and one.evidence["bucket"] == bucket
    }


def test_without_a_band_both_rules_say_so_and_refuse_nothing(build: Builder) -> None:
    evidence = build([doc("tickets", "1")])
    for rule in (entropy_band, diversity_band):
        findings = rule.evaluate(evidence)
        assert {(one.status, one.refuses) for one in findings} == {("insufficient", False)}
        assert all("not calibrated" in one.message and "anchor calibrate" in one.message for one in findings)


def test_a_project_that_insists_is_refused_as_long_as_there_is_no_band(build: Builder) -> None:
    evidence = build([doc("tickets", "1")], project=declaration({"entropy_band": {"severity": "block"}}))
    assert any(one.refuses for one in entropy_band.evaluate(evidence))


def test_fresh_human_text_passes_and_the_findings_block_from_now_on(build: Builder, calibrated: Evidence) -> None:
    findings = [one for one in judged(build, calibrated, documents("tickets", 200, 11)) if one.domain == "support"]
    assert {one.status for one in findings} == {"pass"}
    assert {one.severity for one in findings} == {"block"}
    names = {one.evidence["statistic"].split(":")[0] for one in findings}
    assert names == {"bits", "entropy_1", "distinct_2", "distinct_3", "word_length", "marks", "profile"}
    (bits,) = [one for one in findings if one.rule == "entropy_band"]
    assert bits.evidence["models"].keys() == {"probe", "band"}
    assert bits.evidence["distribution"]["counts"].keys() == {"anchor", "domain"}
    assert sum(bits.evidence["distribution"]["counts"]["domain"]) == bits.evidence["documents"]


def test_declared_to_warn_the_rules_only_warn(build: Builder, calibrated: Evidence) -> None:
    rules = {"entropy_band": {"severity": "warn"}, "diversity_band": {"severity": "warn"}}
    findings = judged(build, calibrated, documents("tickets", 200, 12, vocabulary=400), rules)
    assert fired(findings, "domain")
    assert not any(one.refuses for one in findings)


@pytest.mark.parametrize(("kind", "words"), [({"power": 6.0}, "more predictable"), ({"power": 1.2}, "stranger")])
def test_both_sides_of_the_band_alarm_and_say_what_it_means(
    build: Builder, calibrated: Evidence, kind: dict[str, Any], words: str
) -> None:
    findings = judged(build, calibrated, documents("tickets", 200, 13, **kind))
    messages = fired(findings, "domain")
    assert words in messages["bits"]
    assert ("narrower" if "power" in kind and kind["power"] > 3 else "wider") in messages["entropy_1"]
    (bits,) = [one for one in findings if one.rule == "entropy_band" and one.domain == "support"]
    assert bits.refuses
    assert len(bits.evidence["examples"]) == 5
    assert bits.shortfall is not None
    assert bits.shortfall > 0


def test_a_dying_stream_is_seen_in_its_newest_text_while_the_domain_still_passes(
    build: Builder, calibrated: Evidence
) -> None:
    human, old = documents("tickets", 900, 14), documents("synth_s", 40, 15)
    dying = documents("synth_s", 40, 16, power=5.0)
    for row in dying:
        row["collected_at"] += timedelta(days=100)
    findings = judged(build, calibrated, [*human, *old, *dying])
    assert not fired(findings, "domain")
    assert "more predictable" in fired(findings, "newest_synthetic")["bits"]
    for row in dying:
        row["collected_at"] -= timedelta(days=200)
    newest = documents("synth_s", 180, 17)
    for row in newest:
        row["collected_at"] += timedelta(days=100)
    well = judged(build, calibrated, [*human, *dying, *newest])
    assert not fired(well, "newest_synthetic"), "only the newest text is looked at"


def test_text_of_earlier_cycles_does_not_dilute_what_is_new(build: Builder, calibrated: Evidence) -> None:
    old, dying = documents("synth_s", 300, 25), documents("synth_s", 40, 26, power=4.3)
    for row in old:
        row["collected_at"] -= timedelta(days=365)
    findings = judged(build, calibrated, [*documents("tickets", 900, 14), *old, *dying])
    (bits,) = [one for one in findings if one.rule == "entropy_band" and one.domain == "support"
               and one.evidence["bucket"] == "newest_synthetic"]  # fmt: skip
    assert bits.status == "fail"
    assert bits.evidence["documents"] <= 40


def test_too_little_text_is_insufficient_and_blocks(build: Builder, calibrated: Evidence) -> None:
    findings = judged(build, calibrated, [*documents("tickets", 200, 18), *documents("synth_s", 3, 19)])
    (found,) = [one for one in findings if one.status == "insufficient" and one.rule == "entropy_band"
                and one.domain == "support"]  # fmt: skip
    assert found.refuses
    assert found.evidence["bucket"] == "newest_synthetic"
    assert "tokens" in found.message


def test_a_domain_without_a_band_says_why_and_refuses_nothing(build: Builder, calibrated: Evidence) -> None:
    findings = judged(build, calibrated, [*documents("tickets", 200, 20), *documents("human_e", 50, 21)])
    essays = [one for one in findings if one.domain == "essays"]
    assert {(one.status, one.severity) for one in essays} == {("insufficient", "warn")}
    assert all("10 human documents" in one.message for one in essays)


def test_the_stage_is_judged_over_the_domains_that_have_a_band(build: Builder, calibrated: Evidence) -> None:
    findings = judged(build, calibrated, [*documents("tickets", 200, 22, power=5.0), *documents("human_e", 50, 23)])
    stage = [one for one in findings if one.domain is None and one.status == "fail"]
    assert stage
    assert all(one.evidence["domains"] == ["support"] for one in stage)


def test_a_band_whose_probe_is_no_longer_in_use_judges_nothing(build: Builder, calibrated: Evidence) -> None:
    from anchor_pipeline.corpus.register import retire

    evidence = build(documents("tickets", 200, 24), store=calibrated.store)
    old = active(evidence.store, "probe", "2021")[0].digest
    chance = random.Random(4)
    other = train_word_probe([pa.array([text(chance) for _ in range(100)])], order=1)
    add(evidence.store, "probe", "other", keep_model(evidence.store, "probe", other), "2022")
    retire(evidence.store, "probe", old, "2023")
    later = build(documents("tickets", 200, 24), store=calibrated.store)
    object.__setattr__(later, "cycle", later.project.calendar.at("2023"))
    measure_shards(
        later.store, sorted(set(later.selected.collect()["shard"])), fact_sets(later.store, "2023", ["text"])
    )
    findings = entropy_band.evaluate(later)
    assert {(one.status, one.severity) for one in findings} == {("insufficient", "warn")}
    assert any("not in use" in one.message for one in findings)


def test_the_same_anchors_give_the_same_band_and_bands_never_rest_on_what_a_probe_was_trained_on(
    build: Builder, calibrated: Evidence
) -> None:
    one, again = (make_band(calibrated.project, calibrated.store, calibrated.corpus, half_samples=50) for _ in "12")
    assert one == again
    rows = documents("anchors_s", 200, 31)
    trained = build(rows)
    source = TrainingSource(name="anchors_s", snapshot="0" * 64, documents=100, units=1)
    texts = pa.array([row["text"] for row in rows])
    for share, left in ((0.5, range(60, 140)), (1.0, range(1))):
        files = train_word_probe([texts], order=1, sources=[source], share=share)
        add(trained.store, "probe", f"share{int(2 * share)}", keep_model(trained.store, "probe", files), "2021")
        place = trained.store.path("corpus/2021/documents.parquet")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(trained.documents, place)
        band = make_band(trained.project, trained.store, trained.corpus, half_samples=20)
        held = band.domains["support"].documents if "support" in band.domains else 0
        assert held in left, (share, band.not_calibrated)


def test_anchors_that_a_probe_was_trained_on_are_not_judged_with_it(build: Builder) -> None:
    """A mix of nothing but the anchors passes, though the probe knows half of them by heart."""
    rows = documents("anchors_s", 700, 41)
    evidence = build(rows)
    digests = pa.array([row["digest"] for row in rows])
    known = pa.array([row["text"] for row, seen in zip(rows, in_training(digests, 0.5), strict=True) if seen])
    source = TrainingSource(name="anchors_s", snapshot="0" * 64, documents=len(known), units=1)
    files = train_word_probe([known], order=3, sources=[source], share=0.5)
    add(evidence.store, "probe", "words", keep_model(evidence.store, "probe", files), "2021")
    register(evidence)
    findings = judged(build, evidence, rows)
    assert not fired(findings, "domain")
    assert {one.status for one in findings if one.domain == "support"} == {"pass"}


def test_people_who_write_unlike_the_anchors_are_told_from_machine_text(build: Builder, calibrated: Evidence) -> None:
    """Human text that fires by itself: widen the anchors, and which source to vouch for. Machine text: draw less."""
    unlike = judged(build, calibrated, [*documents("tickets", 200, 51, power=6.0), *documents("synth_s", 60, 52)])
    messages = fired(unlike, "domain")
    assert "human documents alone lie outside too" in messages["bits"]
    assert "anchor calibrate --reference tickets" in messages["bits"]
    assert "more predictable than its anchors" in messages["bits"]
    machine = judged(build, calibrated, [*documents("tickets", 200, 53), *documents("synth_s", 200, 54, power=6.0)])
    messages = fired(machine, "domain")
    assert "more predictable than human text" in messages["bits"]
    assert not any("human documents" in message for message in messages.values())
    assert [one for one in machine if one.evidence.get("human_alone")] == []
    (stage,) = [one for one in unlike if one.rule == "entropy_band" and one.domain is None
                and one.evidence["bucket"] == "domain"]  # fmt: skip
    assert "human documents alone" in stage.message


def test_a_band_with_references_knows_what_anchors_do_not_cover(build: Builder) -> None:
    """Customers ask of three things in the anchors, and of many in the tickets."""
    anchors = documents("anchors_s", 260, 61, vocabulary=300)
    tickets = documents("tickets", 500, 62)
    evidence = build([*anchors, *tickets])
    register(evidence)
    fresh = documents("tickets", 300, 63)
    assert "tickets" in fired(judged(build, evidence, fresh), "domain")["entropy_1"]
    wider = build([*anchors, *tickets])
    band = register(wider, references=["tickets"])
    assert band.references == ("tickets",)
    assert band.domains["support"].snapshots.keys() == {"anchors_s", "tickets"}
    # In a mix half of it is anchors, of the human text at hand a third: the bucket has the proportions of the latter.
    drawn = [*documents("anchors_s", 300, 69, vocabulary=300), *fresh]
    assert not fired(judged(build, wider, drawn), "domain")
    made = judged(build, wider, [*drawn, *documents("synth_s", 300, 70, power=6.0)])
    assert "human documents" not in fired(made, "domain")["bits" if "bits" in fired(made, "domain") else "entropy_1"]


def test_only_sources_that_people_may_have_written_are_references(build: Builder) -> None:
    evidence = build(documents("anchors_s", 30, 64))
    for name, why in (("anchors_s", "used anyway"), ("synth_s", "synthetic"), ("nobody", "no source")):
        with pytest.raises(UsageError, match=why):
            register(evidence, references=[name])


def test_no_band_asks_for_more_than_a_share_can_be(build: Builder, calibrated: Evidence) -> None:
    rich = [*documents("tickets", 200, 65, vocabulary=10**6, power=1.0), *documents("synth_s", 60, 66)]
    asked = [one for one in judged(build, calibrated, rich) if one.evidence.get("statistic") in SHARES]
    assert len(asked) == 12
    assert all(0 <= limit <= 1 for one in asked for limit in one.evidence["band"])
    assert all(one.required is not None and one.required <= 1 for one in asked)


def test_too_little_new_machine_text_says_what_would_be_enough(build: Builder, calibrated: Evidence) -> None:
    findings = judged(build, calibrated, [*documents("tickets", 200, 67), *documents("synth_s", 3, 68)])
    (found,) = [one for one in findings if one.status == "insufficient" and one.rule == "diversity_band"
                and one.domain == "support"]  # fmt: skip
    for words in ("draw more of it", "longer cycle", "diversity_band: {severity: warn}"):
        assert words in found.message
