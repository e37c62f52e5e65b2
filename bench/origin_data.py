"""Texts of known origin in a folder laid out like ../shared/data, and which of them may be tuned on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anchor_pipeline.facts.origin.train import Prepared, Samples, prepare


@dataclass(frozen=True)
class Text:
    """One line of a corpus."""

    corpus: str
    domain: str
    source: str
    """Key of the source document, which its rewrites share."""
    origin: str
    text: str


def read_texts(folder: Path, corpora: Sequence[str] = ("l2r", "outfox", "fastdetect")) -> list[Text]:
    """All texts of l2r/, outfox/ and fastdetect/, as far as they are there. The domain is the file's name.

    Continuations of fastdetect/ are grouped by the model's set (`xsum_gpt-4/17`); near-duplicate human texts join
    them later.
    """
    found = []
    for corpus in corpora:
        for path in sorted((folder / corpus).glob("*.jsonl")):
            for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n"):
                row = json.loads(line)
                found.append(Text(corpus, path.stem, f"{corpus}/{row['src_doc']}", _origin(row["origin"]), row["text"]))
    return found


def _origin(name: str) -> str:
    return "" if name == "human" else name


def samples_of(texts: Sequence[Text], ours: Sequence[str] | None = None) -> Samples:
    """As the detector is trained: `ours` are the generators to be detected, all of them by default."""
    return Samples(
        pa.array([one.text for one in texts], pa.large_string()),
        np.array([bool(one.origin) and (ours is None or one.origin in ours) for one in texts], np.bool_),
        [one.origin or None for one in texts],
        [one.source for one in texts],
        [one.domain for one in texts],
    )


@dataclass(frozen=True)
class Split:
    """Domains that constants were tuned on, and those that are reported. Fixed by hash before any result."""

    tuning: tuple[str, ...]
    reporting: tuple[str, ...]


def split_domains(prepared: Prepared) -> Split:
    """A third of the domains, by hash of the name. Domains that hold copies of each other's texts stay together."""
    united = _united(prepared.domains, prepared.groups)
    leaders = sorted(set(united.values()), key=lambda name: hashlib.sha256(f"anchor origin {name}".encode()).digest())
    chosen = set(leaders[: -(-len(leaders) // 3)])
    tuning = tuple(sorted(name for name, leader in united.items() if leader in chosen))
    return Split(tuning, tuple(sorted(set(united) - set(tuning))))


def _united(domains: NDArray[Any], groups: NDArray[np.int64]) -> dict[str, str]:
    """Each domain with the first (by name) of those that share ten groups or more with it."""
    leader = {name: name for name in sorted(set(domains.tolist()))}
    members = {name: set(groups[domains == name].tolist()) for name in leader}
    for later in leader:
        for earlier in leader:
            if earlier < later and len(members[earlier] & members[later]) >= 10:
                leader[later] = leader[earlier]
                break
    return leader


def prepared_of(texts: Sequence[Text], ours: Sequence[str] | None = None) -> Prepared:
    """Features and groups of the texts; human near-duplicates are left out."""
    return prepare(samples_of(texts, ours))
