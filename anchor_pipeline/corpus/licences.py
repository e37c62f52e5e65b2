"""Licences: SPDX expressions (SPDX 2.3, annex D), their canonical spelling, and with which licences they can be met."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

    `A WITH E` is allowed if it is named so or if A is: an exception only adds permissions. `A+` is allowed if A is,
    for it leaves the choice of the version. `allowed` are canonical expressions.
    """
    allowed = frozenset(allowed)
    return _can_be_met(expression, lambda names: not allowed.isdisjoint(names))


def needs_licence(expression: str, licence: str) -> bool:
    """Whether an expression cannot be met once `licence` has ended: what a recall by licence asks.

    `licence` is one licence (`MIT`; then `MIT WITH …` and `MIT+` need it as well) or a whole expression, which stands
    for itself only. Case does not matter. What is no expression needs only what is spelled like it.
    """
    ended = licence.casefold()
    if expression.casefold() == ended:
        return True
    canonical = canonical_licence(expression)
    return canonical is not None and not _can_be_met(
        canonical, lambda names: ended not in (name.casefold() for name in names)
    )


def _can_be_met(expression: str, usable: Callable[[tuple[str, str, str]], bool]) -> bool:
    """Whether a canonical expression holds: of OR one side must, of AND both.

    `usable` says it of one licence, by the names it goes by: with its exception, without, and without its `+`.
    Brackets and precedence (WITH, AND, OR) by Dijkstra's two stacks.
    """
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
            values.append(usable((named, token, token.removesuffix("+"))))
            at += 2 if with_exception else 0
        at += 1
    while operators:
        _apply(operators.pop(), values)
    return values[0]


def _apply(operator: str, values: list[bool]) -> None:
    right, left = values.pop(), values.pop()
    values.append(left and right if operator == "AND" else left or right)
