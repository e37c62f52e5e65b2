"""The documents of a release of a few rows made by hand, without the release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from anchor_pipeline.disclosure.files import after, disclosures
from anchor_pipeline.disclosure.record import ReleaseRecord, release_record
from anchor_pipeline.mix.manifest import WRITTEN_BY, Manifest, Part
from anchor_pipeline.rules.verdict import judge
from anchor_pipeline_tests.rules.evidence import Builder

HOSTILE = '"]}, "@id": "x", <script>alert(1)</script> \u202e \n --- {{7*7}} | ] ) ` @ann https://example.org'
"""A name that breaks out wherever it is not escaped."""


def by_hand(folder: Path, rows: list[dict[str, Any]], **options: Any) -> tuple[ReleaseRecord, dict[str, bytes]]:
    """Its record and its documents, with a part that is not there."""
    evidence = Builder(folder)(rows, **options)
    record = release_record(evidence, judge(evidence))
    part = Part(path="data/train-00000-of-00001.parquet", sha256="0" * 64, rows=1, tokens=1, bytes=1)
    manifest = Manifest.model_construct(parts=(part,), written_by=WRITTEN_BY)
    files = disclosures(record, evidence.project)
    return record, {**files, **after(record, evidence.project, files)(manifest)}


def parsed(files: dict[str, bytes], name: str) -> dict[str, Any]:
    """A JSON document of these."""
    found: dict[str, Any] = json.loads(files[name])
    return found
