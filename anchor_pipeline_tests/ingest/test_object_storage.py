"""Sources on S3: a file, a folder and a glob are read like local ones, and what has not changed is not read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anchor_pipeline.corpus.snapshot import SourceSnapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.source import ingest_source
from anchor_pipeline_tests.ingest.support import declare, documents
from anchor_pipeline_tests.object_store import SECRET_KEY, Bucket, Fault


def lines(*texts: str) -> str:
    return "".join(json.dumps({"id": text, "text": text, "date": "2020-06-01"}) + "\n" for text in texts)


def read(tmp_path: Path, uri: str) -> tuple[SourceSnapshot, list[str]]:
    project = declare(tmp_path, uri=uri)
    store = Store(project.store_path)
    snapshot = ingest_source(project, "s", store)
    return snapshot, sorted(row["text"] for row in documents(store, snapshot))


def fetched(bucket: Bucket) -> list[str]:
    """Names of the objects whose content was asked for since the last call."""
    asked = [request for request in bucket.server.requests if request.startswith("GET ") and "list-type" not in request]
    bucket.server.requests.clear()
    return sorted({request.rpartition("/")[2] for request in asked})


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("in/a.jsonl", ["a1", "a2"]),
        ("in", ["a1", "a2", "b1", "c1"]),
        ("in/*.jsonl", ["a1", "a2", "b1"]),
        ("in/**/*.jsonl", ["a1", "a2", "b1", "c1"]),
    ],
)
def test_a_file_a_folder_and_globs_are_read(bucket: Bucket, tmp_path: Path, uri: str, expected: list[str]) -> None:
    bucket.put("in/a.jsonl", lines("a1", "a2"))
    bucket.put("in/b.jsonl", lines("b1"))
    bucket.put("in/deep er/c.jsonl", lines("c1"))
    bucket.put("in/notes.pdf", "not of the format")
    snapshot, texts = read(tmp_path, f"{bucket.url}/{uri}")
    assert texts == expected
    assert snapshot.unreadable == ()
    assert bucket.name not in snapshot.model_dump_json()


def test_only_what_is_new_or_replaced_is_read_again(bucket: Bucket, tmp_path: Path) -> None:
    for name in "abc":
        bucket.put(f"in/{name}.jsonl", lines(f"{name}1"))
    uri = f"{bucket.url}/in"
    first, _ = read(tmp_path, uri)
    assert fetched(bucket) == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert read(tmp_path, uri)[0] == first
    assert fetched(bucket) == []
    bucket.put("in/b.jsonl", lines("b2"))  # of the same length
    bucket.put("in/d.jsonl", lines("d1"))
    bucket.delete("in/c.jsonl")
    assert read(tmp_path, uri)[1] == ["a1", "b2", "d1"]
    assert fetched(bucket) == ["b.jsonl", "d.jsonl"]


def test_the_snapshot_is_that_of_the_same_local_files(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "local/in").mkdir(parents=True)
    for name in "ab":
        bucket.put(f"in/{name}.jsonl", lines(f"{name}1"))
        (tmp_path / f"local/in/{name}.jsonl").write_text(lines(f"{name}1"))
    remote, _ = read(tmp_path / "remote", f"{bucket.url}/in")
    local, _ = read(tmp_path / "local", "in")
    assert (remote.digest, remote.shards) == (local.digest, local.shards)


@pytest.mark.parametrize("fault", ["drop", "500", "403", "half"])
def test_a_file_that_cannot_be_fetched_is_unreadable_and_read_the_next_time(
    bucket: Bucket, tmp_path: Path, fault: Fault
) -> None:
    for name in "ab":
        bucket.put(f"in/{name}.jsonl", lines(f"{name}1"))
    bucket.server.faults = lambda method, path: fault if method == "GET" and "b.jsonl" in path else None
    snapshot, texts = read(tmp_path, f"{bucket.url}/in")
    (broken,) = snapshot.unreadable
    assert broken.path == "b.jsonl"
    assert SECRET_KEY not in broken.message
    assert texts == ["a1"]
    bucket.server.faults = None
    assert read(tmp_path, f"{bucket.url}/in")[1] == ["a1", "b1"]


def test_a_bucket_that_cannot_be_listed_is_said_without_secrets(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:9/{SECRET_KEY}")
    s3fs.S3FileSystem.clear_instance_cache()
    (broken,) = read(tmp_path, f"{bucket.url}/in")[0].unreadable
    assert "cannot be listed" in broken.message
    assert SECRET_KEY not in broken.message
