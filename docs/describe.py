"""The declared models as Markdown: what may be written where, in which form, with which default."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from anchor_pipeline.project.policy import Rules

FORMS = {
    "parse_share": ("share", "`0.15`, `15 %` or `1/3`; exact, never rounded to a binary number"),
    "parse_number": ("number", "`3`, `0.15` or `1/3`; exact"),
    "parse_size": ("size", "`5000`, `200k`, `1.5M`, `2B`"),
    "parse_duration": ("duration", "`12h`, `45d`, `2w`, `6mo`, `1y`; months and years are calendar ones"),
    "parse_day": ("date", "`2021-07-05`"),
    "_off": ("`off`", "the word `off` in place of the rule's settings"),
    "_check_name": ("name", "letters, digits and `_`, at most 63, not starting with a digit"),
    "_spdx": ("SPDX licence", "an identifier of the SPDX list, such as `Apache-2.0`"),
    "typed": ("mapping", "keys and values as the other system names them"),
}
"""What a scalar is called and how it is written, by the function of anchor_pipeline.project that reads it."""


def table(model: type[BaseModel], links: dict[type[BaseModel], str], leave_out: Sequence[str] = ()) -> str:
    """The keys of a model as a Markdown table; `links` gives the heading of models told elsewhere."""
    rows = ["| key | form | default | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{name}` | {form(field.annotation, field.metadata, links)} | {default(field, links)} | {_cell(field)} |"
        for name, field in model.model_fields.items()
        if name not in leave_out
    ]
    return "\n".join(rows)


def form(annotation: Any, metadata: Sequence[Any], links: dict[type[BaseModel], str]) -> str:
    """How a value is written."""
    for item in metadata:
        name = getattr(getattr(item, "func", None), "__name__", "")
        if name in FORMS:
            return FORMS[name][0]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return form(arguments[0], arguments[1:], links)
    if origin in (types.UnionType, typing.Union):
        return form(next(part for part in arguments if part is not type(None)), metadata, links)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is dict:
        return f"mapping of names to {form(arguments[1], (), links)}"
    if origin is tuple:
        inner = form(arguments[0], (), links)
        return f"list of {inner if inner == 'text' else inner + 's'}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _reference(annotation, links)
    return _plain(annotation, metadata)


def _plain(annotation: Any, metadata: Sequence[Any]) -> str:
    if annotation is bool:
        return "`true` or `false`"
    if annotation is int:
        flat = [part for item in metadata for part in getattr(item, "metadata", [item])]
        bounds = {key: getattr(part, key) for part in flat for key in ("ge", "le") if hasattr(part, key)}
        limits = [f"{word} {bounds[key]}" for key, word in (("ge", "at least"), ("le", "at most")) if key in bounds]
        return f"whole number{', ' if limits else ''}{', '.join(limits)}"
    if annotation is str:
        return "text"
    raise TypeError(f"no words for {annotation}; add them to docs/describe.py")


def _reference(model: type[BaseModel], links: dict[type[BaseModel], str]) -> str:
    if model is Rules:
        return "[rules](rules.md)"
    words = f"[{links[model]}](#{slug(links[model])})"
    shorthand = getattr(model, "shorthand", None)
    return f"{words}; a bare value is its `{shorthand}`" if shorthand else words


def default(field: FieldInfo, links: dict[type[BaseModel], str]) -> str:
    """The default of a key, as one would write it."""
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == () or value == {} or value == "":
        return ""
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Fraction):
        return f"`{fraction(value)}`"
    return f"`{value}`"


def fraction(value: Fraction) -> str:
    """A share as one would write it: 0.15, or 1/3 where decimals do not end."""
    text = f"{float(value):g}"
    return text if Fraction(text) == value else str(value)


def _cell(field: FieldInfo) -> str:
    return cell(field.description or "")


def cell(text: str) -> str:
    """Text in a cell of a table: on one line, without bars."""
    return " ".join(text.split()).replace("|", "\\|")


def sections(root: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Each model once, with the path of keys it is first found at, outer ones first."""
    waiting: list[tuple[str, type[BaseModel]]] = [("project.yaml", root)]
    seen = {root, Rules}
    while waiting:
        path, model = waiting.pop(0)
        yield path, model
        inside: list[tuple[str, type[BaseModel]]] = []
        found = [(name, *one) for name, field in model.model_fields.items() for one in _models_in(field.annotation)]
        for name, suffix, inner in found:
            if inner not in seen:
                seen.add(inner)
                shared = sum(other is inner for _, _, other in found) > 1
                here = "FIELD" if shared else name
                if path != "project.yaml":
                    here = f"{path}.{here}"
                inside.append((here + suffix, inner))
        waiting = inside + waiting


def _models_in(annotation: Any, suffix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield suffix, annotation
    for part in arguments[1:] if origin is dict else arguments:
        yield from _models_in(part, f"{suffix}.NAME" if origin is dict else suffix)


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower())
    return kept.replace(" ", "-")
