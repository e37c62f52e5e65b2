"""Rule 14 where a project declares custody: what was drawn has to come with its credential."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from anchor_pipeline.rules import provenance
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline_tests.rules.evidence import Builder, at, declaration, doc


def _drawn() -> list[dict[str, Any]]:
    return [doc("anchors_s", "1"), doc("tickets", "1"), doc("synth_s", "1"), doc("synth_s", "2"), doc("human_e", "1")]


def _lacking(evidence: Evidence, *documents: str) -> Evidence:
    """The shards of these documents have no credential."""
    rows = evidence.selected.collect()
    bad = set(rows.filter(rows["doc_id"].is_in(documents))["shard"])

    def check(shards: Mapping[str, str]) -> Mapping[str, str]:
        assert dict(shards) == dict(zip(rows["shard"], rows["source"], strict=True)), "asked of every shard, once"
        return dict.fromkeys(sorted(bad), "has no c2pa credential")

    return replace(evidence, credentials=check)


def test_without_custody_it_says_that_credentials_are_not_asked_for(build: Builder) -> None:
    for found in provenance.evaluate(build(_drawn())):
        assert found.status == "pass"
        assert "credentials are not asked for, since the project declares no custody" in found.message


def test_with_custody_it_says_that_credentials_verified(build: Builder) -> None:
    for found in provenance.evaluate(_lacking(build(_drawn()))):
        assert found.status == "pass"
        assert "the credentials of their shards verified" in found.message


def test_a_shard_without_credential_blocks_and_the_message_says_which_and_what_to_do(build: Builder) -> None:
    evidence = _lacking(build(_drawn()), "synth_s/1", "synth_s/2")
    found = at(provenance.evaluate(evidence), "support", None)
    assert found.refuses
    assert (found.observed, found.shortfall) == (0.5, 2)
    assert "2 are of shards without a sound credential, of synth_s (2 shards), such as " in found.message
    assert "has no c2pa credential; build sources/synth_s again" in found.message
    assert found.evidence["missing"] == {"credential": 2}
    assert found.evidence["examples"] == ["synth_s/1", "synth_s/2"]
    assert {one["source"] for one in found.evidence["shards"]} == {"synth_s"}
    assert all(len(one["shard"]) == 64 for one in found.evidence["shards"])
    assert at(provenance.evaluate(evidence), "essays", None).status == "pass"


def test_every_source_to_build_again_is_named(build: Builder) -> None:
    evidence = _lacking(build(_drawn()), "synth_s/1", "tickets/1")
    found = at(provenance.evaluate(evidence), "support", None)
    assert "build sources/synth_s, sources/tickets again" in found.message


def test_other_gaps_are_told_beside_it(build: Builder) -> None:
    evidence = _lacking(build([*_drawn(), doc("tickets", "bad", licence="")]), "synth_s/1")
    found = at(provenance.evaluate(evidence), "support", None)
    assert found.evidence["missing"] == {"licence": 1, "credential": 1}
    assert "no licence" in found.message
    assert "build sources/synth_s again" in found.message


def test_findings_of_many_shards_stay_small(build: Builder) -> None:
    rows = [doc("synth_s", f"more{at}") for at in range(13)]
    evidence = _lacking(build([*_drawn(), *rows]), *(row["doc_id"] for row in rows))
    found = at(provenance.evaluate(evidence), "support", None)
    assert len(json.dumps(found.evidence["shards"])) < 3000
    assert len(found.message) < 500


@pytest.mark.parametrize("severity", ["warn", "block"])
def test_only_a_declared_severity_lets_it_pass(build: Builder, severity: str) -> None:
    project = declaration(rules={"provenance": {"severity": severity}})
    evidence = _lacking(build(_drawn(), project=project), "synth_s/1")
    found = at(provenance.evaluate(evidence), "support", None)
    assert found.status == "fail"
    assert found.refuses == (severity == "block")
