"""Reading a mix: refused unless it is whole; every row exactly once on any number of readers, resumed anywhere."""

from __future__ import annotations

import hashlib
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anchor_pipeline
from anchor_pipeline.errors import DamagedData, Refused, UsageError
from anchor_pipeline.mix.manifest import Manifest
from anchor_pipeline.mix.read import Mix, open_mix
from anchor_pipeline.mix.release import Release
from anchor_pipeline.mix.torch import torch_dataset
from anchor_pipeline_tests.mix.releases import World, documents, finding, world

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


@pytest.mark.parametrize("name", ["nothing", "."])
def test_what_is_no_release_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DamagedData, match="not a released mix"):
        open_mix(tmp_path / name)


def every_file(released: Release) -> list[str]:
    return ["MANIFEST.json", *(entry.path for entry in released.manifest.entries)]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def link(path: Path) -> None:
    elsewhere = path.parent.parent.parent / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff{[" * (path.stat().st_size // 3 + 1))


DAMAGES: list[Callable[[Path], None]] = [Path.unlink, flip, truncate, empty, grow, link, garbage]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_any_file_is_refused(released: Release, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    for number, name in enumerate(every_file(released)):
        if damage is link and name == "MANIFEST.json":
            continue
        folder = Path(shutil.copytree(released.path, tmp_path / str(number) / "mix"))
        damage(folder / name)
        with pytest.raises(DamagedData, match=name):
            open_mix(folder)
        # What the cheaper verification does not look at is the inside of the parts, and nothing else.
        if not (name.startswith("data/") and damage is flip):
            with pytest.raises(DamagedData, match=name):
                open_mix(folder, verify="quick")


@pytest.mark.parametrize("name", ["data/train-00099-of-00100.parquet", "extra.txt", "data/x/y"])
def test_a_file_too_many_is_refused(copy: Path, name: str) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_bytes(b"")
    for verify in ("full", "quick"):
        with pytest.raises(DamagedData, match="does not belong there"):
            open_mix(copy, verify=verify)  # type: ignore[arg-type]


def test_swapped_parts_are_refused(copy: Path, released: Release) -> None:
    one, other = (copy / part.path for part in released.manifest.parts[:2])
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    with pytest.raises(DamagedData):
        open_mix(copy)


def resealed(folder: Path, **changed: Any) -> None:
    """Alter the manifest and give it the right digest again, as a forger would."""
    manifest = Manifest.model_validate_json((folder / "MANIFEST.json").read_bytes()).model_copy(update=changed)
    manifest = manifest.model_copy(update={"digest": manifest.computed_digest()})
    (folder / "MANIFEST.json").write_bytes(manifest.encoded())


def test_rows_that_were_not_judged_are_refused(copy: Path, released: Release) -> None:
    """Two parts change places, and all digests of files agree: the verdict was for another order."""
    parts = list(released.manifest.parts)
    one, other = (copy / part.path for part in parts[:2])
    one.rename(copy / "x")
    other.rename(one)
    (copy / "x").rename(other)
    parts[:2] = [
        parts[1].model_copy(update={"path": parts[0].path}),
        parts[0].model_copy(update={"path": parts[1].path}),
    ]
    resealed(copy, parts=tuple(parts))
    with pytest.raises(DamagedData, match="selection"):
        open_mix(copy)


def test_a_verdict_for_something_else_is_refused(copy: Path, released: Release) -> None:
    for changed in ({"stage": "sft"}, {"cycle": "2020"}, {"project": "other"}, {"as_of": "2000-01-01T00:00:00+00:00"}):
        resealed(copy, **{**released.manifest.model_dump(include=set(changed)), **changed})
        with pytest.raises(DamagedData, match="about something else"):
            open_mix(copy)
    for name in ("policy", "selection", "corpus"):
        resealed(copy, digests=released.manifest.digests.model_copy(update={name: "c" * 64}))
        with pytest.raises(DamagedData, match=f"; {name} .*c{{64}}"):
            open_mix(copy)


def with_verdict(made: World, copy: Path, **changed: Any) -> None:
    """Put another verdict into a release, with all digests right."""
    verdict = made.verdict(**changed)
    (copy / "VERDICT.json").write_bytes(verdict.json_bytes)
    manifest = Manifest.model_validate_json((copy / "MANIFEST.json").read_bytes())
    sha = hashlib.sha256(verdict.json_bytes).hexdigest()
    files = tuple(
        file.model_copy(update={"sha256": sha, "bytes": len(verdict.json_bytes)})
        if file.path == "VERDICT.json"
        else file
        for file in manifest.files
    )
    resealed(copy, files=files, digests=manifest.digests.model_copy(update={"verdict": verdict.digest}))


@pytest.mark.parametrize("verify", ["full", "quick"])
@pytest.mark.parametrize("changed", [{"status": "fail"}, {"findings": (finding(status="insufficient"),)}])
def test_a_refused_mix_is_refused(made: World, copy: Path, changed: dict[str, Any], verify: Any) -> None:
    with_verdict(made, copy, **changed)
    with pytest.raises(Refused, match="must not be used"):
        open_mix(copy, verify=verify)


def test_a_release_without_verdict_is_refused(copy: Path, released: Release) -> None:
    (copy / "VERDICT.json").unlink()
    resealed(copy, files=tuple(file for file in released.manifest.files if file.path != "VERDICT.json"))
    with pytest.raises(DamagedData, match="no verdict"):
        open_mix(copy)


def test_an_unknown_format_is_refused(copy: Path) -> None:
    resealed(copy, format=2)
    with pytest.raises(DamagedData, match="format 2"):
        open_mix(copy)


def test_a_manifest_in_another_spelling_is_refused(copy: Path) -> None:
    path = copy / "MANIFEST.json"
    path.write_bytes(path.read_bytes().replace(b'"rows":', b'"rows": '))
    with pytest.raises(DamagedData, match="altered"):
        open_mix(copy)


def test_an_unknown_verification_is_refused(released: Release) -> None:
    with pytest.raises(UsageError, match="'full' or 'quick'"):
        open_mix(released.path, verify="none")  # type: ignore[arg-type]


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
    found = [row["doc_id"] for row, _ in zip(first, range(123), strict=False)]
    other = pickle.loads(pickle.dumps(torch_dataset(mix, batch_size=8, columns=["doc_id"])))
    other.load_state_dict(first.state_dict())
    assert found + [row["doc_id"] for row in other] == ids
    with pytest.raises(UsageError, match="resume on the same mix"):
        torch_dataset(mix, rank=1, world_size=2).load_state_dict(first.state_dict())
