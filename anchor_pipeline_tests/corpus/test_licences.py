from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.corpus.licences import admits, canonical_licence


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("cc0-1.0", "CC0-1.0"),
        ("apache-2.0 and (mit OR bsd-3-clause)", "Apache-2.0 AND (MIT OR BSD-3-Clause)"),
        ("LicenseRef-Ours", "LicenseRef-Ours"),
        ("gpl-2.0-only with classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("CC0/PD", None),
        ("public domain", None),
        ("MIT OR", None),
        ("", None),
        ("(" * 400 + "MIT" + ")" * 400, None),
        ("(" * 100 + "MIT", None),
    ],
)
def test_canonical_spelling(written: str, canonical: str | None) -> None:
    assert canonical_licence(written) == canonical


@pytest.mark.parametrize(
    ("expression", "allowed", "verdict"),
    [
        ("MIT", ["MIT"], True),
        ("MIT", ["ISC"], False),
        ("MIT OR ISC", ["ISC"], True),
        ("MIT AND ISC", ["ISC"], False),
        ("MIT OR ISC AND GPL-3.0-only", ["MIT"], True),  # AND binds tighter than OR
        ("MIT AND ISC OR GPL-3.0-only", ["MIT"], False),
        ("GPL-3.0-only AND ISC OR MIT", ["MIT"], True),
        ("(MIT OR ISC) AND GPL-3.0-only", ["MIT"], False),
        ("(MIT OR ISC) AND GPL-3.0-only", ["ISC", "GPL-3.0-only"], True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ["GPL-2.0-only"], True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ["GPL-2.0-only WITH Classpath-exception-2.0"], True),
        ("GPL-2.0-only", ["GPL-2.0-only WITH Classpath-exception-2.0"], False),
        ("MIT AND GPL-2.0-only WITH Classpath-exception-2.0", ["MIT"], False),
        ("GPL-2.0+", ["GPL-2.0"], True),
        ("MIT", [], False),
    ],
)
def test_allow_list(expression: str, allowed: list[str], verdict: bool) -> None:
    assert admits(allowed, expression) is verdict


NAMES = ("MIT", "ISC", "Zlib", "0BSD")
trees = st.recursive(
    st.sampled_from(NAMES), lambda part: st.tuples(st.sampled_from(["AND", "OR"]), part, part), max_leaves=12
)


def _written(tree: object) -> str:
    return tree if isinstance(tree, str) else f"({_written(tree[1])} {tree[0]} {_written(tree[2])})"  # type: ignore[index]


def _true(tree: object, allowed: set[str]) -> bool:
    if isinstance(tree, str):
        return tree in allowed
    parts = [_true(tree[1], allowed), _true(tree[2], allowed)]  # type: ignore[index]
    return all(parts) if tree[0] == "AND" else any(parts)  # type: ignore[index]


@given(trees, st.sets(st.sampled_from(NAMES)))
def test_any_expression(tree: object, allowed: set[str]) -> None:
    canonical = canonical_licence(_written(tree))
    assert canonical is not None
    assert admits(allowed, canonical) is _true(tree, allowed)
