"""Croissant 1.1 (http://mlcommons.org/croissant/1.1): files, columns and provenance of a release, in JSON-LD.

Provenance is W3C PROV-O (https://www.w3.org/TR/prov-o/), as section "Provenance Representation" of the specification
recommends. `mlcroissant` reads the documents through it; the test validates and loads with that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from anchor_pipeline.disclosure.croissant_context import CONTEXT
from anchor_pipeline.disclosure.croissant_fields import record_set
from anchor_pipeline.disclosure.croissant_provenance import generated_by, sources
from anchor_pipeline.disclosure.licences import licence_url
from anchor_pipeline.disclosure.markdown import visible
from anchor_pipeline.disclosure.origins import Told
from anchor_pipeline.disclosure.words import amounts, between, day
from anchor_pipeline.mix.manifest import Manifest

CROISSANT = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"

PARTS = "parts"
"""The id of the set of Parquet files."""

_TYPES = {"json": "application/json", "md": "text/markdown", "html": "text/html"}
_SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def croissant(told: Told, manifest: Manifest, files: Mapping[str, bytes]) -> dict[str, Any]:
    """The JSON-LD document; `files` are those of the release beside the parts, by name."""
    record, said = told.record, told.project
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": visible(told.dataset_title()),
        "description": description(told),
        "conformsTo": CONFORMS_TO,
        "version": version(record.cycle, said.version),
        # A release has no clock: it is dated by the end of its cycle.
        "datePublished": day(record.as_of),
        "url": said.homepage or "README.md",
        "creator": _creator(told),
        "license": licences(told),
        "citeAs": said.citation or _citation(told),
        "keywords": ["training data", *record.modalities],
        "isLiveDataset": False,
        "prov:wasGeneratedBy": generated_by(record, manifest),
        "prov:wasDerivedFrom": sources(told),
        "distribution": [
            *_files(manifest, files),
            {
                "@type": "cr:FileSet",
                "@id": PARTS,
                "name": PARTS,
                "description": "The parts of the mix; in the order of their names they are the mix in training order.",
                "encodingFormat": "application/x-parquet",
                "includes": "data/train-*.parquet",
            },
        ],
        "recordSet": [record_set(record, PARTS)],
    }


def description(told: Told) -> str:
    """What the data set is, as declared, and what it holds, as recorded."""
    record = told.record
    declared = told.project.description or record.stage_description
    first = f"{declared.rstrip('.')}. " if declared else ""
    documents = sum(total.documents for total in record.totals)
    rows = sum(total.passes for total in record.totals)
    return visible(
        f"{first}Training mix of stage {record.stage}, cycle {record.cycle}, of project {record.project}: "
        f"{documents:,} documents in {rows:,} rows ({amounts(record.totals, record.tokens_by)}), collected "
        f"{between(record.period)}, from {len(record.drawn)} sources. Dated by the end of its cycle."
    )


def version(cycle: str, declared: str | None) -> str:
    """MAJOR.MINOR.PATCH, as Croissant asks: the declared one if it is that, or the first numbers of the cycle.

    What else the cycle's name holds follows as build metadata (semver.org, 10): `2025-06-01T05` is `2025.6.1+05`.
    """
    if declared is not None and _SEMANTIC.fullmatch(declared):
        return declared
    numbers = re.findall(r"\d+", cycle)
    three = [str(int(number)) for number in [*numbers, "0", "0", "0"][:3]]
    rest = "".join(numbers[3:])
    return ".".join(three) + (f"+{rest}" if rest else "")


def licences(told: Told) -> list[Any]:
    """Terms of the data set as a whole, where declared, and those of its documents: addresses, or expressions."""
    expressions = {total.licence for total in told.record.totals}
    whole = [told.project.licence] if told.project.licence else []
    return [_licence(one) for one in [*whole, *sorted(expressions - set(whole))]]


def _licence(expression: str) -> Any:
    url = expression if expression.startswith(("https://", "http://")) else licence_url(expression)
    return url or {"@type": "sc:CreativeWork", "name": visible(expression)}


def _citation(told: Told) -> str:
    """A BibTeX entry without author, which nobody declared; the digest says which rows are meant."""
    record = told.record
    title = re.sub(r"[{}\\]", "", visible(told.dataset_title()))
    return (
        f"@misc{{{record.project}_{record.stage}_{re.sub(r'[^A-Za-z0-9]', '_', record.cycle)}, title = {{{title}}}, "
        f"year = {{{record.as_of.year}}}, note = {{Training mix of cycle {record.cycle}; SHA-256 of the selection "
        f"{record.verdict.digests.selection}}}}}"
    )


def _creator(told: Told) -> dict[str, Any]:
    """Croissant asks for one; who was not declared is not made up."""
    provider = told.project.provider
    if provider is None:
        return {"@type": "sc:Organization", "name": f"not stated (project {told.record.project})"}
    return {"@type": "sc:Organization", "name": visible(provider.name)}


def _files(manifest: Manifest, files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    parts = [
        _file(part.path, part.bytes, part.sha256, "application/x-parquet", f"{part.rows:,} rows")
        for part in manifest.parts
    ]
    others = [
        _file(name, len(data), hashlib.sha256(data).hexdigest(), _TYPES[name.rpartition(".")[2]], "About the release")
        for name, data in sorted(files.items())
    ]
    return parts + others


def _file(name: str, size: int, sha256: str, kind: str, what: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name.rpartition("/")[2],
        "description": f"{what}.",
        "contentUrl": name,
        "contentSize": f"{size} B",
        "encodingFormat": kind,
        "sha256": sha256,
    }
