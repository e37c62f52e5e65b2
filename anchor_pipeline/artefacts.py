"""What the steps read and make, as it is recorded.

`…_artefact` names a dataset and its version, as an input is recorded; `…_made` says all that is known of an output.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

import pyarrow as pa

from anchor_pipeline.corpus.corpus import Corpus
from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA, METADATA_COLUMNS
from anchor_pipeline.corpus.snapshot import SourceSnapshot, canonical_digest
from anchor_pipeline.details import Details, Origin, ShardDetails, ShardList
from anchor_pipeline.mix.manifest import MANIFEST, Manifest
from anchor_pipeline.mix.parts import METADATA, mix_schema
from anchor_pipeline.mix.release import Release
from anchor_pipeline.mix.selection import Selection
from anchor_pipeline.observer import Artefact, Change
from anchor_pipeline.project import Project
from anchor_pipeline.project.addresses import is_url
from anchor_pipeline.rules.evidence import SELECTION_SCHEMA
from anchor_pipeline.rules.verdict import Verdict
from anchor_pipeline.source_details import (
    address_of_raw,
    columns_of_raw,
    corpus_shares,
    generator_of,
    mix_shares,
    tags_of,
    terms_of,
    verdict_details,
)
from anchor_pipeline.workplace import Workplace

_MOST_FILES_NAMED = 100

MOST_ORIGINS = 2000
"""Of columns in one event. With more sources or raw files, columns are left out; whole datasets are always named."""


def raw_artefacts(snapshot: SourceSnapshot, project: Project) -> list[Artefact]:
    """The raw files of a source, one by one; of many only their sum, so that a record stays readable."""
    name, files = f"raw/{snapshot.source}", snapshot.files
    source = project.sources[snapshot.source]
    layer = _layer(source.uri or project.store_address)
    if len(files) <= _MOST_FILES_NAMED:
        return [
            Artefact(
                f"{name}/{file.path}",
                file.sha256,
                file.read,
                file.size,
                uri=address_of_raw(source.uri, file.path),
                details=Details(layer=layer, format=source.format or _ending(file.path)),
            )
            for file in files
        ]
    digest = canonical_digest([[file.path, file.sha256] for file in files])
    rows, size = snapshot.read, sum(file.size for file in files)
    return [Artefact(name, digest, rows, size, files=len(files), details=Details(layer=layer, format=source.format))]


def snapshot_artefact(snapshot: SourceSnapshot) -> Artefact:
    """The snapshot of a source."""
    rows = sum(shard.rows for unit in snapshot.units for shard in unit.shards)
    return Artefact(f"sources/{snapshot.source}", snapshot.digest, rows)


def snapshot_made(place: Workplace, snapshot: SourceSnapshot, before: SourceSnapshot | None) -> Artefact:
    """The snapshot of a source after its ingest, with its terms, generator, shards and raw columns."""
    project, source = place.project, place.project.sources[snapshot.source]
    shards = {shard.digest: shard for unit in snapshot.units for shard in unit.shards}
    listed = tuple(ShardDetails(one.digest, one.rows, one.tokens, one.bytes) for _, one in sorted(shards.items()))
    raw = raw_artefacts(snapshot, project)
    columns = columns_of_raw(source)
    fitted = [Origin(f"sources/{source.generate.fit}", "text", "DIRECT", "AGGREGATION")] if source.generate else []
    how = "documents normalised" + (f"; rows where {source.where}" if source.where else "")
    few = len(raw) * len(columns) <= MOST_ORIGINS
    return replace(
        snapshot_artefact(snapshot),
        bytes=sum(one.bytes for one in listed),
        tokens=sum(one.tokens for one in listed),
        files=len(listed),
        columns=_columns(DOCUMENT_SCHEMA),
        change=_change(before is not None),
        details=Details(
            description=source.description,
            owner=source.steward,
            layer=_layer(project.store_address),
            format="parquet",
            tags=tags_of(source),
            terms=terms_of(source),
            generator=generator_of(source),
            shards=ShardList(listed, len(snapshot.masked()), f"sources/{snapshot.source}/snapshot.json"),
            made_from=(*(Origin(one.name, None, "DIRECT", "TRANSFORMATION", how) for one in raw), *fitted),
            columns_from={
                column: tuple(Origin(one.name, field, "DIRECT", subtype) for one in raw)
                for column, (field, subtype) in columns.items()
                if few and raw
            },
        ),
    )


def corpus_artefact(corpus: Corpus) -> Artefact:
    """The corpus of a cycle."""
    return Artefact("corpus", corpus.digest, sum(counts.kept for counts in corpus.sources.values()))


def corpus_made(place: Workplace, corpus: Corpus, before: bool) -> Artefact:
    """The corpus of a cycle after it was assembled; `before`: there was one of the cycle already."""
    names = [f"sources/{name}" for name in sorted(corpus.sources)]
    few = len(names) * len(METADATA_COLUMNS) <= MOST_ORIGINS
    modalities = {place.project.sources[name].modality for name in corpus.sources}
    return replace(
        corpus_artefact(corpus),
        # Tokens, samples and seconds have no sum.
        tokens=sum(counts.kept_tokens for counts in corpus.sources.values()) if len(modalities) == 1 else None,
        columns=(
            *_columns(DOCUMENT_SCHEMA, METADATA_COLUMNS),
            *(("shard", "string"), ("shard_row", "int64"), ("status", "string"), ("reason", "string")),
            ("duplicate_of", "string"),
        ),
        change=_change(before),
        details=Details(
            description=f"One row of metadata per document of all sources, cycle {corpus.cycle}",
            layer=_layer(place.project.store_address),
            format="parquet",
            tags={"cycle": corpus.cycle},
            shares=corpus_shares(corpus, place.project),
            made_from=tuple(Origin(name) for name in names),
            columns_from={column: tuple(Origin(name, column) for name in names) for column in METADATA_COLUMNS}
            if few
            else {},
        ),
    )


def selection_artefact(selection: Selection) -> Artefact:
    """The selection of a stage."""
    return Artefact(f"selection/{selection.stage}", selection.digest, selection.rows)


def judged(selection: Selection, verdict: Verdict) -> Artefact:
    """A selection that is read, with the verdict on it."""
    return replace(selection_artefact(selection), details=Details(verdict=verdict_details(verdict)))


def selection_made(place: Workplace, selection: Selection, before: bool, verdict: Verdict | None = None) -> Artefact:
    """The selection of a stage after documents were drawn; `before`: there was one of the cycle already."""
    same = [name for name in SELECTION_SCHEMA.names if name in METADATA_COLUMNS or name in ("shard", "shard_row")]
    return replace(
        selection_artefact(selection),
        tokens=sum(selection.tokens.values()) if len(selection.tokens) == 1 else None,
        columns=_columns(SELECTION_SCHEMA),
        change=_change(before),
        details=Details(
            description=place.project.stages[selection.stage].description,
            layer=_layer(place.project.store_address),
            format="parquet",
            tags={"cycle": selection.cycle, "stage": selection.stage},
            verdict=None if verdict is None else verdict_details(verdict),
            made_from=(Origin("corpus", None, "DIRECT", "FILTER"),),
            columns_from={name: (Origin("corpus", name),) for name in same},
            chosen_by=(
                Origin("corpus", "status", "INDIRECT", "FILTER"),
                Origin("corpus", "doc_id", "INDIRECT", "SORT"),
            ),
        ),
    )


def mix_made(place: Workplace, released: Release, verdict: Verdict) -> Artefact:
    """A released mix, with its shares and the verdict that it was released by."""
    manifest = released.manifest
    selection = f"selection/{manifest.stage}"
    drawn = sorted({name for shares in manifest.shares.values() for name in shares["source"]})
    modalities = set(manifest.amounts)
    contents = [name for name, kinds in _CONTENT.items() if kinds & modalities]
    # As a release is laid out: `text` always, `payload` where there are images or sounds.
    held = ("text", "payload") if modalities & _CONTENT["payload"] else ("text",)
    columns_from: dict[str, tuple[Origin, ...]] = {
        name: (Origin(selection, name),) for name in (*METADATA, "doc_id", "epoch")
    }
    if len(drawn) * len(contents) <= MOST_ORIGINS:
        columns_from |= {name: tuple(Origin(f"sources/{source}", name) for source in drawn) for name in contents}
    return Artefact(
        f"mix/{manifest.stage}",
        manifest.digest,
        manifest.rows,
        sum(part.bytes for part in manifest.parts),
        tokens=sum(part.tokens for part in manifest.parts) if len(manifest.amounts) == 1 else None,
        columns=_columns(mix_schema(held)),
        uri=released.location,
        files=len(manifest.parts),
        change=_change(manifest.revision > 1),
        details=Details(
            description=place.project.stages[manifest.stage].description,
            layer=_layer(released.location),
            format="parquet",
            tags={"cycle": manifest.cycle, "stage": manifest.stage, "revision": str(manifest.revision)},
            shares=mix_shares(manifest),
            verdict=verdict_details(verdict),
            made_from=(Origin(selection), *(Origin(f"sources/{source}", None, "DIRECT", "JOIN") for source in drawn)),
            columns_from=columns_from,
        ),
    )


def manifest_made(released: Release) -> Artefact:
    """The manifest of a released mix, as a dataset of its own: what the ledger names the release by."""
    name = f"mix/{released.manifest.stage}"
    return Artefact(
        f"{name}/{MANIFEST}",
        hashlib.sha256(released.manifest.encoded()).hexdigest(),
        details=Details(
            layer=_layer(released.location),
            format="json",
            made_from=(Origin(name, None, "DIRECT", "AGGREGATION", "digests, counts and shares"),),
        ),
    )


def export_artefact(name: str, manifest: Manifest, digest: str, rows: int, uri: str = "") -> Artefact:
    """Files that were written from a release; `name` begins with `exports/`."""
    made_from = (Origin(f"mix/{manifest.stage}", None, "DIRECT", "TRANSFORMATION", "content as files of its own"),)
    told = Details(layer=_layer(uri), tags={"cycle": manifest.cycle, "stage": manifest.stage}, made_from=made_from)
    return Artefact(name, digest, rows, uri=uri or None, change="CREATE", details=told)


_CONTENT = {"text": {"text", "table"}, "payload": {"image", "audio"}}
"""Columns of content, and the modalities that fill them."""


def _columns(schema: pa.Schema, names: Iterable[str] | None = None) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(schema.field(name).type)) for name in names or schema.names)


def _change(before: bool) -> Change:
    return "OVERWRITE" if before else "CREATE"


def _layer(address: str) -> str:
    """What holds the files of an address: `file`, or the scheme of the outermost URL of a chain."""
    outer = address.rpartition("::")[2]
    scheme = urlsplit(outer).scheme if is_url(outer) else ""
    return scheme if scheme not in ("", "local") else "file"


def _ending(path: str) -> str | None:
    """The format that a file's name tells, without that of its compression."""
    name = path.rpartition("/")[2].lower()
    for packed in (".gz", ".zst", ".bz2", ".xz"):
        name = name.removesuffix(packed)
    stem, _, ending = name.rpartition(".")
    return ending if stem and ending.isalnum() else None
