"""Hugging Face `datasets` and torch read a mix as it is, in its order."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from anchor_pipeline.errors import UsageError
from anchor_pipeline.mix.read import Mix, open_mix
from anchor_pipeline.mix.release import Release
from anchor_pipeline.mix.torch import torch_dataset
from anchor_pipeline_tests.mix.releases import World, documents, world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("read"), documents(300, media=True))


@pytest.fixture(scope="module")
def released(made: World) -> Release:
    return made.release(part_bytes=40_000, extra={"REPORT.html": b"<p>fine</p>"})


@pytest.fixture(scope="module")
def mix(released: Release) -> Mix:
    return open_mix(released.path)


@pytest.fixture(scope="module")
def ids(made: World) -> list[str]:
    return [row["doc_id"] for row in made.drawn]


def ids_of(batches: Iterator[pa.RecordBatch]) -> list[str]:
    return [name for batch in batches for name in batch.column("doc_id").to_pylist()]


def test_hugging_face_reads_it_as_it_is(
    released: Release, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    data = datasets.load_dataset("parquet", data_dir=str(released.path), cache_dir=str(tmp_path / "cache"))
    assert list(data) == ["train"]
    assert data["train"]["doc_id"][:] == ids
    streamed = datasets.load_dataset(
        "parquet", data_dir=str(released.path), cache_dir=str(tmp_path / "cache"), streaming=True
    )
    assert [row["doc_id"] for row in streamed["train"]] == ids


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("batch_size", [1, 32])
def test_a_torch_loader_has_the_order_of_the_mix(mix: Mix, ids: list[str], workers: int, batch_size: int) -> None:
    data = pytest.importorskip("torch.utils.data")
    for rank, world_size, start in ((0, 1, 0), (1, 2, 101)):
        dataset = torch_dataset(mix, rank=rank, world_size=world_size, start=start, batch_size=batch_size)
        loader = data.DataLoader(dataset, batch_size=batch_size, num_workers=workers, collate_fn=list)
        found = [row["doc_id"] for batch in loader for row in batch]
        assert found == ids[start + (rank - start) % world_size :: world_size]


def test_a_torch_dataset_resumes_after_the_row_given_last(mix: Mix, ids: list[str]) -> None:
    pytest.importorskip("torch")
    first = torch_dataset(mix, batch_size=8, columns=["doc_id"])
    found = [row["doc_id"] for _, row in zip(range(123), first, strict=False)]
    other = pickle.loads(pickle.dumps(torch_dataset(mix, batch_size=8, columns=["doc_id"])))
    other.load_state_dict(first.state_dict())
    assert found + [row["doc_id"] for row in other] == ids
    assert [row["doc_id"] for row in other] == ids
    with pytest.raises(UsageError, match="resume on the same mix"):
        torch_dataset(mix, rank=1, world_size=2).load_state_dict(first.state_dict())
