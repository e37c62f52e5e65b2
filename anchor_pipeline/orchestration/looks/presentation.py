"""How assets look in the UI before anything is built: group, kinds, owners, tags, description, columns, where declared.

Each function gives keyword arguments of `@dg.asset`.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg

from anchor_pipeline import steps
from anchor_pipeline.orchestration.blueprint import Blueprint
from anchor_pipeline.orchestration.looks.columns import corpus_columns, mix_columns
from anchor_pipeline.project import Project
from anchor_pipeline.project.addresses import without_credentials
from anchor_pipeline.project.source import Source
from anchor_pipeline.project.yaml_lines import read_yaml
from anchor_pipeline.rules.expected import feeding
from anchor_pipeline.rules.wording import percent

Look = dict[str, Any]

_ICONS = {"jsonl": "json", "json": "json", "csv": "csv", "parquet": "parquet", "arrow": "arrow", "txt": "file"}
"""Kinds that the UI has an icon for, by the ending of the raw files."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")


def source_look(blueprint: Blueprint, name: str) -> Look:
    """A source: whose it is, on what terms, and where its raw files lie."""
    source = blueprint.project.sources[name]
    address = {"dagster/uri": without_credentials(source.uri)} if source.uri else {}
    tags = {"modality": source.modality, "licence": _licence(source)}
    if source.domain.name:
        tags |= _domains([source.domain.name])
    if source.risk or source.kind == "enterprise":
        tags["risk"] = source.risk or "high"
    return {
        "group_name": blueprint.names.flat("sources"),
        "kinds": {source.kind, _format(source)},
        "owners": owners(source.steward),
        "tags": tags,
        "description": _source_words(source),
        "metadata": {**address, **_declared(blueprint.project, ("sources", name), steps.ingest)},
    }


def corpus_look(blueprint: Blueprint) -> Look:
    """The corpus."""
    return {
        "group_name": blueprint.names.flat("corpus"),
        "kinds": {"duckdb", "parquet"},
        "tags": _domains(blueprint.project.domains),
        "description": (
            "All documents of the cycle, each with a status: kept, duplicate, quarantined or later.\n\n"
            "Of equal documents one is kept. Nothing vanishes: every row read from a source is counted here."
        ),
        "metadata": {
            "dagster/column_schema": corpus_columns(),
            **_declared(blueprint.project, ("project",), steps.assemble_corpus),
        },
    }


def selection_look(blueprint: Blueprint, stage: str) -> Look:
    """The selection of a stage."""
    return {
        **_stage_look(blueprint, stage),
        "group_name": blueprint.names.flat("selection"),
        "kinds": {"scipy", "parquet"},
        "description": _stage_words(
            blueprint.project,
            stage,
            f"The documents chosen for stage {stage}, in training order. Its checks are the findings of the verdict; "
            "one that breaks rules is kept too, to show why it is refused.",
        ),
        # No columns: they would push down what a steward comes for, and the mix shows nearly the same.
        "metadata": _declared(blueprint.project, ("stages", stage), steps.select_stage),
    }


def mix_look(blueprint: Blueprint, stage: str) -> Look:
    """The mix of a stage."""
    modalities = {source.modality for source in feeding(blueprint.project, stage).values()}
    return {
        **_stage_look(blueprint, stage),
        "group_name": blueprint.names.flat("mix"),
        "kinds": {"dataset", "parquet"},
        "description": _stage_words(
            blueprint.project,
            stage,
            f"The released training mix of stage {stage}: what `open_mix` reads. It judges the selection itself and "
            "refuses, whatever ran before it.",
        ),
        "metadata": {
            "dagster/column_schema": mix_columns(content=not modalities <= {"text", "table"}),
            **_declared(blueprint.project, ("stages", stage), steps.release),
        },
    }


def owners(steward: str | None) -> list[str] | None:
    """Dagster takes e-mail addresses and `team:` names."""
    name = (steward or "").strip()
    if _EMAIL.fullmatch(name) or (name.startswith("team:") and len(name) > len("team:")):
        return [name]
    return [f"team:{name}"] if name else None


