"""Load a project.yaml: every problem at once, each with file, line and the nearest valid name."""

from __future__ import annotations

import difflib
import os
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from anchor_pipeline.errors import DeclarationError, Problem, UsageError
from anchor_pipeline.project.expectations import HANDLING, wrong_handling
from anchor_pipeline.project.models import Project
from anchor_pipeline.project.source import Source
from anchor_pipeline.project.yaml_lines import Document, read_yaml


def load_project(path: str | Path, environ: Mapping[str, str] | None = None) -> Project:
    """The project declared at `path`: a project.yaml, or the folder that holds one.

    Raises DeclarationError with all problems found; UsageError if there is no such file.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "project.yaml"
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            f"{file} does not exist; name a project.yaml or its folder, or make one with `anchor init`"
        ) from None
    except UnicodeDecodeError as error:
        raise DeclarationError([Problem(str(file), 1, f"not UTF-8 text: byte {error.start} is invalid")]) from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    document = read_yaml(text, str(file), os.environ if environ is None else environ)
    project = _validate(document)
    if project is not None:
        _check_references(project, document)
    if document.problems or project is None:
        raise DeclarationError(sorted(set(document.problems), key=lambda problem: (problem.line, problem.message)))
    project._path = file.absolute()
    return project


def _validate(document: Document) -> Project | None:
    try:
        return Project.model_validate(document.value)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            path = tuple(part for part in detail["loc"] if part != "[key]")
            document.problem(path, _message(path, detail))
        return None


def _message(path: tuple[int | str, ...], detail: Any) -> str:
    where = ".".join(str(part) for part in path) or "the file"
    if detail["type"] == "extra_forbidden":
        inside = f" in `{'.'.join(map(str, path[:-1]))}`" if path[:-1] else ""
        return f"unknown key `{path[-1]}`{inside}{_nearest(path)}"
    if detail["type"] == "missing":
        return f"`{where}` is missing"
    if detail["type"] == "literal_error":
        return f"`{where}` is {detail['input']!r}; it can be {detail['ctx']['expected']}"
    message = str(detail["ctx"]["error"]) if "error" in detail.get("ctx", {}) else detail["msg"]
    return f"`{where}`: {message[:1].lower() + message[1:]}"


def _nearest(path: tuple[int | str, ...]) -> str:
    names = _keys_at(Project, path[:-1])
    close = difflib.get_close_matches(str(path[-1]), names, n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else f"; valid are {', '.join(names)}"


def _keys_at(annotation: Any, path: tuple[int | str, ...]) -> list[str]:
    """The keys accepted where `path` leads, walking the annotations of the models."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _keys_at(arguments[0], path)
    if origin in (types.UnionType, typing.Union):
        return _keys_at(next(argument for argument in arguments if argument is not type(None)), path)
    if origin in (dict, tuple, list):
        return _keys_at(arguments[1] if origin is dict else arguments[0], path[1:]) if path else []
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return []
    if not path:
        return [name for name in annotation.model_fields if name != "off"]
    field = annotation.model_fields.get(str(path[0]))
    return _keys_at(field.annotation, path[1:]) if field else []


def _check_references(project: Project, document: Document) -> None:
    """Names that must exist elsewhere in the file."""
    for name, source in project.sources.items():
        _check_source(project, document, name, source)
    for stage, declared in project.stages.items():
        if stage == "all":
            message = "`all` stands for every stage, as in the job build_all; call this one something else"
            document.problem(("stages", stage), message)
        for domain in declared.domains:
            if domain not in project.domains:
                path = ("stages", stage, "domains", domain)
                document.problem(path, f"domain `{domain}` is not declared{_suggest(domain, project.domains)}")
    automation = project.automation
    for key, wrong in (
        ("after", automation.wrong_delay(project.calendar.cadence)),
        ("mode", automation.wrong_mode(project.cycle.unfinished)),
    ):
        if wrong is not None:
            document.problem(("automation", key), wrong)


def _check_source(project: Project, document: Document, name: str, source: Source) -> None:
    path: tuple[str | int, ...] = ("sources", name)
    domain = source.domain.name
    if domain is not None and domain not in project.domains:
        message = f"domain `{domain}` is not declared{_suggest(domain, project.domains)}"
        document.problem((*path, "domain"), message)
    twin = source.generate
    if twin is not None:
        fit = project.sources.get(twin.fit)
        if fit is None:
            message = f"source `{twin.fit}` is not declared{_suggest(twin.fit, project.sources)}"
            document.problem((*path, "generate", "fit"), message)
        elif fit.generate is not None or fit.modality != "text":
            message = f"`{twin.fit}` cannot be fitted on; name a text source that is not generated itself"
            document.problem((*path, "generate", "fit"), message)
    for index, expectation in enumerate(source.expectations):
        if "type" not in expectation:
            message = "an expectation needs its `type`, such as expect_column_values_to_be_between"
            document.problem((*path, "expectations", index), message)
        wrong = wrong_handling(expectation)
        if wrong is not None:
            document.problem((*path, "expectations", index, HANDLING), wrong)


def _suggest(name: str, valid: Iterable[str]) -> str:
    names = list(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else f"; declared are {', '.join(names) or 'none'}"
