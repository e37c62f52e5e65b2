"""Corpora of human and model texts for the measurement of the gates: read, freed of copies, split once and for all.

A folder of folders; each holds JSON lines with `id`, `text`, and, where there are model texts too, `origin` (`human`
or a model) and `src_doc` (which pairs a text with what was made from it). Every folder is a corpus, every file a
domain of it. Other files are passed over.

Texts that belong together (one `src_doc`, one opening, or a fifth of their 8-grams in common) form a group, and a
group lies on one side of every split. Of the human texts of a group the longest stays, of equal model texts one.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anchor_pipeline.facts.words import words_of

HUMAN = "human"
_OPENING, _GRAM, _SHARED = 12, 8, 0.2


@dataclass(frozen=True)
class Text:
    """One text of a corpus."""

    id: str
    corpus: str
    domain: str
    origin: str
    group: str
    text: str


def load(folder: Path) -> list[Text]:
    """All texts below a folder, without copies, in the order of their files."""
    read = [text for file in sorted(folder.rglob("*.jsonl")) for text in _texts(folder, file)]
    groups = _groups(read)
    return _without_copies(
        [Text(t.id, t.corpus, t.domain, t.origin, g, t.text) for t, g in zip(read, groups, strict=True)]
    )


def share_of(name: str, purpose: str) -> float:
    """A number in [0, 1) that a name and a purpose determine: the hash by which all splits are made."""
    return int.from_bytes(hashlib.sha256(f"{purpose}\0{name}".encode()).digest()[:8], "big") / 2**64


def _texts(folder: Path, file: Path) -> list[Text]:
    corpus = file.relative_to(folder).parts[0].removesuffix(".jsonl")
    domain, found = f"{corpus}/{file.stem}", []
    for line in file.read_bytes().splitlines():
        row: dict[str, Any] = json.loads(line)
        if str(row.get("text") or "").strip() and "id" in row:
            origin, source = str(row.get("origin") or HUMAN), str(row.get("src_doc") or row["id"])
            found.append(Text(str(row["id"]), corpus, domain, origin, f"{domain}/{source}", str(row["text"])))
    return found


def _groups(texts: list[Text]) -> list[str]:
    """The name of each text's group: the first name among those that were joined."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    def join(one: str, other: str) -> None:
        first, second = sorted((find(one), find(other)))
        leader[second] = first

    words, starts = words_of(pa.array([text.text for text in texts], pa.large_string()))
    openings: dict[bytes, str] = {}
    for text, start, end in zip(texts, starts[:-1], starts[1:], strict=True):
        # A continuation starts with the words of the text that it continues.
        if end - start >= _OPENING:
            opening = words[start : start + _OPENING].tobytes()
            join(text.group, openings.setdefault(opening, text.group))
    for one, other in _overlapping(words, starts, np.array([text.origin == HUMAN for text in texts])):
        join(texts[one].group, texts[other].group)
    return [find(text.group) for text in texts]


def _overlapping(words: Any, starts: Any, human: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pairs of neighbours, in the order of their shared 8-grams, that have _SHARED of the shorter one's in common."""
    hashes, rows = [], []
    for row in np.flatnonzero(human):
        own = words[starts[row] : starts[row + 1]]
        count = len(own) - _GRAM + 1
        if count < 1:
            continue
        value = np.zeros(count, np.uint64)
        for place in range(_GRAM):
            value = _mixed(value * np.uint64(31) + own[place : place + count])
        value = np.unique(value)
        hashes.append(value)
        rows.append(np.full(len(value), row))
    if not hashes:
        return np.zeros((0, 2), np.int64)
    every, owner = np.concatenate(hashes), np.concatenate(rows)
    size = np.bincount(owner, minlength=len(starts))
    order = np.lexsort((owner, every))
    every, owner = every[order], owner[order]
    same = every[1:] == every[:-1]
    pairs, shared = np.unique(np.stack([owner[:-1][same], owner[1:][same]], 1), axis=0, return_counts=True)
    found: NDArray[np.int64] = pairs[shared >= _SHARED * np.minimum(size[pairs[:, 0]], size[pairs[:, 1]])]
    return found


def _mixed(value: Any) -> Any:
    """The mix of SplitMix64, as in facts/words.py, of each value."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _without_copies(texts: list[Text]) -> list[Text]:
    longest: dict[str, int] = {}
    for place, text in enumerate(texts):
        if text.origin == HUMAN:
            known = longest.get(text.group)
            if known is None or len(texts[known].text) < len(text.text):
                longest[text.group] = place
    keep = set(longest.values())
    seen: dict[str, set[str]] = defaultdict(set)
    for place, text in enumerate(texts):
        if text.origin != HUMAN and text.text not in seen[text.origin]:
            seen[text.origin].add(text.text)
            keep.add(place)
    return [texts[place] for place in sorted(keep)]
