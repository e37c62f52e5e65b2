"""All documents that a release carries about itself: those known from its record, and those that name its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from anchor_pipeline.disclosure.attribution import NOTICE, SPDX, notice, spdx
from anchor_pipeline.disclosure.card import CARD, card
from anchor_pipeline.disclosure.croissant import CROISSANT, croissant
from anchor_pipeline.disclosure.cyclonedx import CYCLONEDX, bom
from anchor_pipeline.disclosure.json_file import as_json
from anchor_pipeline.disclosure.origins import Told
from anchor_pipeline.disclosure.record import ReleaseRecord
from anchor_pipeline.disclosure.record_json import RECORD, record_json
from anchor_pipeline.disclosure.statements import statements
from anchor_pipeline.mix.manifest import VERDICT, WRITTEN_BY, Manifest
from anchor_pipeline.project import Project

REPORT = "REPORT.html"

Files = dict[str, bytes]


def disclosures(record: ReleaseRecord, project: Project) -> Files:
    """The documents that need no more than the record, by their names in the release."""
    told = Told.of(record, project)
    files = {
        RECORD: as_json(record_json(record)),
        SPDX: as_json(spdx(told, WRITTEN_BY)),
        NOTICE: notice(told).encode("utf-8", "replace"),
        **statements(told),
    }
    others = [*files, REPORT, VERDICT, CROISSANT, CYCLONEDX]
    return {**files, CARD: card(told, others).encode("utf-8", "replace")}


def after(record: ReleaseRecord, project: Project, files: Mapping[str, bytes]) -> Callable[[Manifest], Files]:
    """Makes the documents that name the parts by digest; `files` are those the release has besides."""
    told = Told.of(record, project)

    def made(manifest: Manifest) -> Files:
        boms = {CYCLONEDX: as_json(bom(told, manifest))}
        known = {**files, **boms, VERDICT: record.verdict.json_bytes}
        return {**boms, CROISSANT: as_json(croissant(told, manifest, known))}

    return made
