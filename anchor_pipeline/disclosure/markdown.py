"""Markdown from text that may be hostile: names, ids, licences and descriptions become text and nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import quote

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!&~$^=])")
_AUTOLINKS = (("://", "&#58;//"), ("www.", "www&#46;"), ("@", "&#64;"))
"""GitHub and others make links and mentions of these even without brackets."""
_INVISIBLE = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
"""Control, direction-changing, private, surrogate and line-breaking characters: a reader would not see them."""


def visible(value: object) -> str:
    """One line, not escaped: other white space is a space, what cannot be seen is U+FFFD."""
    spaced = re.sub(r"\s+", " ", str(value)).strip()
    return "".join("\ufffd" if unicodedata.category(one) in _INVISIBLE else one for one in spaced)


def cell(value: object) -> str:
    """The value as text within a line or a table: no markup, no HTML, no link, no mention."""
    escaped = _SPECIAL.sub(r"\\\1", visible(value))
    for found, instead in _AUTOLINKS:
        escaped = escaped.replace(found, instead)
    return escaped


def plain(value: object) -> str:
    """The same where a line may begin: no list, rule or heading either."""
    return re.sub(r"^([-+]|\d+[.)])", lambda found: f"{found[0][:-1]}\\{found[0][-1]}", cell(value))


def heading(depth: int, title: object) -> str:
    """A heading, 1 the largest."""
    return f"{'#' * depth} {plain(title)}"


def link(label: object, url: str) -> str:
    """A link to an address of http, https or ftp, or to a file of the release."""
    return f"[{cell(label)}]({quote(url, safe=':/?&=#%~+,;@-._')})"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of values, all escaped; None is unknown, and columns of numbers stand to the right."""
    lines = list(rows)
    right = [bool(lines) and all(isinstance(line[at], int) for line in lines) for at in range(len(heads))]
    parts = [list(heads), ["---:" if side else "---" for side in right]]
    parts += [[_value(value) for value in line] for line in lines]
    return "".join(f"| {' | '.join(part)} |\n" for part in parts)


def _value(value: object) -> str:
    if value is None:
        return "unknown"
    return f"{value:,}" if isinstance(value, int) else cell(value)
