"""Rule 11: text of our model among what is declared human is found per bucket, and chance is not mistaken for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from anchor_pipeline.corpus.register import add, keep_model
from anchor_pipeline.corpus.strings import buffers_of
from anchor_pipeline.facts.measure import measure_shards
from anchor_pipeline.facts.origin.fact_set import origin_key, origin_set
from anchor_pipeline.facts.origin.model import Card, Detector, Part, detector_of
from anchor_pipeline.facts.origin.train import train_detector
from anchor_pipeline.facts.words import hash_words
from anchor_pipeline.project.policy import ModelOrigin
from anchor_pipeline.rules import anchor_purity, model_origin
from anchor_pipeline.rules.anchor_purity import suspect_sources
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.measured import facts_of
from anchor_pipeline.rules.model_origin import RULE, figures_of, judge
from anchor_pipeline.rules.origin_buckets import BUCKET, declared_human
from anchor_pipeline.rules.places import Place
from anchor_pipeline_tests.facts.origin.writers import samples, write
from anchor_pipeline_tests.rules.evidence import Builder, doc

GAP = 2.5
DETECTOR = Detector(
    "ab" * 32,
    np.zeros(2, np.int8),
    np.zeros(8192, np.uint8),
    Card(
        format=2, name="ours", seen=("bot@1",), competitors=(), blind=("texts of fewer than 25 words",), shortest=25,
        bias=0, slope=1, per_log_word=0, scale=1, scales={"support": 1.0}, all=Part(human=2000, ours=2000),
        lengths={}, domains={"support": Part(human=2000, ours=2000)}, unseen_domains=None, unseen_generators={},
        human_texts=2000, competitor_texts=0, our_texts=2000, copies_left_out=0, training={}, code="0",
    ),
)  # fmt: skip
PLACE = Place(RULE, "main", "support", None, ModelOrigin(severity="block"))


def documents(human: int, ours: int = 0, seed: int = 0, source: str = "tickets", **columns: Any) -> pl.DataFrame:
    """Texts of people, and after them, collected later, texts of the model; scores as a calibrated detector's are."""
    generator = np.random.default_rng(seed)
    scores = np.concatenate([generator.normal(0, 1, human), generator.normal(GAP, 1, ours)])
    ids = [f"{source}/h{number:05}" for number in range(human)] + [f"{source}/m{number:05}" for number in range(ours)]
    start = datetime(2021, 1, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "doc_id": ids,
            "source": source,
            "kind": "enterprise",
            "synthetic": False,
            "modality": "text",
            "domain": "support",
            "collected_at": [start + timedelta(minutes=number) for number in range(len(ids))],
            "score": (GAP * scores - GAP**2 / 2).astype(np.float32),
            "judged": True,
        }
    )
    return frame.with_columns(**{name: pl.lit(value) for name, value in columns.items()})


def found(frame: pl.DataFrame, previous: Any = None, place: Place[ModelOrigin] = PLACE) -> Finding:
    return judge(place, frame, DETECTOR, previous)


def test_human_text_passes_and_the_estimate_is_near_zero() -> None:
    finding = found(documents(2000))
    assert finding.status == "pass"
    assert finding.evidence["contamination"]["low"] == 0
    assert finding.evidence["contamination"]["estimate"] < 0.03
    assert finding.evidence["buckets"] == 10


def test_human_buckets_rarely_raise_an_alarm_however_many_there_are() -> None:
    alarms = sum(found(documents(40 * BUCKET, seed=seed)).status != "pass" for seed in range(60))
    assert alarms <= 2


def test_a_bucket_with_a_fifth_of_model_text_fails_and_names_the_worst_documents() -> None:
    finding = found(pl.concat([documents(1000), documents(160, 40, seed=1, source="uploads")]))
    assert (finding.status, finding.severity) == ("fail", "block")
    assert finding.observed is not None
    assert finding.observed == pytest.approx(0.2, abs=0.08)
    assert finding.evidence["alarms"][0]["first"] == "uploads/h00000"
    assert [one["document"][:9] for one in finding.evidence["highest"]].count("uploads/m") >= 8
    scores = [one["score"] for one in finding.evidence["highest"]]
    assert scores == sorted(scores, reverse=True)
    assert "`uploads`" in finding.message
    assert "`bot@1`" in finding.message


def test_model_text_that_came_at_one_time_is_found_though_it_is_little_of_the_whole() -> None:
    finding = found(documents(3940, 60))
    assert finding.evidence["contamination"]["estimate"] < 0.05
    assert finding.status == "fail"


def test_the_declared_share_decides() -> None:
    frame = documents(165, 35)
    lax = Place(RULE, "main", "support", None, ModelOrigin(max="30 %", severity="block"))
    assert found(frame).status == "fail"
    assert found(frame, place=lax).status == "pass"


