"""The steps of a build, in the order of the picture: ingest, assemble, select, release.

Plain functions over the rooms below, each inside `record.step`; the Dagster assets and the command call these
and nothing else. Every step does nothing when nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from anchor_pipeline.artefacts import (
    corpus_artefact,
    corpus_made,
    judged,
    manifest_made,
    mix_made,
    raw_artefacts,
    selection_artefact,
    selection_made,
    snapshot_artefact,
    snapshot_made,
)
from anchor_pipeline.corpus.corpus import Corpus, corpus_table, read_corpus
from anchor_pipeline.corpus.disk import sweep
from anchor_pipeline.corpus.document import METADATA_COLUMNS
from anchor_pipeline.corpus.made_from import must_be_made_from
from anchor_pipeline.corpus.snapshot import SourceSnapshot, canonical_json, read_snapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.disclosure.files import after, disclosures
from anchor_pipeline.disclosure.record import release_record
from anchor_pipeline.errors import DamagedData, Refused
from anchor_pipeline.facts.assemble import assemble
from anchor_pipeline.facts.fact_sets import fact_sets
from anchor_pipeline.facts.measure import measure_shards
from anchor_pipeline.graph.recorded import recorded_documents
from anchor_pipeline.ingest.data_docs import publish_index
from anchor_pipeline.ingest.expectation_models import ExpectationResult, SourceValidation
from anchor_pipeline.ingest.expectations import validate_source
from anchor_pipeline.ingest.source import ingest_source
from anchor_pipeline.mix.release import Release, earlier_findings, earlier_parts, previous_release
from anchor_pipeline.mix.select import select, selection_inputs
from anchor_pipeline.mix.selection import Selection, read_selection, selection_table
from anchor_pipeline.mix.write import write_mix
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.project.expectations import quarantines
from anchor_pipeline.recall.guard import Guard
from anchor_pipeline.release_proof import ReleaseProof, carry, proof_of
from anchor_pipeline.report.stage_report import stage_report
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.explain import summary
from anchor_pipeline.rules.verdict import Verdict, judge
from anchor_pipeline.twins.written import write_twin
from anchor_pipeline.workplace import (
    Workplace,
    current_corpus,
    current_selection,
    current_snapshot,
    current_verdict,
    give_credentials,
    released_mix,
)

__all__ = [
    "Ingested",
    "Workplace",
    "assemble_corpus",
    "current_corpus",
    "current_expectations",
    "current_selection",
    "current_snapshot",
    "current_validation",
    "current_verdict",
    "ingest",
    "ingest_order",
    "plan_all",
    "release",
    "released_mix",
    "select_stage",
]


@dataclass(frozen=True)
class Ingested:
    """A source after its ingest."""

    snapshot: SourceSnapshot
    expectations: list[ExpectationResult]
    reused: bool


def ingest(place: Workplace, name: str, cycle: Cycle) -> Ingested:
    """Bring a source's snapshot up to date, and check what is expected of its metadata."""
    project, store = place.project, place.store
    with place.step(f"sources/{name}", cycle) as step:
        twin = project.sources[name].generate
        uri = None
        if twin is not None:
            fitted = current_snapshot(place, twin.fit)
            step.input(snapshot_artefact(fitted))
            uri = write_twin(project, name, fitted, store)
        before = read_snapshot(store, name)
        snapshot = ingest_source(project, name, store, uri=uri)
        for raw in raw_artefacts(snapshot, project):
            step.input(raw)
        step.output(snapshot_made(place, snapshot, before))
        if place.custodian is not None:
            step.credentials(give_credentials(place, snapshot, step.run.id))
        validation = _validation(place, snapshot, cycle)
        reused = before == snapshot
        if reused:
            step.reused()
    return Ingested(snapshot, list(validation.results), reused)


