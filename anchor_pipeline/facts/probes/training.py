"""Train a probe on what lies in the store: the human texts of anchor sources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from anchor_pipeline.corpus.snapshot import SourceSnapshot, read_snapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.facts.probes.card import TrainingSource
from anchor_pipeline.facts.probes.character_probe import train_character_probe
from anchor_pipeline.facts.probes.word_probe import train_word_probe
from anchor_pipeline.project import Project

_HUMAN = ("human", "human_edited")
_COLUMNS = ["text", "digest", "authorship", "modality", "raw_file", "collected_at"]


@dataclass
class _Texts:
    """What one source gives, and how much of it there is."""

    name: str
    snapshot: SourceSnapshot
    arrays: list[Any]

    @property
    def documents(self) -> int:
        return sum(len(array) for array in self.arrays)


def train_probe(
    project: Project,
    store: Store,
    sources: Sequence[str],
    kind: str,
    *,
    order: int | None = None,
    min_counts: Sequence[int] = (1,),
    cycle: str,
    share: float = 0.5,
) -> dict[str, bytes]:
    """The files of a probe of `kind` (words, characters) trained on the human texts of anchor sources.

    Only documents collected before the end of `cycle`; the same text counts once; of all of them the part `share`
    that `in_training` tells, so that the others can calibrate bands. UsageError where a source is no anchor or was
    never ingested.
    """
    as_of = project.calendar.at(cycle).as_of
    taken: set[str] = set()
    texts = [_texts_of(project, store, name, as_of, share, taken) for name in dict.fromkeys(sources)]
    train = {"words": train_word_probe, "characters": train_character_probe}[kind]
    cards = []
    for each in texts:
        cards.append(
            TrainingSource(
                name=each.name,
                snapshot=each.snapshot.digest,
                documents=each.documents,
                units=_units(each.arrays, kind),
            )
        )
    if not sum(card.documents for card in cards):
        raise UsageError(f"no human text of {', '.join(sources)} was collected before the end of {cycle}")
    arrays = [array for each in texts for array in each.arrays]
    return train(arrays, order or _ORDERS[kind], min_counts, cycle=cycle, sources=cards, share=share)


_ORDERS = {"words": 3, "characters": 5}


def in_training(digests: Any, share: float) -> NDArray[np.bool_]:
    """Which documents a probe of that share was trained on, by their content digests (an Arrow string array).

    The same text is always on the same side, wherever it comes from: the digits 17 to 32 of its SHA-256 decide.
    """
    parts = [int(digest[16:32], 16) for digest in digests.to_pylist()]
    return np.array([part < share * 2**64 for part in parts], np.bool_)


def _texts_of(project: Project, store: Store, name: str, as_of: Any, share: float, taken: set[str]) -> _Texts:
    source = project.sources.get(name)
    if source is None:
        raise UsageError(f"source {name} is not declared; sources are {', '.join(project.sources)}")
    if source.kind != "anchor":
        raise UsageError(f"source {name} is {source.kind}; a probe is trained on anchors, whose authors are known")
    snapshot = read_snapshot(store, name)
    if snapshot is None:
        raise UsageError(f"source {name} was never ingested; run anchor plan, or materialise sources/{name}, first")
    masked = set(snapshot.masked())
    arrays = []
    for digest in snapshot.shards:
        stale = pa.array(sorted(file for shard, file in masked if shard == digest), pa.string())
        for rows in _rows(store, digest):
            good = pc.and_(pc.is_in(rows["authorship"], pa.array(_HUMAN)), pc.equal(rows["modality"], "text"))
            good = pc.and_(good, pc.is_valid(rows["text"]))  # An erased document has none.
            good = pc.and_(good, pc.less(rows["collected_at"], pa.scalar(as_of, rows["collected_at"].type)))
            rows = rows.filter(pc.and_(good, pc.invert(pc.is_in(rows["raw_file"], stale))))
            rows = rows.filter(pa.array(in_training(rows["digest"], share)))
            fresh = []
            for content in rows["digest"].to_pylist():
                fresh.append(content not in taken)
                taken.add(content)
            arrays.append(rows.filter(pa.array(fresh, pa.bool_()))["text"])
    return _Texts(name, snapshot, [array for array in arrays if len(array)])


def _rows(store: Store, digest: str) -> Iterator[Any]:
    with pq.ParquetFile(store.local_shard(digest)) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, columns=_COLUMNS).combine_chunks().to_batches()


def _units(arrays: Sequence[Any], kind: str) -> int:
    if kind == "words":
        from anchor_pipeline.facts.words import words_of

        return sum(len(words_of(array)[0]) for array in arrays)
    return sum(int(pc.sum(pc.utf8_length(array)).as_py() or 0) for array in arrays)
