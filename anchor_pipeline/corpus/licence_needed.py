"""Whether a document can be used without a certain licence: what a recall by licence asks of SPDX expressions.

`MIT OR Apache-2.0` can be used without MIT, `MIT AND Apache-2.0` cannot. Precedence WITH, AND, OR: SPDX 2.3, annex D.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\(|\)|[^\s()]+")


def needs_licence(expression: str, licence: str) -> bool:
    """Whether `expression` (SPDX, canonical) cannot be met once `licence` has ended.

    `licence` is one licence (`MIT`; then `MIT WITH …` and `MIT+` need it as well) or a whole expression, which stands
    for itself only. Case does not matter. What is no expression needs only what is spelled like it.
    """
    if expression.casefold() == licence.casefold():
        return True
    tokens = _TOKEN.findall(expression.casefold())
    try:
        value, rest = _either(tokens, 0, licence.casefold())
    except IndexError:
        return False
    return rest == len(tokens) and not value


def _either(tokens: list[str], at: int, ended: str) -> tuple[bool, int]:
    """Whether the OR that begins at a token can still be met, and where it ends."""
    value, at = _both(tokens, at, ended)
    while at < len(tokens) and tokens[at] == "or":
        other, at = _both(tokens, at + 1, ended)
        value = value or other
    return value, at


def _both(tokens: list[str], at: int, ended: str) -> tuple[bool, int]:
    value, at = _one(tokens, at, ended)
    while at < len(tokens) and tokens[at] == "and":
        other, at = _one(tokens, at + 1, ended)
        value = value and other
    return value, at


def _one(tokens: list[str], at: int, ended: str) -> tuple[bool, int]:
    if tokens[at] == "(":
        value, at = _either(tokens, at + 1, ended)
        return value, at + 1
    names = {tokens[at], tokens[at].removesuffix("+")}
    at += 1
    if at + 1 < len(tokens) and tokens[at] == "with":
        names.add(" ".join(tokens[at - 1 : at + 2]))
        at += 2
    return ended not in names, at
