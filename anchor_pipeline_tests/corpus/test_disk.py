"""What killed processes leave under tmp/ goes in time, and errors of the disk say what to do."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import duckdb
import pytest

from anchor_pipeline.corpus.disk import STALE_SECONDS, disk_trouble_told, sweep
from anchor_pipeline.corpus.made_from import is_made_from
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.corpus.transient import is_transient
from anchor_pipeline.errors import DamagedData, Refused, Unavailable


def left_behind(store: Store, name: str, age: float) -> Path:
    path = store.path(f"tmp/{name}")
    path.mkdir(parents=True)
    for entry in (path / "part.parquet", path):
        if entry != path:
            entry.write_bytes(b"half")
        os.utime(entry, (time.time() - age,) * 2)
    return path


def test_only_what_nobody_has_touched_for_long_is_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    stale = left_behind(store, "1-aa", STALE_SECONDS + 60)
    fresh = left_behind(store, "2-bb", 60)
    working = left_behind(store, "3-cc", STALE_SECONDS + 60)
    (working / "part.parquet").write_bytes(b"more")
    (tmp_path / "tmp/4-dd").symlink_to(tmp_path / "nowhere")
    assert sweep(store) == ["1-aa"]
    assert (stale.exists(), fresh.exists(), working.exists()) == (False, True, True)
    assert sweep(store, time.time() + 2 * STALE_SECONDS) == ["2-bb", "3-cc", "4-dd"]


def test_a_store_without_rubbish_is_swept_as_well(tmp_path: Path) -> None:
    assert sweep(Store(tmp_path / "new")) == []


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/store/x"), "make room"),
        (OSError(errno.EIO, "Input/output error", "/store/x"), "see to the disk"),
        (duckdb.IOException("could not write file /store/x: No space left on device"), "make room"),
    ],
)
def test_errors_of_the_disk_say_what_and_where_and_what_to_do(error: Exception, advice: str) -> None:
    with pytest.raises(Unavailable) as told, disk_trouble_told("corpus"):
        raise error
    assert "/store/x" in str(told.value)
    assert f"nothing is half done: {advice}, and build corpus again" in str(told.value)
    # A full disk does not empty itself while a build waits.
    assert is_transient(told.value) == ("see to" in advice)


@pytest.mark.parametrize("error", [Refused("no"), DamagedData("altered"), ValueError("a bug")])
def test_other_errors_pass_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as told, disk_trouble_told("corpus"):
        raise error
    assert told.value is error


def test_a_table_that_does_not_say_what_it_was_made_from_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "documents.parquet"
    assert not is_made_from(path, "a" * 64)
    path.write_bytes(b"PAR1 no more than this")
    assert not is_made_from(path, "a" * 64)
    duckdb.sql(f"COPY (SELECT 1) TO '{path}' (FORMAT parquet)")
    assert not is_made_from(path, "a" * 64)
