"""The text of a generated source, in the store, as the raw file of its ingest; written anew when its input changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pyarrow.parquet as pq

from anchor_pipeline.corpus.snapshot import SourceSnapshot, canonical_digest, canonical_json
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.project import Project
from anchor_pipeline.project.addresses import is_url
from anchor_pipeline.twins import find_twin
from anchor_pipeline.twins.base import Origin, Training
from anchor_pipeline.twins.generate import generate_source

_READ = ["doc_id", "text", "raw_file", "collected_at", "licence"]


def write_twin(project: Project, name: str, fitted: SourceSnapshot, store: Store) -> str:
    """Bring the text of source `name` up to date with the source it is fitted on; gives its uri."""
    source = project.sources[name]
    declared = [source.generate, source.generator]
    settings = [part.model_dump(mode="json") for part in declared if part is not None]
    version = find_twin(source.generate.twin).version if source.generate else ""
    made_from = {"settings": settings, "seed": project.seed, "fitted": fitted.digest, "version": version}
    inputs = canonical_digest(made_from)
    text, record = f"twins/{name}.jsonl", f"twins/{name}.json"
    known = json.loads(store.read(record)) if store.exists(record) and store.exists(text) else {}
    if known.get("inputs") != inputs:
        generated = generate_source(source, _training(fitted, store), project.seed)
        # A crash must not leave the new text beside a record of the old.
        store.write(record, canonical_json({}))
        store.write(text, generated.jsonl)
        store.write(record, canonical_json({"inputs": inputs, "record": generated.record}))
    address = store.address_of(text)
    return address if is_url(address) else os.path.relpath(address, project.root)


def _training(fitted: SourceSnapshot, store: Store) -> Iterator[Training]:
    """The documents of a source, read from its shards."""
    masked = set(fitted.masked())
    for digest in fitted.shards:
        for batch in pq.ParquetFile(store.local_shard(digest)).iter_batches(columns=_READ):
            for row in batch.to_pylist():
                # An erased document has no text.
                if (digest, row["raw_file"]) not in masked and row["text"] is not None:
                    yield Training(Origin(row["doc_id"], row["collected_at"], row["licence"]), row["text"])
