"""Small texts to fit on, made without any random source."""

from __future__ import annotations

from datetime import UTC, datetime

from anchor_pipeline.twins.base import Origin, Training

SUBJECTS = ("the cat", "a dog", "my neighbour", "the old pilot", "our teacher", "the river", "a stranger")
VERBS = ("sees", "likes", "follows", "finds", "remembers", "paints")
PLACES = ("in the garden", "behind the house", "at night", "on Sundays", "without a word", "near the sea")


def sentences(start: int, count: int) -> str:
    """`count` sentences; different starts give different texts over the same few words."""
    return " ".join(
        f"{SUBJECTS[n * 5 % 7].capitalize()} {VERBS[n * n % 6]} {SUBJECTS[(n * 3 + 1) % 7]} {PLACES[n // 2 % 6]}."
        for n in range(start, start + count)
    )


def training(count: int = 28) -> list[Training]:
    """Texts with ids, dates and licences; from 28 on they would repeat."""
    licences = ("MIT", "Apache-2.0 OR BSD-2-Clause", "ISC")
    return [
        Training(Origin(f"notes/{n:03d}", datetime(2024, 1, 1 + n, tzinfo=UTC), licences[n % 3]), sentences(n * 3, 12))
        for n in range(count)
    ]
