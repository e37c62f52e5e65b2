"""Licences as SPDX writes them: the parts of an expression, where their texts are, and several expressions as one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

UNKNOWN = "NOASSERTION"
"""SPDX 2.3, 7.13: nothing is said, because nothing is known."""

_IDENTIFIER = re.compile(r"[A-Za-z0-9.:-]+\+?")
_OPERATORS = ("AND", "OR", "WITH")
# Only those whose own summary says so; of all others readers are told to read them.
_ATTRIBUTED = re.compile(r"(CC-BY-|ODC-By-|ODbL-|MIT$|Apache-|BSD-[23]-Clause|CDLA-|OGL-UK-|etalab-)")
_WAIVED = frozenset(("CC0-1.0", "PDDL-1.0", "Unlicense", "0BSD"))

Attribution = Literal["asked for", "not asked for", "see the licence"]


def identifiers(expression: str) -> tuple[str, ...]:
    """Licences named in an expression, in order and each once; exceptions (after WITH) are not licences."""
    found: list[str] = []
    tokens = expression.replace("(", " ").replace(")", " ").split()
    for before, token in zip(["", *tokens], tokens, strict=False):
        name = token.removesuffix("+")
        if token not in _OPERATORS and before != "WITH" and name not in found:
            found.append(name)
    return tuple(found)


def licence_url(identifier: str) -> str | None:
    """Where the text of one listed licence is; None for an expression, or a licence of one's own (LicenseRef-…)."""
    if _IDENTIFIER.fullmatch(identifier) is None or identifier.startswith(("LicenseRef-", "DocumentRef-")):
        return None
    return None if identifier in (UNKNOWN, "NONE") else f"https://spdx.org/licenses/{identifier.removesuffix('+')}"


def all_of(expressions: Iterable[str]) -> str:
    """The expression that holds for documents of several licences together: every one of them (SPDX 2.3, D.4)."""
    several = sorted(set(expressions))
    if not several or UNKNOWN in several:
        return UNKNOWN
    if len(several) == 1:
        return several[0]
    return " AND ".join(f"({one})" if " " in one else one for one in several)


def attribution_of(expression: str) -> Attribution:
    """Whether a licence asks for attribution, as far as that is known for sure; no legal advice."""
    names = identifiers(expression)
    if names and all(name in _WAIVED for name in names):
        return "not asked for"
    if " OR " not in expression and any(_ATTRIBUTED.match(name) for name in names):
        return "asked for"
    return "see the licence"
