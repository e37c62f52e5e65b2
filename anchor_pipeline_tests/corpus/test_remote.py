"""A store on S3: what one machine has written every other sees, and no old copy is taken for the current file."""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import fsspec
import pyarrow as pa
import pytest
import s3fs

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.remote import ONE_PUT, Remote
from anchor_pipeline.corpus.remote_store import RemoteStore
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData, Unavailable, UsageError
from anchor_pipeline_tests.documents import document
from anchor_pipeline_tests.object_store import SECRET_KEY, Bucket, Fault


def machine(bucket: Bucket, folder: Path, name: str) -> RemoteStore:
    """The store as a machine with a cache of its own sees it."""
    return RemoteStore(Remote(f"{bucket.url}/the store"), folder / name)


def table(count: int = 10) -> pa.Table:
    return pa.Table.from_pylist(
        [document("s", str(i), f"some words {i}") for i in range(count)], schema=DOCUMENT_SCHEMA
    )


def finished(folder: Path, data: bytes) -> Path:
    path = folder / "finished"
    path.write_bytes(data)
    return path


def fetches(bucket: Bucket) -> list[str]:
    return [request for request in bucket.server.requests if request.startswith("GET ") and "list-type" not in request]


def test_what_one_machine_writes_another_sees(bucket: Bucket, tmp_path: Path) -> None:
    one, other = machine(bucket, tmp_path, "one"), machine(bucket, tmp_path, "other")
    assert other.find("a/b.json") is None
    assert not other.exists("a/b.json")
    assert other.list("a") == []
    one.write("a/b.json", b"{}")
    one.adopt(finished(tmp_path, b"rows"), "a/c/table.parquet")
    assert other.find("a/b.json") == other.read("a/b.json") == b"{}"
    assert other.exists("a/b.json")
    assert other.list("a") == ["b.json", "c"]
    bucket.put("the store/a/late", "x")
    assert other.list("a") == ["b.json", "c", "late"]
    assert other.exists("a/late")
    assert other.local("a/c/table.parquet").read_bytes() == b"rows"
    assert other.local("a/c/table.parquet").name == "table.parquet"
    assert bucket.get("the store/a/c/table.parquet") == b"rows"
    assert other.list("tmp") == []


def test_the_store_at_a_url_is_found_by_its_address(bucket: Bucket) -> None:
    store = Store.at(f"{bucket.url}/p/")
    store.write("name", b"x")
    assert bucket.keys() == ["p/name"]
    assert store.address_of("name") == f"{bucket.url}/p/name"


def test_a_file_is_fetched_again_when_it_has_changed_and_only_then(bucket: Bucket, tmp_path: Path) -> None:
    one, other = machine(bucket, tmp_path, "one"), machine(bucket, tmp_path, "other")
    one.adopt(finished(tmp_path, b"first"), "table")
    assert other.local("table").read_bytes() == b"first"
    bucket.server.requests.clear()
    assert other.local("table").read_bytes() == b"first"
    assert one.local("table").read_bytes() == b"first"
    assert fetches(bucket) == []
    one.adopt(finished(tmp_path, b"other"), "table")  # of the same length
    assert other.local("table").read_bytes() == b"other"
    bucket.delete("the store/table")
    assert not other.exists("table")
    with pytest.raises(DamagedData, match="build the step that writes it again"):
        other.local("table")


