"""Novelty is what counting every 5-gram says, within the stated error; the closest older document is named."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.measure import measure_shards
from anchor_pipeline.facts.novelty import Novelty, count_novel, novelty, per_million
from anchor_pipeline.facts.novelty_band import human_documents, novelty_band
from anchor_pipeline.facts.releases import release_facts, release_grams
from anchor_pipeline.facts.sketch import sketch
from anchor_pipeline.facts.text import TEXT
from anchor_pipeline_tests.documents import document, snapshot_of
from anchor_pipeline_tests.facts.near_documents import shingle_sets


def text(chance: random.Random, length: int = 150) -> str:
    """Words drawn in phrases, so that 5-grams recur between texts."""
    found: list[str] = []
    while len(found) < length:
        start = int(3000 * chance.random() ** 3)
        found += [f"p{start}x{at}" for at in range(12)]
    return " ".join(found[:length])


def texts_of(seed: int, number: int) -> list[str]:
    chance = random.Random(seed)
    return [text(chance) for _ in range(number)]


def release_in(store: Store, texts: list[str], parts: int = 2) -> Released:
    rows = [document("a", f"old{at}", text, kind="anchor") for at, text in enumerate(texts)]
    names = []
    for number in range(parts):
        name = f"mix/s/2019/0001/data/train-{number}.parquet"
        path = store.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist(rows[number::parts], schema=DOCUMENT_SCHEMA)
        pq.write_table(table.append_column("epoch", pa.array([0] * len(table), pa.int32())), path)
        names.append(name)
    return Released("s", "2019", f"{len(texts):032d}{parts:032d}", tuple(names))


def novelty_of(store: Store, release: Released, buckets: list[list[str]], shard_rows: int = 1000) -> dict[int, Novelty]:
    texts = [(number, text) for number, bucket in enumerate(buckets) for text in bucket]
    rows = [document("n", f"new{at}", text) for at, (_, text) in enumerate(texts)]
    shards = [shard.digest for shard in snapshot_of(store, "n", rows, shard_rows).units[0].shards]
    measure_shards(store, shards, [TEXT])
    at = np.arange(len(rows))
    table = pa.table(
        {
            "bucket": [number for number, _ in texts],
            "doc_id": [row["doc_id"] for row in rows],
            "tokens": [row["tokens"] for row in rows],
            "shard": at // shard_rows,
            "shard_row": at % shard_rows,
        }
    )
    return novelty(store, release, table, shards)


def exactly(older: list[str], bucket: list[str]) -> int:
    """Different 5-grams of the bucket that are in no older text."""
    known = frozenset[int]().union(*shingle_sets(older))
    return len(frozenset[int]().union(*shingle_sets(bucket)) - known)


@pytest.mark.parametrize("seed", range(3))
def test_the_estimate_is_within_its_stated_error_of_the_exact_count(tmp_path: Path, seed: int) -> None:
    store = Store(tmp_path)
    older, new = texts_of(seed, 300), texts_of(seed + 100, 300) + texts_of(seed, 30)
    found = novelty_of(store, release_in(store, older), [new])[0]
    exact = exactly(older, new) * 1e6 / found.tokens
    assert found.tokens == sum(len(one.split()) for one in new)
    low, high = found.interval
    width = (high - low) / 2 / 1.96
    assert abs(found.rate - exact) < 4 * width
    assert width < 0.03 * found.rate


def test_over_many_buckets_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    chance = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        _, low, high = per_million(int(chance.binomial(20_000, 1 / 16)), 1_000_000)
        held += low <= 20_000 <= high
    assert abs(held / 2000 - 0.95) < 0.02


def test_buckets_are_judged_apart_whatever_the_layout_and_as_in_memory(tmp_path: Path) -> None:
    store = Store(tmp_path)
    older = texts_of(1, 100)
    release = release_in(store, older)
    buckets = [texts_of(2, 40), texts_of(3, 20) + older[:20]]
    found = novelty_of(store, release, buckets)
    assert found == novelty_of(store, release_in(store, older, parts=5), buckets, shard_rows=7)

    def grams(texts: list[str]) -> np.ndarray:
        return sketch(*Batch(pa.table({"text": texts})).shingles)[0]

    known = np.unique(grams(older))
    assert pq.read_table(release_grams(store, release)).column("gram").to_pylist() == known.tolist()
    for number, bucket in enumerate(buckets):
        assert (found[number].sketched, found[number].novel) == count_novel(grams(bucket), known)


def test_the_closest_older_document_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    older = [" ".join(f"o{one}x{at}" for at in range(400)) for one in range(30)]
    copied = " ".join(older[17].split()[:300] + [f"n{at}" for at in range(100)])
    fresh = " ".join(f"f{at}" for at in range(400))
    found = novelty_of(store, release_in(store, older), [[fresh, copied]])[0]
    assert [(one.document, one.closest) for one in found.repeaters] == [("n/new1", "a/old17")]
    assert 0.6 < found.repeaters[0].known < 0.9
    assert found.repeaters[0].shared == found.repeaters[0].known


def test_a_release_is_measured_once_and_a_damaged_part_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    release = release_in(store, texts_of(1, 10))
    written = [path.stat().st_mtime_ns for path in (*release_facts(store, release), release_grams(store, release))]
    again = [path.stat().st_mtime_ns for path in (*release_facts(store, release), release_grams(store, release))]
    assert written == again
    store.path(release.parts[1]).write_bytes(b"PAR1 no more")
    with pytest.raises(DamagedData, match=r"train-1\.parquet.*restore the release"):
        release_facts(store, Released("s", "2019", "e" * 64, release.parts))


def test_new_human_text_lies_within_the_band_and_repeated_or_strange_text_does_not(tmp_path: Path) -> None:
    store = Store(tmp_path)
    older = texts_of(1, 400)
    release = release_in(store, older)
    human = human_documents(store, release, "d")
    assert len(human.tokens) == 400
    band = novelty_band(human, 15_000, seed=1)
    assert band is not None
    assert band == novelty_band(human, 15_000, seed=1)
    buckets = [texts_of(100 + at, 100) for at in range(30)]
    repeated = [one.replace("p0x", "q", 1) for one in older[:100]]
    strange = [" ".join(f"s{one}x{at}" for at in range(150)) for one in range(100)]
    found = novelty_of(store, release, [*buckets, repeated, strange])
    rates = [found[at].rate for at in range(32)]
    outside = [rate for rate in rates[:30] if not band.low <= rate <= band.high]
    assert len(outside) <= 2, (band, rates)
    assert rates[30] < band.low
    assert rates[31] > band.high


def test_with_little_human_text_there_is_no_band(tmp_path: Path) -> None:
    store = Store(tmp_path)
    human = human_documents(store, release_in(store, texts_of(1, 30)), "d")
    assert novelty_band(human, 10_000, seed=1) is None
    assert novelty_band(human_documents(store, release_in(store, texts_of(1, 50)), "other"), 10_000, seed=1) is None
