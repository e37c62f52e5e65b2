"""CycloneDX 1.6 (ECMA-424), as ML-BOM: the release as a data component, made of its sources and their generators.

https://cyclonedx.org/docs/1.6/json/. Of models no more is said than their names: a release does not know them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from anchor_pipeline.corpus.snapshot import canonical_digest
from anchor_pipeline.disclosure.attribution import NOTICE, SPDX
from anchor_pipeline.disclosure.croissant import description
from anchor_pipeline.disclosure.licences import all_of
from anchor_pipeline.disclosure.markdown import visible
from anchor_pipeline.disclosure.origins import Told
from anchor_pipeline.disclosure.record import SourceRecord
from anchor_pipeline.disclosure.totals import Total
from anchor_pipeline.disclosure.words import is_mail, source_summary
from anchor_pipeline.mix.manifest import Manifest

CYCLONEDX = "disclosure/bom.cdx.json"

_RELEASE = "release"


def bom(told: Told, manifest: Manifest) -> dict[str, Any]:
    """The bill of materials; its serial number follows from its content."""
    drawn = told.record.drawn
    generators = _generators(told)
    tool, _, version = manifest.written_by.rpartition(" ")
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": tool, "version": version}]},
            "component": _release(told, manifest),
        },
        "components": [
            *(_source(told, source) for source in drawn),
            *(_model(name, totals) for name, totals in generators.items()),
        ],
        "dependencies": list(_dependencies(told, generators)),
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"https://anchor-pipeline.dev/bom/{canonical_digest(document)}")
    return {**document, "serialNumber": f"urn:uuid:{serial}"}


def _release(told: Told, manifest: Manifest) -> dict[str, Any]:
    record, said = told.record, told.project
    name = visible(told.dataset_title())
    digests = record.verdict.digests
    parts = [
        {
            "type": "file",
            "bom-ref": part.path,
            "name": part.path,
            "hashes": [{"alg": "SHA-256", "content": part.sha256}],
            "properties": _properties({"rows": part.rows, "bytes": part.bytes}),
        }
        for part in manifest.parts
    ]
    return {
        "type": "data",
        "bom-ref": _RELEASE,
        "name": name,
        "version": visible(said.version or record.cycle),
        "description": description(told),
        **({"supplier": {"name": visible(said.provider.name)}} if said.provider else {}),
        "licenses": [{"expression": all_of(total.licence for total in record.totals)}],
        "data": [
            {
                "type": "dataset",
                "bom-ref": f"{_RELEASE}/data",
                "name": name,
                "contents": {"url": "data/"},
                "description": description(told),
                **_governance(dict.fromkeys(s.steward for s in record.drawn if s.steward is not None), None),
            }
        ],
        "externalReferences": [
            {"type": "documentation", "url": "README.md"},
            {"type": "license", "url": NOTICE},
            {"type": "license", "url": SPDX},
        ],
        "components": parts,
        "properties": _properties(
            {
                "project": record.project,
                "stage": record.stage,
                "cycle": record.cycle,
                "as_of": record.as_of.isoformat(),
                "selection": digests.selection,
                "corpus": digests.corpus,
                "policy": digests.policy,
                "verdict": record.verdict.digest,
            }
        ),
    }


def _source(told: Told, source: SourceRecord) -> dict[str, Any]:
    said = told.sources[source.name]
    url = said.url or source.url
    data: dict[str, Any] = {
        "type": "dataset",
        "bom-ref": f"{_ref(source.name)}/data",
        "name": visible(told.title(source)),
        "description": visible(source_summary(source, told.record)),
    }
    if url:
        data["contents"] = {"url": url}
    if source.risk is not None:
        data["classification"] = f"risk {source.risk}"
    if said.personal_information:
        data["sensitiveData"] = ["personal information"]
    data |= _governance([source.steward] if source.steward else [], said.owner)
    return {
        "type": "data",
        "bom-ref": _ref(source.name),
        "name": source.name,
        "description": visible(source_summary(source, told.record)),
        "licenses": [{"expression": all_of(source.licences)}],
        "data": [data],
        "properties": _properties(
            {
                "kind": source.kind,
                "modality": source.modality,
                "documents": source.documents,
                "rows": source.passes,
                "amount": source.tokens,
                "amount_unit": source.totals[0].unit,
                **({"tokens_by": told.record.tokens_by} if source.modality == "text" else {}),
                "bytes": source.bytes,
            }
        ),
    }


def _model(name: str, totals: list[Total]) -> dict[str, Any]:
    """A model that wrote documents; `name@version` as it was declared or found in the rows."""
    model, _, version = name.partition("@")
    families = sorted({total.family for total in totals if total.family is not None})
    return {
        "type": "machine-learning-model",
        "bom-ref": _model_ref(name),
        "name": visible(model) or "unnamed",
        **({"version": visible(version)} if version else {}),
        "properties": _properties(
            {
                "documents": sum(total.documents for total in totals),
                "rows": sum(total.passes for total in totals),
                **({"family": visible(families[0])} if families else {}),
            }
        ),
    }


def _generators(told: Told) -> dict[str, list[Total]]:
    """By name, sorted: what was drawn of the documents that each wrote."""
    found: dict[str, list[Total]] = {}
    for total in told.record.totals:
        if total.generator is not None:
            found.setdefault(total.generator, []).append(total)
    return dict(sorted(found.items()))


def _dependencies(told: Told, generators: dict[str, list[Total]]) -> Iterator[dict[str, Any]]:
    """The release on its sources, a source on the models that wrote it and on those that hold its parents."""
    drawn = told.record.drawn
    names = {source.name for source in drawn}
    yield {"ref": _RELEASE, "dependsOn": [_ref(source.name) for source in drawn]}
    for source in drawn:
        named = [source.generated_from or source.name, *(other for other, _ in source.derived_from)]
        others = set(named) & names - {source.name}
        models = {total.generator for total in source.totals if total.generator is not None}
        on = [*map(_ref, sorted(others)), *(_model_ref(name) for name in generators if name in models)]
        yield {"ref": _ref(source.name), **({"dependsOn": on} if on else {})}


def _governance(stewards: Iterable[str], owner: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if known := [_party(steward) for steward in stewards]:
        found["stewards"] = known
    if owner is not None:
        found["owners"] = [{"organization": {"name": visible(owner)}}]
    return {"governance": found} if found else {}


def _party(steward: str) -> dict[str, Any]:
    return {"contact": {"email": steward}} if is_mail(steward) else {"organization": {"name": visible(steward)}}


def _properties(values: dict[str, object]) -> list[dict[str, str]]:
    return [{"name": f"anchor-pipeline:{name}", "value": str(value)} for name, value in values.items()]


def _ref(source: str) -> str:
    return f"source/{source}"


def _model_ref(name: str) -> str:
    return f"model/{name}"
