"""One build in all its outcomes, for the tests of events."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.details import (
    Details,
    GeneratorDetails,
    Origin,
    ShardDetails,
    ShardList,
    ShareDetails,
    SourceTerms,
    VerdictDetails,
)
from anchor_pipeline.errors import Refused
from anchor_pipeline.lineage.outbox import OpenLineageFile, read_events
from anchor_pipeline.observer import CodeLocation, LedgerEntry
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.record import Artefact, Recorder, RunRef
from anchor_pipeline.rules.finding import Finding, Status

CYCLE = Cycle("2021-Q3", datetime(2021, 7, 1, tzinfo=UTC), datetime(2021, 10, 1, tzinfo=UTC))
DAGSTER = RunRef("0b7bd7d2-6d3d-4a63-8d2f-1d8f9d7d3b0e", "mix_job", "dagster")
SELECTION = Artefact("selection/pretrain", digest="e" * 64, rows=80, tokens=9_000)


CODE = CodeLocation("https://git.example.org/team/mixes.git", "1" * 40, "assistant/project.yaml")

TOLD = Details(
    description="Proposals of the Python project",
    owner="team:docs",
    layer="s3",
    format="parquet",
    tags={"kind": "synthetic", "domain": "support"},
    terms=SourceTerms(
        kind="synthetic",
        licence="CC0-1.0",
        expires="2030-12-31",
        uses=("training",),
        consent_basis="contract",
        scrubbed=True,
        risk="low",
    ),
    generator=GeneratorDetails("scribe", "2", "scribes", "7", "0.8", "nucleus", "Tell of {topic}", "sources/bank"),
    shards=ShardList(
        (ShardDetails("1" * 64, 70, 6_000, 2_500), ShardDetails("2" * 64, 48, 3_999, 1_500)),
        1,
        "sources/peps/snapshot.json",
    ),
    made_from=(Origin("raw/peps/peps.jsonl", None, "DIRECT", "TRANSFORMATION", "normalised"), Origin("sources/bank")),
    columns_from={"doc_id": (Origin("raw/peps/peps.jsonl", "id", "DIRECT", "TRANSFORMATION"),)},
    chosen_by=(Origin("raw/peps/peps.jsonl", "lang", "INDIRECT", "FILTER", "lang = 'en'"),),
)

JUDGED = Details(
    shares=(
        ShareDetails("text", "source", "bank", 3_000, 30, "0.333333"),
        ShareDetails("text", "source", "peps", 6_000, 50, "0.666667"),
    ),
    verdict=VerdictDetails(
        *("fail", "a" * 64, "f" * 64, "e" * 64, "d" * 64, "c" * 64, "b" * 64),
        *(1, 1, 1, ("synthetic_share",), ("novelty_band",), ("perceptual_novelty",)),
    ),
)


def entries_of(run: str) -> tuple[LedgerEntry, ...]:
    return (LedgerEntry("example.org/ledger", "intent", 4, "9" * 64),)


def whole_recorder(store: Store) -> Recorder:
    """One that knows of a ledger and of the commit."""
    return Recorder(store, "assistant", [OpenLineageFile(store, entries_of)], policy="f" * 64, code=CODE)


def finding(
    rule: str = "anchor_share", status: Status = "pass", severity: Literal["block", "warn"] = "block"
) -> Finding:
    return Finding(
        rule=rule,
        stage="pretrain",
        domain="support",
        modality="text",
        status=status,
        severity=severity,
        observed=None if status == "insufficient" else 0.1489,
        required=0.15,
        comparator=">=",
        shortfall=None if status == "pass" else float("inf"),
        message="14.89 % of the tokens are from anchors; 15 % are required",
    )


def whole_build(recorder: Recorder) -> None:
    """Success, reuse, checks on an output, refusal, failure and abort; one step within another."""
    raw = Artefact("raw/peps/peps.jsonl", digest="a" * 64, rows=120, bytes=4096, uri="s3://bucket/peps.jsonl?sig=x")
    with recorder.step("sources/peps", cycle=CYCLE, inputs=[raw], parent=DAGSTER, description="Read peps") as step:
        columns = (("doc_id", "string"), ("tokens", "int64"))
        peps = Artefact("sources/peps", "b" * 64, 118, 4000, 9_999, columns, files=1, change="OVERWRITE", details=TOLD)
        step.output(peps)
    with recorder.step("sources/bank", parent=DAGSTER) as step:
        step.output(Artefact("sources/bank", digest="c" * 64, rows=5, tokens=50))
        step.reused()
    with recorder.step("selection/pretrain", cycle=CYCLE, outputs=[Artefact("selection/pretrain")]) as step:
        step.input(Artefact("corpus", digest="d" * 64))
        step.output(replace(SELECTION, details=JUDGED))
        step.findings([finding(), finding("synthetic_share", "insufficient"), finding("drift", "fail", "warn")])
        with recorder.step("facts", parent=step.run):
            pass
    with contextlib.suppress(Refused), recorder.step("mix/pretrain", cycle=CYCLE, inputs=[SELECTION]) as step:
        step.findings([finding(status="fail")])
        raise Refused("anchor_share: 14.89 % of the tokens of support are from anchors, 15 % are required")
    with contextlib.suppress(OSError), recorder.step("mix/sft"):
        raise OSError(28, "No space left on device")
    with contextlib.suppress(KeyboardInterrupt), recorder.step("mix/safety"):
        raise KeyboardInterrupt


def events_of(store: Store) -> list[dict[str, Any]]:
    return list(read_events(store))


def by_job(store: Store, job: str) -> list[dict[str, Any]]:
    return [event for event in events_of(store) if event["job"]["name"] == job]
