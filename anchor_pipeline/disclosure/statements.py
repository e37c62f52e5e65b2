"""The statements of a release as files: each as JSON for machines and as Markdown for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anchor_pipeline.disclosure.ab2013 import ab2013
from anchor_pipeline.disclosure.anchor_protocol import anchor_protocol
from anchor_pipeline.disclosure.data_provenance import FOLDER as PROVENANCE
from anchor_pipeline.disclosure.data_provenance import VERSION, file_names, release_provenance, source_provenance
from anchor_pipeline.disclosure.eu_summary import eu_summary
from anchor_pipeline.disclosure.json_file import as_json
from anchor_pipeline.disclosure.markdown import heading, plain
from anchor_pipeline.disclosure.origins import Told

FOLDER = "disclosure"


def statements(told: Told) -> dict[str, bytes]:
    """What the release says of itself to the public, by the names of the files in the release."""
    files: dict[str, bytes] = {}
    for statement in (eu_summary(told), ab2013(told), anchor_protocol(told)):
        files[f"{FOLDER}/{statement.kind}.json"] = as_json(statement.to_json())
        files[f"{FOLDER}/{statement.kind}.md"] = statement.to_markdown().encode("utf-8", "replace")
    return {**files, **_provenance(told)}


def _provenance(told: Told) -> dict[str, bytes]:
    whole = release_provenance(told)
    names = file_names(told)
    each = {names[source.name]: source_provenance(told, source) for source in told.record.drawn}
    text = "\n".join(_markdown({f"{PROVENANCE}.json": whole, **each})) + "\n"
    return {
        f"{FOLDER}/{PROVENANCE}.json": as_json(whole),
        **{f"{FOLDER}/{name}": as_json(value) for name, value in each.items()},
        f"{FOLDER}/{PROVENANCE}.md": text.encode("utf-8", "replace"),
    }


def _markdown(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield heading(1, f"Data provenance (Data & Trust Alliance, Data Provenance Standards {VERSION})")
    for name, document in documents.items():
        yield from ("", heading(2, document["source"]["title"]), "", f"File: {plain(name)}")
        for group, fields in document.items():
            yield from ("", heading(3, group), "")
            yield from (f"- {plain(field)}: {plain(_words(value))}" for field, value in fields.items())


def _words(value: Any) -> str:
    """Nested values on one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "; ".join(map(_words, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
