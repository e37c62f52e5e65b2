"""Reading a mix: refused unless it is whole; every row exactly once on any number of readers, resumed anywhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anchor_pipeline
from anchor_pipeline.errors import DamagedData, UsageError
from anchor_pipeline.mix.read import Mix, open_mix
from anchor_pipeline.mix.release import Release
from anchor_pipeline_tests.mix.releases import World, documents, world

ROWS = 700


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("read"), documents(ROWS, media=True))


@pytest.fixture(scope="module")
def released(made: World) -> Release:
    return made.release(part_bytes=40_000, extra={"REPORT.html": b"<p>fine</p>"})


@pytest.fixture(scope="module")
def mix(released: Release) -> Mix:
    return open_mix(released.path)


@pytest.fixture
def copy(released: Release, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released.path, tmp_path / "copy"))


@pytest.fixture(scope="module")
def ids(made: World) -> list[str]:
    return [row["doc_id"] for row in made.drawn]


def ids_of(batches: Iterator[pa.RecordBatch]) -> list[str]:
    return [name for batch in batches for name in batch.column("doc_id").to_pylist()]


def test_it_reads_what_was_selected(mix: Mix, made: World) -> None:
    assert len(mix) == ROWS
    assert len(mix.manifest.parts) > 3
    names = mix.schema.names
    expected = [{name: row[name] for name in names} for row in made.drawn]
    assert list(mix.rows()) == expected
    assert pa.Table.from_batches(mix.batches(batch_size=64)).to_pylist() == expected
    assert mix.polars().collect().to_dicts() == expected
    assert mix.polars().select(pl.col("tokens").sum()).collect().item() == sum(row["tokens"] for row in made.drawn)
    assert mix.verdict.status == "pass"
    assert "pretrain 2021 revision 1: 700 rows" in repr(mix)


def test_batches_have_the_size_asked_for(mix: Mix) -> None:
    sizes = [batch.num_rows for batch in mix.batches(batch_size=64)]
    assert sizes == [64] * 10 + [60]


def test_columns_are_those_asked_for_in_that_order(mix: Mix) -> None:
    assert next(mix.batches(columns=["text", "doc_id"])).schema.names == ["text", "doc_id"]
    with pytest.raises(UsageError, match="'txt'"):
        next(mix.batches(columns=["txt"]))


@settings(max_examples=25, deadline=None)
@given(turns=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 300), st.integers(1, 400)), min_size=1, max_size=4))
def test_readers_together_have_every_row_once_and_resume_exactly(
    mix: Mix, ids: list[str], turns: list[tuple[int, int, int]]
) -> None:
    """Any number of readers, stopped after any number of rows, resumed by any other number: no gap, no repeat."""
    seen: list[str] = []
    position = 0
    for world_size, batch_size, steps in [*turns, (1, 100, ROWS)]:
        end = mix.position(steps, world_size, position)
        together = []
        for rank in range(world_size):
            names = ids_of(mix.batches(rank, world_size, position, batch_size, ["doc_id"]))[:steps]
            assert names == ids[position + (rank - position) % world_size :: world_size][:steps]
            together += names
        assert sorted(together) == sorted(ids[position:end])
        seen += together
        position = end
    assert sorted(seen) == sorted(ids)


def test_a_start_at_or_after_the_end_gives_nothing(mix: Mix) -> None:
    assert list(mix.batches(start=ROWS)) == []
    assert list(mix.batches(rank=2, world_size=3, start=ROWS + 5)) == []


@pytest.mark.parametrize("wrong", [{"rank": 1}, {"rank": -1}, {"world_size": 0}, {"start": -1}, {"batch_size": 0}])
def test_impossible_readers_are_refused(mix: Mix, wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="expected"):
        next(mix.batches(**wrong))  # type: ignore[arg-type]


def test_folders_above_give_the_newest(tmp_path: Path) -> None:
    made = world(tmp_path, documents(30))
    made.release("2020")
    first = made.release("2021")
    second = made.release("2021", extra={"NOTE.txt": b"x"})
    (made.store.root / "mix/pretrain/2022").mkdir()
    for path in (second.path, second.path.parent, second.path.parent.parent):
        assert open_mix(path).manifest.revision == 2
        assert open_mix(str(path), verify="quick").manifest.cycle == "2021"
    assert open_mix(first.path).manifest.revision == 1
    (second.path / "MANIFEST.json").unlink()
    for path in (second.path, second.path.parent, second.path.parent.parent):
        with pytest.raises(DamagedData, match="not a released mix"):
            open_mix(path)


def test_it_opens_at_any_url(released: Release, ids: list[str]) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(released.path), "/store/mix/pretrain/2021/0001", recursive=True)
    try:
        for url in ("memory://store/mix/pretrain/2021/0001", "memory://store/mix/pretrain"):
            mix = open_mix(url)
            assert ids_of(mix.batches(start=100)) == ids[100:]
            assert mix.polars().collect()["doc_id"].to_list() == ids
        assert ids_of(open_mix(f"file://{released.path}", verify="quick").batches()) == ids
        memory.pipe("/store/mix/pretrain/2021/0001/data/stray", b"x")
        with pytest.raises(DamagedData, match="stray"):
            open_mix("memory://store/mix/pretrain")
    finally:
        memory.rm("/store", recursive=True)


def test_the_package_offers_it_without_importing_arrow() -> None:
    assert anchor_pipeline.open_mix is open_mix
    with pytest.raises(AttributeError):
        anchor_pipeline.nothing  # noqa: B018
    code = "import sys, anchor_pipeline; print(sorted({'pyarrow', 'polars', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