def assemble_corpus(place: Workplace, cycle: Cycle) -> Corpus:
    """Bring the corpus of a cycle up to date with the snapshots of all sources."""
    sweep(place.store)
    with place.step("corpus", cycle) as step:
        snapshots = {name: current_snapshot(place, name) for name in place.project.sources}
        for snapshot in snapshots.values():
            step.input(snapshot_artefact(snapshot))
        set_aside = {
            name: _validation(place, snapshot, cycle).set_aside
            for name, snapshot in snapshots.items()
            if any(map(quarantines, place.project.sources[name].expectations))
        }
        modality = {name: place.project.sources[name].modality for name in snapshots}
        _measure(place, cycle, ((modality[name], shard) for name, one in snapshots.items() for shard in one.shards))
        earlier = [earlier_parts(place.store, stage, cycle.key) for stage in sorted(place.project.stages)]
        released = [release for release in earlier if release is not None]
        before = read_corpus(place.store, cycle.key) is not None
        corpus, reused = assemble(place.project, cycle, snapshots, place.store, set_aside, released)
        publish_index(place.project, place.store)
        step.output(corpus_made(place, corpus, before))
        if reused:
            step.reused()
    return corpus


def select_stage(place: Workplace, stage: str, cycle: Cycle) -> tuple[Selection, Verdict]:
    """Select a stage's documents and judge them; a refusing verdict is an outcome here, not an error."""
    store = place.store
    with place.step(f"selection/{stage}", cycle, stage) as step:
        corpus = current_corpus(place, cycle)
        step.input(corpus_artefact(corpus))
        before = read_selection(store, stage, cycle.key) is not None
        selection, reused = select(place.project, stage, cycle, corpus, store)
        step.output(selection_made(place, selection, before))
        evidence = _evidence(place, selection, corpus, cycle)
        verdict = _judge(evidence, selection, store)
        step.output(selection_made(place, selection, before, verdict))
        step.findings(verdict.findings)
        folder = f"selection/{stage}/{cycle.key}"
        store.write(f"{folder}/report.html", stage_report(evidence, selection, verdict))
        store.write(f"{folder}/verdict.json", canonical_json(verdict.model_dump(mode="json")))
        if reused:
            step.reused()
    return selection, verdict


def release(place: Workplace, stage: str, cycle: Cycle) -> Release:
    """Release the mix of a stage, or refuse.

    The verdict is evaluated anew for exactly this selection, and nothing is written unless it passes.
    Raises Refused with the reasons; DamagedData if stored data are not what was selected.
    """
    with place.store.temporary() as listed:
        released, proof = _release(place, stage, cycle, listed)
        if proof is not None:
            # The ledger knows of the release now, so that it can be proved.
            carry(place, released, proof)
    return released


def _release(place: Workplace, stage: str, cycle: Cycle, listed: Path) -> tuple[Release, ReleaseProof | None]:
    store = place.store
    with place.step(f"mix/{stage}", cycle, stage) as step:
        selection, corpus = current_selection(place, stage, cycle), current_corpus(place, cycle)
        if selection.inputs != selection_inputs(place.project, stage, cycle, corpus):
            raise Refused(f"the selection of {stage} for {cycle.key} is out of date; build selection/{stage} again")
        step.input(selection_artefact(selection))
        evidence = _evidence(place, selection, corpus, cycle)
        verdict = _judge(evidence, selection, store)
        step.input(judged(selection, verdict))
        step.findings(verdict.findings)
        if verdict.status != "pass":
            raise Refused(f"{stage} {cycle.key}: {summary(verdict)}")
        proof = proof_of(place, evidence, listed)
        record = release_record(evidence, verdict)
        files = {"REPORT.html": stage_report(evidence, selection, verdict), **disclosures(record, place.project)}
        guard = Guard(place.project, store, evidence.selection)
        guard.before()
        released = write_mix(
            store,
            selection_table(store, stage, cycle.key),
            verdict,
            project=place.project.project,
            stage=stage,
            cycle=cycle,
            extra=files,
            extra_after=after(record, place.project, files),
            documents=proof.manifested if proof else None,
        )
        guard.after(released)
        step.output(mix_made(place, released, verdict))
        if proof is not None:
            step.output(manifest_made(released))
            step.credentials(proof.credentials)
        if released.reused:
            step.reused()
    return released, proof


