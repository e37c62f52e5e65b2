"""A validator of OpenLineage events against the published JSON Schemas, all formats checked, without network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

SPEC = Path(__file__).parents[3] / "shared" / "openlineage-spec"
OWN = Path(__file__).parents[2] / "docs" / "spec" / "lineage" / "1-0-0"
"""Our schemas as a third party finds them."""

CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"

needs_spec = pytest.mark.skipif(not SPEC.is_dir(), reason="../shared/openlineage-spec is not there")

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_RFC3986 = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")

formats = FormatChecker(formats=[])


@formats.checks("date-time", raises=ValueError)
def _date_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return _RFC3339.fullmatch(value) is not None and datetime.fromisoformat(value) is not None


@formats.checks("date", raises=ValueError)
def _date(value: object) -> bool:
    return not isinstance(value, str) or date.fromisoformat(value).isoformat() == value


@formats.checks("uri")
def _uri(value: object) -> bool:
    return not isinstance(value, str) or _RFC3986.fullmatch(value) is not None


@formats.checks("uuid", raises=ValueError)
def _uuid(value: object) -> bool:
    return not isinstance(value, str) or str(UUID(value)) == value.lower()


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """All schemas by their $id, which names the version."""
    paths = [SPEC / "OpenLineage.json", *sorted((SPEC / "facets").glob("*.json")), *sorted(OWN.glob("Anchor*.json"))]
    loaded = [json.loads(path.read_text("utf-8")) for path in paths]
    return {schema["$id"]: schema for schema in loaded}


def problems(event: dict[str, Any]) -> list[str]:
    """Everything wrong with an event; empty if it is valid."""
    found = _against(CORE, event, "event")
    if event.get("schemaURL") != f"{CORE}#/$defs/RunEvent":
        found.append(f"schemaURL: {event.get('schemaURL')}")
    for place, kinds, facets in _places(event):
        for key, facet in facets.items():
            found += _facet_problems(f"{place}.{key}", kinds, key, facet)
    return found


def _places(event: dict[str, Any]) -> Iterator[tuple[str, set[str], dict[str, Any]]]:
    yield "run.facets", {"RunFacet"}, event["run"].get("facets", {})
    yield "job.facets", {"JobFacet"}, event["job"].get("facets", {})
    for side, kind in (("inputs", "InputDatasetFacet"), ("outputs", "OutputDatasetFacet")):
        for dataset in event.get(side, []):
            yield f"{side}.facets", {"DatasetFacet"}, dataset.get("facets", {})
            yield f"{side}.{side[:-1]}Facets", {kind}, dataset.get(f"{side[:-1]}Facets", {})


def _facet_problems(place: str, kinds: set[str], key: str, facet: dict[str, Any]) -> list[str]:
    url = facet.get("_schemaURL", "")
    id, _, fragment = url.partition("#")
    schema = schemas().get(id)
    if schema is None:
        return [f"{place}: no published schema {url}"]
    found = _against(url, facet, place)
    declared = schema["properties"].get(key, {})
    if {"$ref": f"#{fragment}"} not in declared.get("anyOf", [declared]):
        found.append(f"{place}: {url} is not the schema of a facet named {key}")
    base = json.dumps(schema["$defs"][fragment.rsplit("/", 1)[-1]]["allOf"][0]["$ref"])
    if not any(base.endswith(f'/{kind}"') for kind in kinds):
        found.append(f"{place}: a facet of another place, {base}")
    return found


def _against(reference: str, instance: object, place: str) -> list[str]:
    registry: Registry[Any] = Registry().with_resources(
        (id, Resource.from_contents(schema)) for id, schema in schemas().items()
    )
    validator = Draft202012Validator({"$ref": reference}, registry=registry, format_checker=formats)
    return [f"{place}{error.json_path[1:]}: {error.message}" for error in validator.iter_errors(instance)]


def used_formats() -> set[str]:
    """Formats that the schemas ask for."""

    def walk(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("format"), str):
                yield node["format"]
            for value in node.values():
                yield from walk(value)
        elif isinstance(node, list):
            for value in node:
                yield from walk(value)

    return {name for schema in schemas().values() for name in walk(schema)}
