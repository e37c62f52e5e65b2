"""YAML as plain values that remember their lines.

Scalars stay strings as written (only null is None): the typed models convert them, so that `0613`, `off`,
`2021-11-20` and `1:30` mean what the field says and not what YAML 1.1 guesses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from anchor_pipeline.errors import DeclarationError, Problem

Path = tuple[str | int, ...]

_MOST_NODES = 200_000
_MOST_DEPTH = 50
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Quoted(str):
    """A scalar that stood in quotes: text, whatever it looks like."""


def typed(value: Any) -> Any:
    """Plain scalars as numbers and booleans where no model says what they are (YAML 1.2 core schema)."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    if not isinstance(value, str) or isinstance(value, Quoted):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    for number in (int, float):
        try:
            return number(value)
        except ValueError:
            continue
    return value


@dataclass
class Document:
    """The values of a YAML file, the line of each, and what was wrong with them."""

    file: str
    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line that `path` stands on, or its nearest parent."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: Path, message: str) -> None:
        """Note that something is wrong at `path`."""
        self.problems.append(Problem(self.file, self.line(path), message))


def read_yaml(text: str, file: str, environ: Mapping[str, str] = os.environ) -> Document:
    """Parse one YAML document; raises DeclarationError if it is no YAML or not a mapping."""
    document = Document(file)
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DeclarationError([Problem(file, line, f"not valid YAML: {error.problem}")]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DeclarationError([Problem(file, 1, f"not valid YAML: {error}")]) from None
    if not isinstance(node, yaml.MappingNode):
        raise DeclarationError([Problem(file, 1, "empty or not a mapping; start with `project: NAME`")])
    document.value = _Builder(document, environ).build(node, ())
    return document


class _Builder:
    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self.document = document
        self.environ = environ
        self.nodes = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.document.lines.setdefault(path, node.start_mark.line + 1)
        self.nodes += 1
        # Aliases expand; a few lines of them can stand for billions of nodes.
        if self.nodes > _MOST_NODES or len(path) > _MOST_DEPTH:
            raise DeclarationError([Problem(self.document.file, node.start_mark.line + 1, "too large or too deep")])
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                for part in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    merged = {**self.build(part, path), **merged}
                continue
            key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
            where = (*path, key)
            line = key_node.start_mark.line + 1
            if key in values:
                self.document.problem(
                    where, f"`{key}` is declared twice; the first is on line {self.document.line(where)}"
                )
                continue
            self.document.lines[where] = line
            values[key] = self.build(value_node, where)
        return {**merged, **values}

    def _scalar(self, node: yaml.Node, path: Path) -> str | None:
        if node.tag == "tag:yaml.org,2002:null":
            return None

        def resolve(match: re.Match[str]) -> str:
            name, default = match[1], match[2]
            if name not in self.environ and default is None:
                message = f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
                self.document.problem(path, message)
            return self.environ.get(name, default or "")

        text = _VARIABLE.sub(resolve, str(node.value))
        return Quoted(text) if getattr(node, "style", None) in ("'", '"') else text
