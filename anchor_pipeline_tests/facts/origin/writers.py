"""Two writers with habits of their own, for tests: a person and a model, on several subjects."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa

from anchor_pipeline.facts.origin.train import Samples

SUBJECTS = {
    "sea": "storm harbour rope tide chart keel deck sail anchor wave",
    "law": "court judge clause party contract tort appeal brief claim deed",
    "farm": "barley field plough hedge cattle orchard fence barn harvest seed",
}
PERSON = "the a of to and in for with but so well then maybe quite rather just"
MODEL = "the a of to and in for with moreover furthermore crucial vibrant delve tapestry"


def write(who: str, subject: str, seed: Any, words: int = 60) -> str:
    """A text of about so many words; the model likes its own words and commas."""
    chance = random.Random(f"{who} {subject} {seed}")
    common = (PERSON if who == "person" else MODEL).split()
    topic = SUBJECTS[subject].split()
    parts = []
    for _ in range(words):
        word = chance.choice(common if chance.random() < 0.5 else topic)
        parts.append(word + ("," if chance.random() < (0.04 if who == "person" else 0.12) else ""))
    return " ".join(parts).capitalize() + "."


def samples(per_subject: int = 100, subjects: tuple[str, ...] = tuple(SUBJECTS), words: int = 60) -> Samples:
    """As many texts of each writer on each subject; a person's and a model's text share a source document."""
    rows = [
        (write(who, subject, number, words), who == "model", "bot@1" if who == "model" else None, subject, number)
        for subject in subjects
        for number in range(per_subject)
        for who in ("person", "model")
    ]
    return Samples(
        pa.array([row[0] for row in rows], pa.large_string()),
        np.array([row[1] for row in rows], np.bool_),
        [row[2] for row in rows],
        [f"{row[3]}/{row[4]}" for row in rows],
        [row[3] for row in rows],
    )
