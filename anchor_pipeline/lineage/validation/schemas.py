"""The published JSON Schemas, and what a value has against one.

Ours are in ../schemas, told in docs/spec/lineage.md. The standard's own may be given as a folder (a checkout of
https://github.com/OpenLineage/OpenLineage, spec/); without them Event.json stands in for the frame of an event and
StandardFacets.json for the facets that we write.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable

from anchor_pipeline.errors import UsageError
from anchor_pipeline.lineage.producer import SCHEMA_VERSION, SCHEMAS
from anchor_pipeline.lineage.validation.formats import formats, read_json

CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
_STANDARD = "https://openlineage.io/"
_MOST = 20
"""Complaints about one value that are told."""

_LONGEST = 160


@cache
def published() -> dict[str, dict[str, Any]]:
    """Our schemas, by `$id`."""
    folder = files("anchor_pipeline.lineage") / "schemas" / SCHEMA_VERSION
    loaded = [json.loads(one.read_text("utf-8")) for one in folder.iterdir() if one.name.endswith(".json")]
    return {schema["$id"]: schema for schema in sorted(loaded, key=lambda schema: str(schema["$id"]))}


def own_id(name: str) -> str:
    """The `$id` of one of our schemas."""
    return f"{SCHEMAS}/{SCHEMA_VERSION}/{name}.json"


class Schemas:
    """The schemas that files are checked against. UsageError if `standard` is a folder without those of OpenLineage."""

    def __init__(self, standard: Path | None = None) -> None:
        self.official = {} if standard is None else _official(standard)
        self._validators: dict[str, Draft202012Validator] = {}

    def of_facet(self, url: str) -> tuple[str, dict[str, Any]] | None:
        """The schema that a facet names: where to find its definition, and the file; None if it is not known."""
        id = url.partition("#")[0]
        own = {**published(), **self.official}
        if id in own and id not in (CORE, own_id("Event")):
            return url, own[id]
        if self.official or not id.startswith(_STANDARD):
            return None
        name = self._told_anew.get(url)
        stand_in = own_id("StandardFacets")
        return None if name is None else (f"{stand_in}#/$defs/{name}", own[stand_in])

    def complaints(self, reference: str, value: object) -> Iterator[str]:
        """What is wrong with a value by the schema at a reference; the first few."""
        try:
            validator = self._validator(reference)
            errors = list(itertools.islice(validator.iter_errors(value), _MOST))
            for error in errors:
                yield _told(error)
        except Unresolvable:
            yield f"there is no schema {reference[:_LONGEST]}"
        except RecursionError:
            yield "nested too deeply to be checked"

    def _validator(self, reference: str) -> Draft202012Validator:
        if reference not in self._validators:
            found = Draft202012Validator({"$ref": reference}, registry=self._registry, format_checker=formats)
            self._validators[reference] = found
        return self._validators[reference]

    @cached_property
    def _registry(self) -> Registry[Any]:
        frame = {**published()[own_id("Event")], "$id": CORE}
        schemas = {CORE: frame, **published(), **self.official}
        return Registry().with_resources((id, Resource.from_contents(schema)) for id, schema in schemas.items())

    @cached_property
    def _told_anew(self) -> dict[str, str]:
        """Facets of the standard that StandardFacets.json has, by their `_schemaURL`."""
        found = {}
        for name, schema in published()[own_id("StandardFacets")]["$defs"].items():
            for part in schema.get("allOf", ()):
                url = part.get("properties", {}).get("_schemaURL", {}).get("const")
                if url is not None:
                    found[url] = name
        return found


def fits(schema: dict[str, Any], reference: str, key: str, base: str) -> Iterator[str]:
    """Whether the definition at `reference` is of a facet named `key` that may stand at a place for `base` facets."""
    name = reference.rpartition("/")[2]
    declared = schema.get("properties", {}).get(key, {})
    named = [one.get("$ref") for one in declared.get("anyOf", [declared])]
    definition = schema.get("$defs", {}).get(name)
    if definition is None:
        yield f"{reference[:_LONGEST]} defines nothing"
        return
    if f"#/$defs/{name}" not in named:
        yield f"{name} is not the schema of a facet named {key[:80]!r}"
    bases = [str(part.get("$ref", "")).rpartition("/")[2] for part in definition.get("allOf", ())]
    if base not in bases:
        yield f"a facet of another place: {name} is no {base}"


def _told(error: ValidationError) -> str:
    place = error.json_path[1:].lstrip(".")
    message = error.message if len(error.message) <= _LONGEST else _short(error)
    return f"{place}: {message}" if place else message


def _short(error: ValidationError) -> str:
    # The message of jsonschema holds the whole value, which may be the whole event.
    wanted = repr(error.validator_value)
    expected = wanted if len(wanted) <= _LONGEST else wanted[:_LONGEST] + "…"
    return f"does not hold {error.validator}: {expected}"


def _official(folder: Path) -> dict[str, dict[str, Any]]:
    paths = [folder / "OpenLineage.json", *sorted((folder / "facets").glob("*.json"))]
    try:
        loaded = [read_json(path.read_bytes()) for path in paths]
        found = {str(schema["$id"]): dict(schema) for schema in loaded}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder}: does not hold the schemas of OpenLineage ({error}); expected OpenLineage.json and facets/"
        ) from None
    if CORE not in found:
        raise UsageError(f"{folder}: OpenLineage.json is of another version; expected {CORE}")
    return found
