"""Little worlds of documents with copies, generators and parents, and what a recall means in them: plain Python."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from anchor_pipeline.corpus.recalls import Action, RecallRecord, Target, Tombstones
from anchor_pipeline_tests.documents import document

Row = dict[str, Any]

SOURCES = ("a", "b", "c")
GENERATORS = ("scribe@1", "scribe@2", "quill")
LICENCES = ("MIT", "CC0-1.0", "MIT OR CC0-1.0", "MIT AND CC0-1.0", "Apache-2.0 WITH LLVM-exception")


def rows(seed: int, number: int) -> list[Row]:
    """Documents of few ids and few texts, so that everything happens: copies, conflicts, ambiguous parents, circles."""
    chance = random.Random(seed)
    names = [f"{chance.choice(SOURCES)}/{chance.randrange(number)}" for _ in range(number)]
    found: dict[tuple[str, str], Row] = {}
    for name in names:
        source, id = name.split("/")
        text = f"text {chance.randrange(number)}"
        generator = chance.choice((None, None, *GENERATORS))
        pool = [*names, *(one.split("/")[1] for one in names), "nobody"]
        found[name, text] = document(
            source,
            id,
            text,
            licence=chance.choice(LICENCES),
            generator=generator,
            authorship="synthetic" if generator else "human",
            kind="synthetic" if generator else "licensed",
            parents=chance.sample(pool, chance.choice((0, 0, 1, 2))),
        )
    return list(found.values())


def targets(listed: Sequence[Row]) -> list[Target]:
    """Everything that can be recalled in a world by a name."""
    named = [("document", row["doc_id"]) for row in listed]
    named += [("source", one) for one in SOURCES]
    named += [("licence", one) for one in ("MIT", "CC0-1.0", "Apache-2.0", "MIT OR CC0-1.0")]
    named += [("generator", one) for one in ("scribe", *GENERATORS)]
    return [Target.model_validate({"by": by, "value": value}) for by, value in sorted(set(named))]


def meant(target: Target, listed: Sequence[Row]) -> set[tuple[str, str]]:
    """The documents (id, digest) that a recall is about."""
    direct: dict[str, Callable[[Row], bool]] = {
        "document": lambda row: row["doc_id"] == target.value,
        "source": lambda row: row["source"] == target.value,
        "licence": lambda row: target.value in NEEDS[row["licence"]],
        "generator": lambda row: target.value in (row["generator"], (row["generator"] or "").split("@")[0]),
    }
    found = {(row["doc_id"], row["digest"]) for row in listed if direct[target.by](row)}
    if target.by in ("source", "licence"):
        return found
    while True:
        more = found | copies(found, listed)
        if target.by == "generator":
            more |= children({name for name, _ in more}, listed)
        if more == found:
            return found
        found = more


NEEDS = {
    "MIT": {"MIT"},
    "CC0-1.0": {"CC0-1.0"},
    "MIT OR CC0-1.0": {"MIT OR CC0-1.0"},
    "MIT AND CC0-1.0": {"MIT", "CC0-1.0"},
    "Apache-2.0 WITH LLVM-exception": {"Apache-2.0"},
}


def copies(found: Iterable[tuple[str, str]], listed: Sequence[Row]) -> set[tuple[str, str]]:
    digests = {digest for _, digest in found}
    return {(row["doc_id"], row["digest"]) for row in listed if row["digest"] in digests}


def children(names: set[str], listed: Sequence[Row]) -> set[tuple[str, str]]:
    """Documents that name one of `names` as a parent: whole ids win; a bare id never means the document itself."""
    whole = {row["doc_id"] for row in listed}
    found = set()
    for row in listed:
        for parent in row["parents"]:
            if parent in whole:
                hit = parent in names
            else:
                hit = any(name.split("/", 1)[1] == parent and name != row["doc_id"] for name in names)
            if hit:
                found.add((row["doc_id"], row["digest"]))
    return found


def record(target: Target, action: Action = "recall", weight: str | None = None, **changed: Any) -> RecallRecord:
    """A record with nothing affected."""
    fields: dict[str, Any] = {
        "format": 1,
        "project": "test",
        "what": target,
        "action": action,
        "weight": weight,
        "reason": "consent withdrawn",
        "at": f"{datetime(2026, 1, 2, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}",
        "by": "steward",
        "tombstones": Tombstones(count=0, sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        "releases": (),
        "exports": (),
    }
    return RecallRecord(**{**fields, **changed})
