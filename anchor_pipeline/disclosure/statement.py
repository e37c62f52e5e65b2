"""A statement to the public: numbered questions with answers, each with what it rests on; tables of totals beside them.

The same statement is written as JSON, for machines, and as Markdown, for people. An answer that nobody declared and
the record does not give is None: it reads "not stated", and the statement ends with a list of those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from anchor_pipeline.disclosure.markdown import cell, heading, plain

SCHEMA_ID = "https://anchor-pipeline.dev/spec/disclosure/statement-1-0-0.json"
NOT_STATED = "not stated"

_MOST_KEYS = 3
"""Keys shown to people for an open question; the JSON has them all."""

Value = str | int | float | bool | tuple[str, ...] | None
Basis = Literal["declared", "record", "declared and record", "not stated"]


class Link(str):
    """An address that the declaration was asked for, and checked (project.disclosure.Address): it becomes a link."""


@dataclass(frozen=True)
class Answer:
    """A question of a template with its answer."""

    number: str
    """Of the question in its template, such as 1.1 or (a)(3)."""
    asked: str
    answer: Value
    """None: not stated."""
    basis: Basis
    keys: tuple[str, ...] = ()
    """Where in project.yaml it can be declared."""
    optional: bool = False
    """Whether the template itself leaves it open."""

    @property
    def missing(self) -> bool:
        """Whether a person still has to fill it in."""
        return self.answer is None and not self.optional


@dataclass(frozen=True)
class Table:
    """Rows under column names; amounts are numbers, None is not stated."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True)
class Section:
    """A section of a template: answers, tables and remarks, in its order."""

    number: str
    title: str
    parts: tuple[Answer | Table | str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """A whole document about one release."""

    kind: str
    title: str
    template: str
    """What it follows, to the letter of its name and date."""
    remarks: tuple[str, ...]
    """What readers need to know before they read."""
    release: tuple[tuple[str, Value], ...]
    sections: tuple[Section, ...]

    @property
    def answers(self) -> Iterator[Answer]:
        """Of all sections."""
        return (part for section in self.sections for part in section.parts if isinstance(part, Answer))

    @property
    def to_fill_in(self) -> list[Answer]:
        """What a person still has to say."""
        return [answer for answer in self.answers if answer.missing]

    def to_json(self) -> dict[str, Any]:
        """As SCHEMA_ID has it."""
        return {
            "$schema": SCHEMA_ID,
            "kind": self.kind,
            "title": self.title,
            "template": self.template,
            "remarks": list(self.remarks),
            "release": {name: _json(value) for name, value in self.release},
            "sections": [_section_json(section) for section in self.sections],
            "to_fill_in": [{"number": one.number, "keys": list(one.keys)} for one in self.to_fill_in],
        }

    def to_markdown(self) -> str:
        """The same for people; whatever comes from data or declaration is escaped."""
        lines = [heading(1, self.title), "", f"*{plain(self.template)}*", ""]
        for remark in self.remarks:
            lines += [plain(remark), ""]
        lines += [f"- {plain(name)}: {_words(value)}" for name, value in self.release]
        for section in self.sections:
            depth = min(4, 2 + section.number.rstrip(".").count("."))
            lines += ["", heading(depth, f"{section.number} {section.title}"), ""]
            for part in section.parts:
                lines += [*_markdown(part), ""]
        lines += ["", heading(2, "To be filled in by a person"), "", *self._missing()]
        text = "\n".join(lines) + "\n"
        while "\n\n\n" in text:
            text = text.replace("\n\n\n", "\n\n")
        return text

    def _missing(self) -> Iterator[str]:
        missing = self.to_fill_in
        if not missing:
            yield "Nothing: every question of the template is answered."
        for one in missing:
            keys = ", ".join(f"`{key}`" for key in one.keys[:_MOST_KEYS])
            if len(one.keys) > _MOST_KEYS:
                keys += f" and {len(one.keys) - _MOST_KEYS} more"
            where = f" (declare {keys} in project.yaml)" if keys else ""
            yield f"- {plain(one.number)} {plain(one.asked)}{where}"


def declared(number: str, asked: str, value: Value, *keys: str, optional: bool = False) -> Answer:
    """An answer that only people can give."""
    return Answer(number, asked, value, "not stated" if value is None else "declared", keys, optional)


def recorded(number: str, asked: str, value: Value, *keys: str, optional: bool = False) -> Answer:
    """An answer that is computed from the record of the release."""
    return Answer(number, asked, value, "not stated" if value is None else "record", keys, optional)


def _section_json(section: Section) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    for part in section.parts:
        if isinstance(part, Answer):
            parts.append(
                {"number": part.number, "asked": part.asked, "answer": _json(part.answer), "basis": part.basis}
            )
        elif isinstance(part, Table):
            rows = [[_json(value) for value in row] for row in part.rows]
            parts.append({"table": part.title, "columns": list(part.columns), "rows": rows})
        else:
            parts.append({"remark": part})
    return {"number": section.number, "title": section.title, "parts": parts}


def _json(value: Value) -> Any:
    if isinstance(value, tuple):
        return [str(one) for one in value]
    return str(value) if isinstance(value, str) else value


def _markdown(part: Answer | Table | str) -> list[str]:
    if isinstance(part, Answer):
        return [f"**{plain(part.number)} {plain(part.asked)}** {_words(part.answer)}"]
    if isinstance(part, str):
        return [plain(part)]
    if not part.rows:
        return [f"{plain(part.title)}: none."]
    titles = " | ".join(cell(name) for name in part.columns)
    rows = [f"| {' | '.join(_words(value, within=True) for value in row)} |" for row in part.rows]
    return [f"{plain(part.title)}:", "", f"| {titles} |", f"|{' --- |' * len(part.columns)}", *rows]


def _words(value: Value, *, within: bool = False) -> str:
    """A value as people read it; `within` a table's cell."""
    if value is None:
        return f"*{NOT_STATED}*"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, tuple):
        return ", ".join(_words(one, within=within) for one in value) or "none"
    if isinstance(value, Link):
        return f"<{value}>"
    return cell(value) if within else plain(value)