def test_a_rising_share_below_the_alarm_warns_and_does_not_block() -> None:
    before = figures_of([found(documents(4000))])["support"]
    frame = documents(4000, 220).sort(pl.col("doc_id").hash(seed=1)).with_columns(collected_at=pl.lit(0))
    mixed = frame.with_columns(
        doc_id=pl.format("t/{}/{}", pl.int_range(pl.len()).cast(pl.String).str.zfill(6), "doc_id")
    )
    finding = found(mixed, before)
    assert found(mixed).status == "pass"
    assert (finding.status, finding.severity) == ("fail", "warn")
    assert "more than" in finding.message
    assert found(mixed, {**before, "detector": "cd" * 32}).status == "pass", "another detector is another measure"
    assert found(documents(4000, seed=9), before).status == "pass"


def test_too_few_documents_are_no_evidence() -> None:
    finding = found(documents(BUCKET - 1))
    assert finding.status == "insufficient"
    assert "only 199 of 199 documents" in finding.message


def test_short_texts_are_not_judged_and_the_message_says_so() -> None:
    short = documents(500, seed=2, source="chat").with_columns(judged=False, score=pl.lit(99.0, pl.Float32))
    finding = found(pl.concat([documents(300), short]))
    assert finding.status == "pass"
    assert finding.evidence["too_short"] == 500
    assert "500 documents under 25 words not judged" in finding.message
    assert found(short).status == "insufficient"


def test_a_domain_that_the_detector_has_not_seen_is_said_to_be_one() -> None:
    elsewhere = Place(RULE, "main", "essays", None, ModelOrigin())
    finding = found(documents(400), place=elsewhere)
    assert "too little human text of this domain" in finding.message


def test_only_what_is_declared_human_is_looked_at() -> None:
    frame = pl.concat(
        [
            documents(1, source="a", kind="anchor"),
            documents(1, source="b", kind="licensed"),
            documents(1, source="c", kind="synthetic"),
            documents(1, source="d", synthetic=True),
            documents(1, source="e", modality="image"),
        ]
    )
    assert declared_human(frame)["source"].to_list() == ["a", "b"]


def test_a_domain_without_human_text_passes() -> None:
    assert found(documents(0)).status == "pass"


def test_what_cannot_be_seen_is_in_every_finding() -> None:
    for finding in (found(documents(10)), found(documents(400))):
        assert finding.evidence["blind"] == ["texts of fewer than 25 words"]
        assert finding.evidence["detector"] == "ab" * 32


def test_an_anchor_source_outside_the_human_band_is_suspect_and_others_are_not() -> None:
    clean = documents(900, source="diaries", kind="anchor")
    mixed = documents(300, 100, seed=3, source="forum", kind="anchor")
    licensed = documents(100, 200, seed=4, source="bought", kind="licensed")
    suspects = suspect_sources(pl.concat([clean, mixed, licensed]), DETECTOR, {"support": 0.1})
    assert list(suspects) == [("support", "forum")]
    assert "`forum` holds text that scores as written by `ours`" in suspects["support", "forum"]
    assert suspect_sources(documents(200, 200, kind="anchor", domain="essays"), DETECTOR, {"essays": 0.1}) == {}


def test_without_a_detector_the_rule_is_not_calibrated_and_does_not_block(build: Builder) -> None:
    findings = model_origin.evaluate(build([doc("anchors_s", "a"), doc("synth_s", "b")]))
    assert {(one.domain, one.status, one.severity) for one in findings} == {
        (domain, "insufficient", "warn") for domain in ("support", "essays")
    }
    assert "not calibrated" in findings[0].message
    assert "anchor origin train" in findings[0].message


def test_a_build_is_judged_by_the_detector_in_use(build: Builder) -> None:
    seen = samples()
    files = train_detector(replace(seen, domains=["support"] * len(seen.domains)), "ours", {})
    detector = detector_of(files, "0" * 64)
    texts = [("anchors_s", f"p{number}", write("person", "sea", f"b{number}")) for number in range(300)]
    texts += [("anchors_s", f"m{number}", write("model", "sea", f"b{number}")) for number in range(100)]
    evidence = build([doc(source, name, text=text) for source, name, text in texts])
    digest = keep_model(evidence.store, "origin", files)
    add(evidence.store, "origin", "ours", digest, "2021")
    shards = evidence.selected.select("shard").unique().collect()["shard"].sort().to_list()
    measure_shards(evidence.store, shards, [origin_set(evidence.store, digest)])
    found = {one.domain: one for one in model_origin.evaluate(evidence)}
    assert (found["support"].status, found["support"].severity) == ("fail", "block")
    assert found["support"].evidence["detector"] == digest
    assert found["support"].evidence["contamination"]["estimate"] == pytest.approx(0.25, abs=0.05)
    purity = {one.domain: one for one in anchor_purity.evaluate(evidence)}["support"]
    assert (purity.status, purity.shortfall) == ("fail", 400)
    assert "scores as written by `ours`" in purity.message
    scores = facts_of(evidence, origin_key(digest), ["score", "judged"])
    data, offsets = buffers_of(pa.array([text for _, _, text in texts]))
    expected = detector.score(data, offsets, *hash_words(data, offsets))[0]
    by_name = {f"{name}": score for (_, name, _), score in zip(texts, expected.tolist(), strict=True)}
    measured = dict(scores.select("doc_id", "score").iter_rows())
    assert {key.split("/")[-1]: value for key, value in measured.items()} == by_name
