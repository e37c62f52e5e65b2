"""Rule 13, `eval_contamination`: what a model is tried on does not enter its training.

Two things may not be in a mix: documents that share n words in a row (13 by default) with a declared evaluation set
(facts/evaluation.py says how that is measured), and documents that their source holds out (`hold_out`). One is too
many. Where neither is declared there is nothing to judge, and the rule says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from anchor_pipeline.corpus.held_out import held_out
from anchor_pipeline.errors import DamagedData, Unavailable, UsageError
from anchor_pipeline.facts.evaluation import evaluation_digest, evaluation_entries, evaluation_set, keep_evaluation
from anchor_pipeline.facts.measure import measure_shards
from anchor_pipeline.ingest.evaluation_sets import EvaluationSets
from anchor_pipeline.project.policy import EvalContamination
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.expected import feeding
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.measured import facts_of
from anchor_pipeline.rules.places import Place, document_places, home
from anchor_pipeline.rules.wording import count

RULE = "eval_contamination"
_EXAMPLES = 10


def evaluate(evidence: Evidence) -> list[Finding]:
    """One finding per domain: its documents that stand in an evaluation set, or are held out."""
    places = list(document_places(evidence, RULE, EvalContamination))
    holding = _held_out(evidence)
    found: dict[tuple[tuple[str, ...], int], _Overlaps] = {}
    findings = []
    for place in places:
        declared = (place.setting.sets, place.setting.ngram)
        if place.setting.sets and declared not in found:
            try:
                found[declared] = _Overlaps(evidence, *declared)
            except (DamagedData, UsageError, Unavailable) as error:
                findings.append(
                    place.finding("insufficient", f"{place.subject}: the evaluation sets cannot be read: {error}")
                )
                continue
        held = holding if holding is None else _at(evidence, place, holding)
        findings.append(_finding(evidence, place, found.get(declared), held))
    return findings


class _Overlaps:
    """What the selection shares with some evaluation sets."""

    def __init__(self, evidence: Evidence, uris: tuple[str, ...], ngram: int) -> None:
        store = evidence.store
        with EvaluationSets(uris, evidence.project.root, store) as sets:
            digest = evaluation_digest([(file.uri, file.name, file.sha256) for file in sets.files], ngram)
            keep_evaluation(store, digest, sets.texts(), ngram)
        self.digest = digest
        facts = evaluation_set(store, digest, ngram)
        shards = evidence.selected.filter(pl.col("modality") == "text").select("shard").unique()
        measure_shards(store, sorted(shards.collect()["shard"].to_list()), [facts])
        measured = facts_of(evidence, facts.key, ["hits", "entry"]).filter(pl.col("modality") == "text")
        self.documents = measured.select("doc_id", "domain", "tokens")
        self.hits = measured.filter(pl.col("hits") > 0)
        self.entries = evaluation_entries(store, digest)

    def example(self, row: dict[str, Any]) -> dict[str, Any]:
        """A contaminated document, and where its text stands in the sets."""
        where = {name: self.entries.column(name)[row["entry"]].as_py() for name in ("uri", "file", "line")}
        return {"document": row["doc_id"], "set": where["uri"], "file": where["file"], "line": where["line"],
                "positions": row["hits"]}  # fmt: skip


def _held_out(evidence: Evidence) -> pl.DataFrame | None:
    """Drawn documents that their source holds out (doc_id, domain); None if no source holds anything out."""
    shares = {name: source.hold_out for name, source in feeding(evidence.project, evidence.stage).items()}
    if not any(shares.values()):
        return None
    parts = []
    for name, share in sorted(shares.items()):
        if share:
            rows = evidence.selected.filter(pl.col("source") == name).select("doc_id", "domain").unique().collect()
            parts.append(rows.filter(pl.Series(held_out(rows["doc_id"].to_arrow(), evidence.project.seed, share))))
    return pl.concat(parts).sort("doc_id")


def _at(evidence: Evidence, place: Place[EvalContamination], rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that are judged at a place."""
    domains = [name for name in rows["domain"].unique() if home(evidence, name) == place.domain]
    return rows.filter(pl.col("domain").is_in(domains))


def _finding(
    evidence: Evidence, place: Place[EvalContamination], overlaps: _Overlaps | None, held: pl.DataFrame | None
) -> Finding:
    if overlaps is None and held is None:
        return _nothing_declared(place)
    if not len(evidence.cells.filter(pl.Series([home(evidence, d) == place.domain for d in evidence.cells["domain"]]))):
        return place.nothing_drawn()
    bad, reasons, details = 0, [], dict[str, Any]()
    if held is not None and len(held):
        bad += len(held)
        reasons.append(f"{count(len(held), 'document')} held out by a source is drawn, build the selection again")
        details["held_out"] = held["doc_id"].head(_EXAMPLES).to_list()
    if overlaps is not None:
        hits = _at(evidence, place, overlaps.hits).sort("hits", "doc_id", descending=[True, False])
        details |= {"documents": len(_at(evidence, place, overlaps.documents)), "sets": list(place.setting.sets),
                    "sets_digest": overlaps.digest, "ngram": place.setting.ngram}  # fmt: skip
        if len(hits):
            examples = [overlaps.example(row) for row in hits.head(_EXAMPLES).to_dicts()]
            bad += len(hits)
            first = examples[0]
            reasons.append(
                f"{count(len(hits), 'document')} with text of an evaluation set, such as {first['document']}"
                f" with that of {first['set']}, {first['file']}, record {first['line']}"
            )
            details |= {"examples": examples, "tokens": int(hits["tokens"].sum())}
    asked = [f"no {place.setting.ngram} words in a row of an evaluation set"] if overlaps is not None else []
    asked += ["no document that a source holds out"] if held is not None else []
    message = f"{place.subject} holds {' and '.join(asked)}"
    if reasons:
        message = f"{place.subject} holds {' and '.join(reasons)}: leave them out with `where`, and build it again"
    return place.finding(
        "fail" if bad else "pass", message, observed=bad, required=0, comparator="<=", shortfall=bad, evidence=details
    )


def _nothing_declared(place: Place[EvalContamination]) -> Finding:
    """Warns: a project that relies on the rule names sets, or says that it blocks."""
    relies = "severity" in place.setting.model_fields_set
    setting = place.setting if relies else place.setting.model_copy(update={"severity": "warn"})
    return replace(place, setting=setting).finding(
        "insufficient",
        "No evaluation set is declared, and no source holds documents out, so there is nothing to keep apart: declare"
        f" `{RULE}: {{sets: [URI, …]}}` or `hold_out` of a source, or `{RULE}: off`",
    )
