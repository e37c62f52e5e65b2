"""Assemble the corpus of a cycle: every row read gets a status, and exact duplicates a kept copy.

Works on metadata columns alone, in DuckDB, which spills to disk: about 100 bytes a document of memory.
In this order a row is
1. `later`, if dated at or after `as_of`;
2. `quarantined`, if a recall bars it (`recalled`), a quarantine (`quarantined_lineage`) or a weight
   (`down_weighted`; see excluded.py), if its source's licence has expired (`licence_expired`), does not permit
   training (`use_not_permitted`), if an expectation that quarantines could not be evaluated
   (`expectation_not_evaluated`), if it violates one (`expectation_COLUMN_TYPE`), or if another content has the same
   id (`duplicate_id`; the earliest stays);
3. `duplicate`, if the same content has a copy of better provenance: anchors before licensed before enterprise
   before synthetic, human before unknown before synthetic authorship, then the earliest, then the smallest id;
4. `kept`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anchor_pipeline.corpus.corpus import (
    Corpus,
    corpus_table,
    corpus_table_name,
    read_corpus,
    write_corpus,
)
from anchor_pipeline.corpus.made_from import is_made_from
from anchor_pipeline.corpus.recall_files import RecallFiles
from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.set_aside import NOT_EVALUATED, SetAside
from anchor_pipeline.corpus.snapshot import SourceSnapshot, canonical_digest
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.accounts import copy_to, counts_of, keep_quarantined
from anchor_pipeline.facts.classify import classify, database_in, load, register_barred, view_rows
from anchor_pipeline.facts.excluded import EXCLUDED_SCHEMA, READ, barrings, digest_of, excluded_rows
from anchor_pipeline.facts.near_corpus import mark_near_duplicates
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.project.expectations import quarantines
from anchor_pipeline.project.policy import NearDuplicates

_FORMAT = 2


def assemble(
    project: Project,
    cycle: Cycle,
    snapshots: Mapping[str, SourceSnapshot],
    store: Store,
    set_aside: Mapping[str, SetAside] = MappingProxyType({}),
    earlier: Sequence[Released] = (),
) -> tuple[Corpus, bool]:
    """The corpus of `cycle` from the current snapshots, and whether it was there already.

    `set_aside` has the rows of these snapshots that expectations keep out; of a source with such expectations that
    is not in it, nothing is taken. `earlier` are releases of earlier cycles: of near-duplicates alike in provenance
    the one that is in them is kept. Raises DamagedData if a shard or a list of rows is missing or damaged.
    """
    barred = _barred_sources(project, cycle, set_aside)
    excluded = _excluded(project, cycle, snapshots, store)
    similarity = _near_similarity(project)
    if similarity is None:
        earlier = ()
    near = {"similarity": str(similarity), "earlier": sorted(release.digest for release in earlier)}
    inputs = _inputs_digest(cycle, snapshots, barred, set_aside, near, digest_of(excluded))
    current = read_corpus(store, cycle.key)
    if current is not None and current.inputs == inputs and _is_there(store, cycle, inputs):
        return current, True
    with store.temporary() as work:
        work.mkdir(parents=True)
        table = work / "documents.parquet"
        with database_in(work) as database:
            load(database, snapshots, store)
            register_barred(database, barred, set_aside, excluded, store)
            classify(database, cycle)
            if similarity is not None:
                mark_near_duplicates(database, store, similarity, earlier, work)
            copy_to(database, _DOCUMENTS, table, inputs)
            counts = counts_of(database, snapshots)
            keep_quarantined(database, snapshots, store, cycle, work)
        target = store.adopt(table, corpus_table_name(cycle.key))
    corpus = Corpus(cycle=cycle.key, inputs=inputs, documents=_documents_digest(target), sources=counts)
    write_corpus(store, corpus)
    return corpus, False


def _is_there(store: Store, cycle: Cycle, inputs: str) -> bool:
    return store.exists(corpus_table_name(cycle.key)) and is_made_from(corpus_table(store, cycle.key), inputs)


def _barred_sources(project: Project, cycle: Cycle, set_aside: Mapping[str, SetAside]) -> dict[str, str]:
    """Sources whose terms bar them from this cycle, or of which no row is known to be allowed, and why."""
    barred = {}
    for name, source in project.sources.items():
        kept_out = set_aside.get(name)
        if kept_out.not_evaluated if kept_out is not None else any(map(quarantines, source.expectations)):
            barred[name] = NOT_EVALUATED
        terms = source.terms
        if terms is None:
            continue
        if terms.uses is not None and "training" not in terms.uses:
            barred[name] = "use_not_permitted"
        if terms.expires is not None:
            last = datetime(terms.expires.year, terms.expires.month, terms.expires.day, tzinfo=UTC)
            if cycle.as_of > last + timedelta(days=1):
                barred[name] = "licence_expired"
    return barred


def _excluded(project: Project, cycle: Cycle, snapshots: Mapping[str, SourceSnapshot], store: Store) -> pa.Table:
    """The rows that recalls bar from this cycle."""
    standing = barrings(RecallFiles(store, project.root))
    if not standing:
        return EXCLUDED_SCHEMA.empty_table()
    with store.temporary() as work:
        work.mkdir(parents=True)
        with database_in(work) as database:
            view_rows(database, snapshots, store)
            # What waits for a later cycle is barred there: this one stays as it is.
            until = f"TIMESTAMPTZ '{cycle.as_of.isoformat()}'"
            due = f"SELECT {', '.join(READ)} FROM rows WHERE collected_at < {until}"
            database.execute(f"CREATE VIEW due AS {due}")
            try:
                return excluded_rows(database, "due", standing, project.seed)
            except (duckdb.IOException, duckdb.InvalidInputException) as error:
                raise DamagedData(f"a shard of the store is missing or damaged: {error}") from None


def _near_similarity(project: Project) -> Fraction | None:
    """From which similarity on the project leaves near-duplicates out; None: never."""
    setting = project.setting("near_duplicates")
    assert isinstance(setting, NearDuplicates)
    return None if setting.off else setting.similarity


def _inputs_digest(
    cycle: Cycle,
    snapshots: Mapping[str, SourceSnapshot],
    barred: Mapping[str, str],
    set_aside: Mapping[str, SetAside],
    near: Mapping[str, object],
    excluded: str,
) -> str:
    sources = {
        name: {"snapshot": snapshot.digest, "shards": snapshot.shards, "masked": snapshot.masked()}
        for name, snapshot in snapshots.items()
    }
    rows = {name: kept.digest for name, kept in set_aside.items() if kept.digest}
    as_of = cycle.as_of.isoformat()
    told = {"format": _FORMAT, "as_of": as_of, "barred": barred, "sources": sources, "set_aside": rows, "near": near}
    # Recalls that bar no row of this cycle leave its digests as they were.
    return canonical_digest({**told, "recalled": excluded} if excluded else told)


_DOCUMENTS = """SELECT * EXCLUDE (row_id) FROM classified
    ORDER BY source, doc_id, digest, status, collected_at, raw_file, raw_row"""


def _documents_digest(table: Path) -> str:
    """SHA-256 over doc_id, NUL, content digest, NUL, status, newline of all documents in order."""
    sha = hashlib.sha256()
    for batch in pq.ParquetFile(table).iter_batches(columns=["doc_id", "digest", "status"]):
        lines = pc.binary_join_element_wise(*batch.columns, "\0")
        sha.update("".join(f"{line}\n" for line in lines.to_pylist()).encode())
    return sha.hexdigest()
