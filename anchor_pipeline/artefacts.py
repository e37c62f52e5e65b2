"""What the steps read and make, as it is recorded."""

from __future__ import annotations

from anchor_pipeline.corpus.corpus import Corpus
from anchor_pipeline.corpus.snapshot import SourceSnapshot, canonical_digest
from anchor_pipeline.mix.selection import Selection
from anchor_pipeline.observer import Artefact

_MOST_FILES_NAMED = 100


def raw_artefacts(snapshot: SourceSnapshot) -> list[Artefact]:
    """The raw files of a source, one by one; of many only their sum, so that a record stays readable."""
    name, files = f"raw/{snapshot.source}", snapshot.files
    if len(files) <= _MOST_FILES_NAMED:
        return [Artefact(f"{name}/{file.path}", file.sha256, file.read, file.size) for file in files]
    digest = canonical_digest([[file.path, file.sha256] for file in files])
    rows, size = snapshot.read, sum(file.size for file in files)
    return [Artefact(name, digest, rows, size, files=len(files))]


def snapshot_artefact(snapshot: SourceSnapshot) -> Artefact:
    """The snapshot of a source."""
    rows = sum(shard.rows for unit in snapshot.units for shard in unit.shards)
    return Artefact(f"sources/{snapshot.source}", snapshot.digest, rows)


def corpus_artefact(corpus: Corpus) -> Artefact:
    """The corpus of a cycle."""
    return Artefact("corpus", corpus.digest, sum(counts.kept for counts in corpus.sources.values()))


def selection_artefact(selection: Selection) -> Artefact:
    """The selection of a stage."""
    return Artefact(f"selection/{selection.stage}", selection.digest, selection.rows)