def test_processes_that_share_a_cache_never_read_an_old_file(bucket: Bucket, tmp_path: Path) -> None:
    writers = [machine(bucket, tmp_path, "shared") for _ in range(2)]
    reader = machine(bucket, tmp_path, "shared")
    writers[0].write("table", b"0")
    newest, problems = [0], list[str]()

    def write(store: RemoteStore, start: int) -> None:
        for number in range(start, 40, 2):
            folder = tmp_path / f"{start}"
            folder.mkdir(exist_ok=True)
            with lock:
                store.adopt(finished(folder, str(number).encode()), "table")
                newest[0] = number

    lock = threading.Lock()
    threads = [threading.Thread(target=write, args=(store, number)) for number, store in enumerate(writers, 1)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        with lock:
            expected = newest[0]
            found = int(reader.local("table").read_bytes())
        if found != expected:
            problems.append(f"{found} after {expected}")
        reader.local("table").read_bytes()
    assert problems == []


def test_a_large_file_goes_in_parts_and_is_not_fetched_back(bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "finished"
    with path.open("wb") as file:
        file.truncate(ONE_PUT + 1)
    store = machine(bucket, tmp_path, "one")
    store.adopt(path, "large")
    assert any("uploadId" in request for request in bucket.server.requests)
    bucket.server.requests.clear()
    assert store.local("large").stat().st_size == ONE_PUT + 1
    assert fetches(bucket) == []


def test_shards_are_written_once_and_fetched_once(bucket: Bucket, tmp_path: Path) -> None:
    one, other = machine(bucket, tmp_path, "one"), machine(bucket, tmp_path, "other")
    shard = one.write_shard(table())
    key = f"the store/shards/{shard.digest[:2]}/{shard.digest}.parquet"
    assert bucket.keys() == [key]
    assert hashlib.sha256(bucket.get(key)).hexdigest() == shard.digest
    bucket.server.requests.clear()
    assert one.write_shard(table()) == other.write_shard(table()) == shard
    assert not any(request.startswith("PUT") for request in bucket.server.requests)
    third = machine(bucket, tmp_path, "third")
    assert [path.stem for path in third.local_shards([shard.digest])] == [shard.digest]
    bucket.server.requests.clear()
    third.local_shards([shard.digest])
    assert bucket.server.requests == []


def test_a_shard_that_the_remote_lost_is_uploaded_again(bucket: Bucket, tmp_path: Path) -> None:
    store = machine(bucket, tmp_path, "one")
    shard = store.write_shard(table())
    bucket.delete(bucket.keys()[0])
    store.write_shard(table())
    assert machine(bucket, tmp_path, "other").local_shard(shard.digest).stem == shard.digest


def test_a_damaged_shard_is_not_taken(bucket: Bucket, tmp_path: Path) -> None:
    shard = machine(bucket, tmp_path, "one").write_shard(table())
    (key,) = bucket.keys()
    data = bytearray(bucket.get(key))
    data[100] ^= 1
    bucket.put(key, bytes(data))
    other = machine(bucket, tmp_path, "other")
    with pytest.raises(DamagedData, match="the shard is damaged"):
        other.local_shard(shard.digest)
    assert not other.shard_path(shard.digest).exists()
    bucket.delete(key)
    with pytest.raises(DamagedData, match="the shard is missing"):
        other.local_shard(shard.digest)


def test_of_two_writers_of_a_new_name_one_wins(bucket: Bucket, tmp_path: Path) -> None:
    one, other = machine(bucket, tmp_path, "one"), machine(bucket, tmp_path, "other")
    assert one.write_new("name", b"first")
    assert not other.write_new("name", b"second")
    assert bucket.get("the store/name") == b"first"


def test_names_do_not_lead_outside(bucket: Bucket, tmp_path: Path) -> None:
    store = machine(bucket, tmp_path, "one")
    for name in ("../x", "/etc/passwd", "a/../../x"):
        for call in (store.read, store.local, store.exists, store.list):
            with pytest.raises(ValueError, match="outside the store"):
                call(name)


OPERATIONS: dict[str, Callable[[RemoteStore, Path], object]] = {
    "read": lambda store, _: store.read("there"),
    "local": lambda store, _: store.local("there"),
    "exists": lambda store, _: store.exists("there"),
    "list": lambda store, _: store.list("."),
    "write": lambda store, _: store.write("new", b"x"),
    "write_new": lambda store, _: store.write_new("new", b"x"),
    "adopt": lambda store, folder: store.adopt(finished(folder, b"x"), "new"),
    "shard": lambda store, _: store.write_shard(table()),
}


@pytest.mark.parametrize("fault", ["drop", "500"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_cannot_be_reached_is_unavailable(bucket: Bucket, tmp_path: Path, operation: str, fault: Fault) -> None:
    bucket.put("the store/there", b"x")
    bucket.server.faults = lambda method, path: fault
    with pytest.raises(Unavailable, match=bucket.name) as caught:
        OPERATIONS[operation](machine(bucket, tmp_path, "one"), tmp_path)
    assert SECRET_KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    bucket.server.faults = None
    OPERATIONS[operation](machine(bucket, tmp_path, "one"), tmp_path)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_denied_access_is_said_with_the_remedy(bucket: Bucket, tmp_path: Path, operation: str) -> None:
    bucket.server.faults = lambda method, path: "403"
    with pytest.raises(UsageError, match=r"access was denied.*credentials in the environment"):
        OPERATIONS[operation](machine(bucket, tmp_path, "one"), tmp_path)


def test_a_connection_that_breaks_once_does_not_matter(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("the store/there", b"x" * 200_000)
    for fault in ("drop", "half"):
        broken = iter([fault])
        bucket.server.faults = lambda method, path, broken=broken: next(broken, None) if method == "GET" else None
        store = machine(bucket, tmp_path, fault)
        assert store.local("there").read_bytes() == b"x" * 200_000
        assert store.read("there") == b"x" * 200_000
        assert next(broken, None) is None


def test_half_a_download_is_not_kept(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("the store/there", b"x" * 200_000)
    bucket.server.faults = lambda method, path: "half" if method == "GET" else None
    store = machine(bucket, tmp_path, "one")
    for read in (store.local, store.read):
        with pytest.raises(Unavailable):
            read("there")
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_a_new_name_is_ours_though_the_answer_was_lost(bucket: Bucket, tmp_path: Path) -> None:
    lost = iter(["lost"])
    bucket.server.faults = lambda method, path: next(lost, None) if method == "PUT" else None
    assert machine(bucket, tmp_path, "one").write_new("name", b"ours")
    assert bucket.get("the store/name") == b"ours"


def test_a_bucket_that_is_not_there_is_said(bucket: Bucket, tmp_path: Path) -> None:
    store = RemoteStore(Remote("s3://no-such-bucket-anywhere/x"), tmp_path / "cache")
    assert store.find("name") is None
    for call in (store.write, store.write_new):
        with pytest.raises(UsageError, match="no such bucket"):
            call("name", b"x")


def test_a_server_that_is_not_there_is_unavailable(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for endpoint in (
        "http://127.0.0.1:9",
        f"http://someone:{SECRET_KEY}@127.0.0.1:9",
        f"http://127.0.0.1:9/{SECRET_KEY}",
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(Unavailable, match="check the network") as caught:
            machine(bucket, tmp_path, "one").read("name")
        assert SECRET_KEY not in str(caught.value)


WRITES = """
import sys
from pathlib import Path
from anchor_pipeline.corpus.store import Store
Store.at(sys.argv[1]).write("name", b"x")
"""


def test_endpoint_and_credentials_can_come_from_fsspec_variables(bucket: Bucket) -> None:
    options = {"KEY": "AWS_ACCESS_KEY_ID", "SECRET": "AWS_SECRET_ACCESS_KEY", "ENDPOINT_URL": "AWS_ENDPOINT_URL"}
    given = {f"FSSPEC_S3_{option}": os.environ[name] for option, name in options.items()}
    others = {name: value for name, value in os.environ.items() if name not in options.values()}
    subprocess.run([sys.executable, "-c", WRITES, f"{bucket.url}/p"], env={**others, **given}, check=True, timeout=120)
    assert bucket.keys() == ["p/name"]


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(importlib.import_module("fsspec.registry")._registry, "s3", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'anchor-pipeline\[s3\]'"):
        RemoteStore(Remote("s3://bucket/x"), tmp_path).read("name")


def test_an_unknown_kind_of_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nosuch://"):
        RemoteStore(Remote("nosuch://bucket/x"), tmp_path).read("name")


class Inherited(fsspec.get_filesystem_class("memory")):  # type: ignore[misc]
    """A file system without a conditional put of its own: the one it inherits looks first, and then writes."""

    protocol = "inherited"
    pipe_file = fsspec.AbstractFileSystem.pipe_file


def test_a_storage_without_conditional_put_is_refused(tmp_path: Path) -> None:
    fsspec.register_implementation("inherited", Inherited, clobber=True)
    store = RemoteStore(Remote("inherited://x"), tmp_path)
    store.write("other", b"x")
    with pytest.raises(UsageError, match="no conditional put"):
        store.write_new("name", b"x")
    assert store.find("name") is None


def test_folders_are_not_renamed_on_an_object_store(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        RemoteStore(Remote("memory://folders"), tmp_path).commit_folder(tmp_path, "folder")


def test_any_fsspec_file_system_can_hold_a_store(tmp_path: Path) -> None:
    one, other = (RemoteStore(Remote("memory://any/store"), tmp_path / name) for name in ("one", "other"))
    one.write("a/b", b"1")
    one.adopt(finished(tmp_path, b"2"), "a/c")
    assert (other.read("a/b"), other.local("a/c").read_bytes(), other.list("a")) == (b"1", b"2", ["b", "c"])
    shard = one.write_shard(table())
    assert other.local_shard(shard.digest).exists()
    assert other.find("nothing") is None
    assert one.write_new("n", b"1")
    assert not other.write_new("n", b"2")
