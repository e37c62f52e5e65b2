"""Which expectations a source is asked: a suite per kind, then the project's own.

The suites hold whatever lawful data comes: they guard the contract between ingest and everything after it, and a
violation means that something is broken or mislabelled, never that data is merely unusual.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from anchor_pipeline.corpus.document import AUTHORSHIPS
from anchor_pipeline.corpus.snapshot import canonical_digest
from anchor_pipeline.ingest.expectation_models import Expectation
from anchor_pipeline.project import Project
from anchor_pipeline.project.expectations import HANDLING, quarantines
from anchor_pipeline.project.source import Kind

_Asked = dict[str, Any]

# Names become names of checks elsewhere, even those of misspelt types.
_UNSAFE = re.compile(r"[^A-Za-z0-9_]")

# What the names of types begin with, and say nothing by.
_BOILERPLATE = re.compile(r"^expect_(select_)?(multi|compound_)?(columns?_)?(pair_)?(values_|(?=value_))?(to_)?")

_NOT_NULL = "expect_column_values_to_not_be_null"
_IN_SET = "expect_column_values_to_be_in_set"

_DIGEST: _Asked = {
    "type": "expect_column_values_to_match_regex",
    "column": "digest",
    "regex": "^[0-9a-f]{64}$",
}
# Whoever read a record twice would count it twice in every share.
_READ_ONCE: _Asked = {"type": "expect_compound_columns_to_be_unique", "column_list": ["raw_file", "raw_row"]}
# A repeated id is not a fault of ours (repeats are dropped or quarantined later), but its steward should know.
_UNIQUE_IDS: _Asked = {"type": "expect_column_values_to_be_unique", "column": "doc_id", "severity": "warning"}
_NAMED_GENERATOR: _Asked = {
    "type": _NOT_NULL,
    "column": "generator",
    "row_condition": 'authorship == "synthetic"',
    "condition_parser": "pandas",
    "severity": "warning",
}

_BY_KIND: dict[Kind, tuple[_Asked, ...]] = {
    # A contract is with somebody who knows what they license.
    "licensed": (
        {"type": "expect_column_values_to_not_be_in_set", "column": "licence", "value_set": ["NONE", "NOASSERTION"]},
        _NAMED_GENERATOR,
    ),
    # Our own logs may hold what our own assistants said; then we know which.
    "enterprise": (_NAMED_GENERATOR,),
    "anchor": ({"type": _IN_SET, "column": "authorship", "value_set": ["human", "human_edited"]},),
    "synthetic": (
        {"type": _IN_SET, "column": "authorship", "value_set": ["synthetic", "human_edited"]},
        {"type": _NOT_NULL, "column": "generator"},
    ),
}


def kind_suite(project: Project, name: str) -> list[_Asked]:
    """What the kind of source `name` is always asked, as the project would write it."""
    source = project.sources[name]
    common: list[_Asked] = [
        {"type": _NOT_NULL, "column": "doc_id"},
        _READ_ONCE,
        _DIGEST,
        {"type": "expect_column_values_to_be_between", "column": "tokens", "min_value": 1},
        {"type": _NOT_NULL, "column": "collected_at"},
        {"type": _NOT_NULL, "column": "licence"},
        {"type": _IN_SET, "column": "authorship", "value_set": list(AUTHORSHIPS)},
        {"type": _IN_SET, "column": "source", "value_set": [name]},
        {"type": _IN_SET, "column": "kind", "value_set": [source.kind]},
        {"type": _IN_SET, "column": "modality", "value_set": [source.modality]},
        {"type": _IN_SET, "column": "domain", "value_set": sorted(project.domains)},
    ]
    # Without a declared id the content's digest serves, and repeated content is rule 12's matter.
    ids = [_UNIQUE_IDS] if source.fields.id is not None else []
    # Of two sets of authorships the kind's is the narrower one.
    special = _BY_KIND[source.kind]
    narrowed = {(asked["type"], asked["column"]) for asked in special}
    return [asked for asked in common if (asked["type"], asked.get("column")) not in narrowed] + [*ids, *special]


def suite(project: Project, name: str) -> tuple[Expectation, ...]:
    """All expectations of source `name`, in order: its kind's, then its own as declared.

    The names depend on the declaration alone, so that checks can be listed before any data is read.
    """
    declared = project.sources[name].expectations
    asked = [(None, item) for item in kind_suite(project, name)]
    asked_all = [*asked, *((position, dict(item)) for position, item in enumerate(declared))]
    names: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    expectations: list[Expectation] = []
    for position, item in asked_all:
        arguments = {key: value for key, value in item.items() if key not in ("type", HANDLING)}
        plain = Expectation(name="", type=str(item.get("type", "")), arguments=arguments, declared=position)
        name = _numbered(_UNSAFE.sub("_", "__".join([plain.type, *plain.columns])), "__", names)
        reason = _numbered(_reason(plain), "_", reasons) if quarantines(item) else None
        expectations.append(plain.model_copy(update={"name": name, "reason": reason}))
    return tuple(expectations)


def _numbered(name: str, between: str, seen: Counter[str]) -> str:
    """`name`, with a number from the second time on."""
    seen[name] += 1
    return f"{name}{between}{seen[name]}" if seen[name] > 1 else name


def _reason(item: Expectation) -> str:
    """Why rows that violate `item` are quarantined, in short: `expectation_tokens_be_between`."""
    asked = _BOILERPLATE.sub("", item.type)
    return _UNSAFE.sub("_", "_".join(["expectation", *item.columns, asked])).lower()


def suite_digest(expectations: tuple[Expectation, ...]) -> str:
    """Hexadecimal SHA-256 of what is asked."""
    return canonical_digest([item.model_dump(mode="json") for item in expectations])