def plan_all(place: Workplace, stages: Sequence[str], cycle: Cycle) -> None:
    """Everything up to the verdicts, without releasing: what `anchor plan` does."""
    for name in ingest_order(place.project):
        ingest(place, name, cycle)
    assemble_corpus(place, cycle)
    for stage in stages:
        select_stage(place, stage, cycle)


def ingest_order(project: Project) -> list[str]:
    """Sources in the order of declaration, generated ones after those they are fitted on."""
    return sorted(project.sources, key=lambda name: project.sources[name].generate is not None)


def current_validation(place: Workplace, name: str) -> SourceValidation:
    """What came of a source's expectations; kept results are read, not computed again."""
    return _validation(place, current_snapshot(place, name))


def current_expectations(place: Workplace, name: str) -> list[ExpectationResult]:
    """The results of `current_validation`, one for each expectation of its suite."""
    return list(current_validation(place, name).results)


def _measure(place: Workplace, cycle: Cycle, shards: Iterable[tuple[str, str]]) -> None:
    """Measure what shards lack of the facts of a cycle; pairs of modality and digest.

    What was measured stays; what a model asks for that is new in use is added.
    """
    sets = fact_sets(place.store, cycle.key)
    by_modality: dict[str, list[str]] = {}
    for modality, shard in shards:
        by_modality.setdefault(modality, []).append(shard)
    for modality, found in sorted(by_modality.items()):
        measure_shards(place.store, found, [facts for facts in sets if facts.modality == modality])


def _evidence(place: Workplace, selection: Selection, corpus: Corpus, cycle: Cycle) -> Evidence:
    """What the rules look at, every fact of it measured: a model may be in use since the corpus was assembled."""
    evidence = Evidence(
        project=place.project,
        stage=selection.stage,
        cycle=cycle,
        corpus=corpus,
        documents=corpus_table(place.store, cycle.key),
        selection=selection_table(place.store, selection.stage, cycle.key),
        left_out=selection.left_out,
        previous=earlier_parts(place.store, selection.stage, cycle.key),
        previous_findings=earlier_findings(place.store, selection.stage, cycle.key),
        store=place.store,
        credentials=place.credential_check,
        recorded=recorded_documents(place.store),
    )
    _measure(place, cycle, evidence.selected.select("modality", "shard").unique().sort("shard").collect().iter_rows())
    return evidence


def _judge(evidence: Evidence, selection: Selection, store: Store) -> Verdict:
    previous = previous_release(store, evidence.stage, evidence.cycle.key)
    verdict = judge(evidence, previous_release=previous.digest if previous else None)
    # Asked when all has been read: what another run puts there meanwhile was not judged, or not as what it is.
    must_be_made_from(evidence.documents, evidence.corpus.inputs, "corpus", "corpus")
    must_be_made_from(evidence.selection, selection.inputs, "selection", f"selection/{evidence.stage}")
    if verdict.digests.selection != selection.digest:
        raise DamagedData(
            f"{evidence.selection}: is not the selection that was made; delete its folder and build selection/"
            f"{evidence.stage} again"
        )
    return verdict


def _validation(place: Workplace, snapshot: SourceSnapshot, cycle: Cycle | None = None) -> SourceValidation:
    """What came of the expectations on a snapshot; the Data Docs note that `cycle` saw it."""
    return validate_source(
        place.project,
        snapshot.source,
        lambda: _metadata(snapshot, place.store),
        place.store,
        key=snapshot.digest,
        cycle=cycle.key if cycle else None,
    )


def _metadata(snapshot: SourceSnapshot, store: Store) -> pl.LazyFrame:
    """The metadata of a source's documents, lazily."""
    shards = store.local_shards(snapshot.shards)
    if not shards:
        return pl.LazyFrame(schema=dict.fromkeys(METADATA_COLUMNS, pl.String))
    rows = pl.scan_parquet(shards, include_file_paths="shard").select(*METADATA_COLUMNS, "shard")
    masked = snapshot.masked()
    if masked:
        stale = [f"{store.shard_path(digest)}\0{path}" for digest, path in masked]
        rows = rows.filter(~pl.concat_str("shard", pl.lit("\0"), "raw_file").is_in(stale))
    return rows.select(METADATA_COLUMNS)
