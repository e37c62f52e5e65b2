"""Gathering: what lies in the shards is what was selected, or nothing is released; memory stays bounded."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.errors import DamagedData
from anchor_pipeline_tests.mix.releases import World, documents, world, write_selection


def changed_shard(made: World, change: Any) -> tuple[Path, pa.Table]:
    """Where the first selected shard lies, and its documents with a change."""
    path = made.store.shard_path(made.drawn[0]["shard"])
    rows = pq.read_table(path).to_pylist()
    change(rows)
    return path, pa.Table.from_pylist(rows, schema=DOCUMENT_SCHEMA)


def select_from(made: World, shard: str, other: str) -> None:
    """Let the selection name another shard in the place of one."""
    for row in made.drawn:
        row["shard"] = other if row["shard"] == shard else row["shard"]
    write_selection(made.selection, made.drawn)


def swap(rows: list[dict[str, Any]]) -> None:
    rows[3], rows[4] = rows[4], rows[3]


def same_length(rows: list[dict[str, Any]]) -> None:
    rows[3]["text"] = "x" * rows[3]["bytes"]


def longer(rows: list[dict[str, Any]]) -> None:
    rows[3]["text"] += "x"


def renamed(rows: list[dict[str, Any]]) -> None:
    rows[3]["doc_id"] = "crawl/other"


def other_digest(rows: list[dict[str, Any]]) -> None:
    rows[3]["digest"] = "0" * 64


def emptied(rows: list[dict[str, Any]]) -> None:
    rows[3]["text"] = None


@pytest.mark.parametrize("change", [swap, same_length, longer, renamed, emptied])
def test_a_swapped_shard_releases_nothing(tmp_path: Path, change: Any) -> None:
    made = world(tmp_path, documents(200))
    path, table = changed_shard(made, change)
    pq.write_table(table, path, row_group_size=16)
    with pytest.raises(DamagedData, match=f"{path}: the shard is damaged"):
        made.release()
    assert not made.store.exists("mix")
    assert made.store.list("tmp") == []


@pytest.mark.parametrize("change", [swap, longer, renamed, emptied, other_digest])
def test_a_selection_from_a_shard_with_other_rows_releases_nothing(tmp_path: Path, change: Any) -> None:
    made = world(tmp_path, documents(200))
    old, table = changed_shard(made, change)
    new = made.store.write_shard(table)
    select_from(made, old.stem, new.digest)
    with pytest.raises(DamagedData, match=rf"{made.store.shard_path(new.digest)}, row 3"):
        made.release()
    assert not made.store.exists("mix")
    assert made.store.list("tmp") == []


@pytest.mark.parametrize("keep", [0, 100, 0.5, -1])
def test_a_cut_or_missing_shard_releases_nothing(tmp_path: Path, keep: float) -> None:
    made = world(tmp_path, documents(200))
    path = made.store.shard_path(made.drawn[0]["shard"])
    data = path.read_bytes()
    path.unlink()
    if keep >= 0:
        path.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(DamagedData, match=str(path)):
        made.release()
    assert not made.store.exists("mix")


def test_a_shard_with_fewer_rows_releases_nothing(tmp_path: Path) -> None:
    made = world(tmp_path, documents(200))
    old, table = changed_shard(made, lambda rows: rows.pop())
    new = made.store.write_shard(table)
    select_from(made, old.stem, new.digest)
    with pytest.raises(DamagedData, match=f"{made.store.shard_path(new.digest)}: has 99 rows"):
        made.release()


MEASURE = """
import re, sys
from pathlib import Path
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.mix import write
from anchor_pipeline.mix.gather import survey

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

folder = Path(sys.argv[1])
write.MEMORY_BYTES = 0
before = peak()
plan = survey(folder / "selection.parquet", 1 << 20)
write._write_content(Store(folder / "store"), folder / "selection.parquet", plan, folder / "out", 2)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to measure the peak of a process")
def test_memory_does_not_grow_with_the_mix(tmp_path: Path) -> None:
    text = "\n\n".join(row["text"] for row in documents(300))
    text *= 1 + 100_000 // len(text)
    grown = []
    for count in (300, 1200):
        rows = [{**row, **with_text(f"{number} {text}")} for number, row in enumerate(documents(count))]
        world(tmp_path / str(count), rows, shard_rows=40)
        command = [sys.executable, "-c", MEASURE, str(tmp_path / str(count))]
        grown.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    # There are 90 MB more to write; the margin is the allocator's.
    assert grown[1] < grown[0] + 30


def with_text(text: str) -> dict[str, Any]:
    content = text.encode()
    digest = hashlib.sha256(b"text\0" + content).hexdigest()
    return {"text": text, "bytes": len(content), "digest": digest}
