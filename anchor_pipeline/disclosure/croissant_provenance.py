"""Where a release comes from, in PROV-O: its sources with their terms, and the run that made it of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from anchor_pipeline.disclosure.licences import licence_url
from anchor_pipeline.disclosure.markdown import visible
from anchor_pipeline.disclosure.origins import Told
from anchor_pipeline.disclosure.record import ReleaseRecord, SourceRecord
from anchor_pipeline.disclosure.words import day, source_summary
from anchor_pipeline.mix.manifest import Manifest


def generated_by(record: ReleaseRecord, manifest: Manifest) -> dict[str, Any]:
    """The activity that made the release, and what it used, by digest."""
    digests = record.verdict.digests
    used = {
        "selection": digests.selection,
        "corpus": digests.corpus,
        "policy": digests.policy,
        "verdict": record.verdict.digest,
    }
    if digests.previous_release is not None:
        used["previous release"] = digests.previous_release
    return {
        "@type": "prov:Activity",
        "prov:label": f"Selection, judgement and release of stage {record.stage}, cycle {record.cycle}",
        "prov:used": [
            {"@type": "prov:Entity", "prov:label": name, "sha256": digest} for name, digest in sorted(used.items())
        ],
        "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent", "prov:label": manifest.written_by},
    }


def sources(told: Told) -> list[dict[str, Any]]:
    """The sources with documents in the release, and those that hold parents of these, as far as recorded."""
    drawn = {source.name: source for source in told.record.drawn}
    edges = dict(_acyclic(drawn))
    named = sorted({other for others in edges.values() for other in others} - drawn.keys())
    nodes = [_source(told, source, edges[source.name]) for source in drawn.values()]
    return nodes + [{"@id": _id(name), "@type": ["prov:Entity", "sc:CreativeWork"], "name": name} for name in named]


def _acyclic(drawn: dict[str, SourceRecord]) -> Iterator[tuple[str, list[str]]]:
    """By source: those it was derived from, without edges that would close a circle.

    Documents of two sources may derive from each other both ways. Readers of JSON-LD follow references without
    end, so such an edge stands in the description of the source alone, which names all of them.
    """
    reached: dict[str, set[str]] = {}
    for name, source in drawn.items():
        others = [source.generated_from] if source.generated_from is not None else []
        others += [other for other, _ in source.derived_from]
        kept = []
        for other in dict.fromkeys(others):
            beyond = {other} | _all_from(other, reached)
            if name not in beyond:
                reached.setdefault(name, set()).add(other)
                kept.append(other)
        yield name, kept


def _all_from(name: str, reached: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in reached.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _source(told: Told, source: SourceRecord, derived: list[str]) -> dict[str, Any]:
    said = told.sources[source.name]
    node: dict[str, Any] = {
        "@id": _id(source.name),
        "@type": ["prov:Entity", "sc:CreativeWork"],
        "name": visible(told.title(source)),
        "description": visible(source_summary(source, told.record)),
        "license": [licence_url(one) or one for one in source.licences],
    }
    if url := said.url or source.url:
        node["url"] = url
    if source.expires is not None:
        node["expires"] = day(source.expires)
    if derived:
        node["prov:wasDerivedFrom"] = [{"@id": _id(other)} for other in derived]
    if agents := _agents(told, source):
        node["prov:wasAttributedTo"] = agents
    return node


def _agents(told: Told, source: SourceRecord) -> list[dict[str, Any]]:
    """Owner, steward, and the models that wrote its documents."""
    found = []
    if owner := told.sources[source.name].owner:
        found.append({"@type": "prov:Agent", "prov:label": visible(owner), "description": "Owner, as declared."})
    if source.steward is not None:
        found.append({"@type": "prov:Agent", "prov:label": visible(source.steward), "description": "Steward."})
    generators = sorted({total.generator for total in source.totals if total.generator is not None})
    return found + [{"@type": "prov:SoftwareAgent", "prov:label": visible(name)} for name in generators]


def _id(source: str) -> str:
    return f"sources/{source}"
