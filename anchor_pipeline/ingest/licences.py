"""Licences: SPDX expressions (SPDX 2.3, annex D), their canonical spelling, and whether an allow-list admits them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

# Longer ones are not licences, and nesting of thousands of brackets would only cost time.
_MAX_LENGTH = 512


@lru_cache(maxsize=4096)
def canonical_licence(expression: str) -> str | None:
    """The canonical spelling of an SPDX expression, or None if it is not one."""
    if len(expression) > _MAX_LENGTH:
        return None
    try:
        return str(canonicalize_license_expression(expression))
    except InvalidLicenseExpression:
        return None


def admits(allowed: Iterable[str], expression: str) -> bool:
    """Whether a canonical expression can be met with allowed licences alone.

    Of OR one side must be allowed, of AND both. `A WITH E` is allowed if it is named so or if A is: an
    exception only adds permissions. `A+` is allowed if A is, for it leaves the choice of the version.
    `allowed` are canonical expressions. Brackets and precedence (WITH, AND, OR) by Dijkstra's two stacks.
    """
    allowed = frozenset(allowed)
    values: list[bool] = []
    operators: list[str] = []
    tokens = expression.replace("(", " ( ").replace(")", " ) ").split()
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token == "(":
            operators.append(token)
        elif token == ")":
            while operators[-1] != "(":
                _apply(operators.pop(), values)
            operators.pop()
        elif token in ("AND", "OR"):
            while operators and (operators[-1] == "AND" or operators[-1] == token):
                _apply(operators.pop(), values)
            operators.append(token)
        else:
            with_exception = at + 2 < len(tokens) and tokens[at + 1] == "WITH"
            named = " ".join(tokens[at : at + 3]) if with_exception else token
            values.append(not allowed.isdisjoint((named, token, token.removesuffix("+"))))
            at += 2 if with_exception else 0
        at += 1
    while operators:
        _apply(operators.pop(), values)
    return values[0]


def _apply(operator: str, values: list[bool]) -> None:
    right, left = values.pop(), values.pop()
    values.append(left and right if operator == "AND" else left or right)