def _stage_look(blueprint: Blueprint, stage: str) -> Look:
    sources = feeding(blueprint.project, stage).values()
    stewards = sorted({one for source in sources for one in owners(source.steward) or []})
    return {
        "owners": stewards[:10] or None,
        "tags": {"stage": stage, **_domains(blueprint.project.stages[stage].domains)},
    }


def _domains(domains: Any) -> dict[str, str]:
    """A tag for each domain, the same key everywhere, so that the UI finds all there is of a domain."""
    return {f"domain/{name}": "" for name in domains}


def _licence(source: Source) -> str:
    spec = source.fields.licence
    if spec is None or spec.constant is None:
        return "row_by_row" if spec else "not_declared"
    return _UNSAFE.sub("_", spec.constant)[:63]


def _format(source: Source) -> str:
    if source.generate is not None:
        return "python"
    named = re.findall(r"\.([a-z]+)", Path(source.uri or "").name.lower())
    endings = [*([source.format] if source.format else []), *named]
    return next((_ICONS[one] for one in endings if one in _ICONS), "file")


def _source_words(source: Source) -> str:
    """The declaration's own words first: the catalogue shows one line."""
    where = f"domain {source.domain.name}" if source.domain.name else f"domains by column {source.domain.column}"
    facts = f"{source.kind} source of {source.modality}, {where}"
    parts = [source.description or facts[:1].upper() + facts[1:], ""]
    parts += [f"- {facts}"] if source.description else []
    parts += [f"- steward: {source.steward}{', signed off' if source.signed_off else ''}"] if source.steward else []
    plan = source.sampling_plan
    if plan:
        parts += [
            f"- sampling plan: {plan.cadence}, {plan.minimum:,} documents on hand, {plan.minimum_new:,} of them new"
        ]
    if source.terms and source.terms.expires:
        parts += [f"- the licence expires on {source.terms.expires}"]
    if source.consent:
        parts += [f"- consent: {source.consent.basis}{', scrubbed' if source.consent.scrubbed else ''}"]
    if source.generator:
        parts += [f"- written by {source.generator.identity}"]
    return "\n".join(parts).strip()


def _stage_words(project: Project, stage: str, does: str) -> str:
    declared = project.stages[stage]
    shares = [f"`{name}` {percent(part.weight)}" for name, part in list(declared.domains.items())[:20]]
    return "\n\n".join(filter(None, [declared.description, does, f"Domains: {', '.join(shares)}."]))


def _declared(project: Project, path: tuple[str | int, ...], function: Callable[..., Any]) -> Look:
    """Where the asset is declared in project.yaml, and the function that makes it."""
    with warnings.catch_warnings():
        # Code references are beta in Dagster 1.13; test_assets.py holds what we rely on.
        warnings.simplefilter("ignore", dg.BetaWarning)
        places: list[dg.LocalFileCodeReference | dg.UrlCodeReference] = [
            dg.LocalFileCodeReference(
                file_path=str(project.path), line_number=_line(project, path), label="project.yaml"
            ),
            _function(function),
        ]
        return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=places)}


@lru_cache
def _function(function: Callable[..., Any]) -> dg.LocalFileCodeReference:
    file, line = inspect.getsourcefile(function) or "", inspect.getsourcelines(function)[1]
    return dg.LocalFileCodeReference(file_path=file, line_number=line, label=f"steps.{function.__name__}")


def _line(project: Project, path: tuple[str | int, ...]) -> int:
    try:
        state = project.path.stat()
    except OSError:
        # A project need not come from a file that is still there.
        return 1
    return _lines(str(project.path), state.st_mtime_ns, state.st_size).get(path, 1)


@lru_cache(maxsize=8)
def _lines(file: str, _changed: int, _size: int) -> dict[tuple[str | int, ...], int]:
    return read_yaml(Path(file).read_text(encoding="utf-8"), file).lines
