"""The whole way with store and sources on S3: the digests of a disk, from any machine, and credentials nowhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest
import s3fs

from anchor_pipeline import steps
from anchor_pipeline.corpus.remote_store import RemoteStore
from anchor_pipeline.errors import AnchorError, DeclarationError
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.release import Release
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.orchestration import retries
from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.orchestration.home import prepare_home
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.mix.memory_remote import WatchedRemote
from anchor_pipeline_tests.mix.test_remote_commit import Failing
from anchor_pipeline_tests.object_store import ACCESS_KEY, SECRET_KEY, Bucket
from anchor_pipeline_tests.projects import PROJECT, rows, small_project, write_rows

TWIN = """
  echoes:
    kind: synthetic
    domain: sea
    fields: {id: {column: id}, text: {column: text}, collected_at: {column: collected_at}, licence: {column: licence}}
    generate: {twin: markov, fit: logbooks, documents: 10}
    generator: {name: markov, version: "1"}
stages:
"""


def on_s3(bucket: Bucket, folder: Path, text: str = PROJECT) -> Path:
    """The small project with store and sources in the bucket, declared in `folder`."""
    text = text.replace("seed: 3", f"seed: 3\nstore: {bucket.url}/anchor").replace(
        "uri: raw/", f"uri: {bucket.url}/raw/"
    )
    path = small_project(folder, text)
    for raw in sorted((folder / "raw").iterdir()):
        bucket.put(f"raw/{raw.name}", raw.read_bytes())
        raw.unlink()
    return path


def release(folder: Path, machine: str = "one", cycle: str = "2020") -> Release:
    os.environ["ANCHOR_CACHE"] = str(folder / f"cache {machine}")  # the fixture `bucket` puts it back
    place = steps.Workplace(load_project(folder))
    when = place.project.calendar.at(cycle)
    steps.plan_all(place, ["lawful"], when)
    return steps.release(place, "lawful", when)


def test_a_build_on_s3_gives_the_digests_of_a_build_on_a_disk(bucket: Bucket, tmp_path: Path) -> None:
    small_project(tmp_path / "local", PROJECT)
    on_s3(bucket, tmp_path / "remote", PROJECT)
    local, remote = release(tmp_path / "local"), release(tmp_path / "remote")
    assert remote.manifest == local.manifest
    assert remote.location == f"{bucket.url}/anchor/mix/lawful/2020/0001"
    assert all(check.ok for check in verify_mix(remote.location))
    assert [row["doc_id"] for row in open_mix(remote.location).rows()] == [
        row["doc_id"] for row in open_mix(local.location).rows()
    ]


def test_another_machine_goes_on_where_the_first_stopped(bucket: Bucket, tmp_path: Path) -> None:
    on_s3(bucket, tmp_path)
    first = release(tmp_path)
    bucket.server.requests.clear()
    again = release(tmp_path, "other")
    assert (again.location, again.reused) == (first.location, True)
    asked = bucket.server.requests
    assert not any(request.startswith("GET ") and "/raw/" in request for request in asked), "no raw file is read again"
    assert not any(request.startswith("PUT ") and "/shards/" in request for request in asked)
    write_rows(tmp_path / "new.jsonl", rows("new", 60, 5))
    bucket.put("raw/gazette.jsonl", (tmp_path / "new.jsonl").read_bytes())
    rebuilt = release(tmp_path, "third")
    assert rebuilt.revision == 2
    assert rebuilt.manifest.replaces is not None
    assert rebuilt.manifest.replaces.digest == first.digest
    assert release(tmp_path).reused, "the first machine sees what the third has done"


def test_a_generated_source_lies_in_the_store_and_is_not_read_again(bucket: Bucket, tmp_path: Path) -> None:
    text = PROJECT.replace("stages:\n", TWIN.removeprefix("\n"))
    small_project(tmp_path / "local", text)
    on_s3(bucket, tmp_path / "remote", text)
    local, remote = release(tmp_path / "local"), release(tmp_path / "remote")
    assert remote.manifest == local.manifest
    bucket.server.requests.clear()
    assert release(tmp_path / "remote", "other").reused
    assert not any(request.startswith("GET ") and "echoes.jsonl" in request for request in bucket.server.requests)


def anchor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "anchor_pipeline", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environment})


def holding(secret: str, bucket: Bucket, folder: Path) -> list[str]:
    """Files below `folder`, and objects of the bucket, that hold the text."""
    found = [str(path) for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    return found + [key for key in bucket.keys("") if secret.encode() in bucket.get(key)]


@pytest.mark.slow
def test_the_command_builds_on_s3_and_writes_credentials_nowhere(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    path = on_s3(bucket, tmp_path / "project")
    cache = {"ANCHOR_CACHE": str(tmp_path / "cache")}
    built = anchor("build", str(path), "--cycle", "2020", "--stage", "lawful", "--json", **cache)
    assert built.returncode == 0, built.stderr
    location = f"{bucket.url}/anchor/mix/lawful/2020/0001"
    assert json.loads(built.stdout)["verdicts"][0]["release"] == location
    assert (tmp_path / "project/.anchor/dagster/dagster.yaml").exists(), "the instance needs a disk"
    verified = anchor("verify", location, **cache)
    assert verified.returncode == 0, verified.stdout
    assert "DAMAGED" not in verified.stdout
    # Failing must not give them away either: here the secret stands in the very address of the server.
    outputs = [built.stdout, built.stderr, verified.stdout, verified.stderr]
    for arguments in (("plan", str(path), "--cycle", "2020"), ("verify", location)):
        failed = anchor(*arguments, AWS_ENDPOINT_URL=f"http://user:{SECRET_KEY}@127.0.0.1:9/{SECRET_KEY}", **cache)
        assert failed.returncode == 3, failed.stderr
        assert "check the network" in failed.stderr
        outputs += [failed.stdout, failed.stderr]
    for secret in (SECRET_KEY, ACCESS_KEY):
        assert not any(secret in output for output in outputs)
        assert holding(secret, bucket, tmp_path) == []
    assert "Traceback" not in "".join(outputs)


@pytest.mark.slow
def test_dagster_runs_on_s3_and_shows_the_url(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    project = load_project(on_s3(bucket, tmp_path / "project"))
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_home(project)))
    definitions = definitions_for(project, key_prefix=())
    with dg.DagsterInstance.get() as instance:
        result = definitions.resolve_job_def("build_lawful").execute_in_process(
            instance=instance, partition_key="2020", raise_on_error=False, run_config=QUIET
        )
        assert result.success
        mix = dg.AssetKey(["mix", "lawful"])
        (event,) = [event for event in result.get_asset_materialization_events() if event.asset_key == mix]
        shown = str(event.materialization.metadata["release"].value)
        assert f"{bucket.url}/anchor/mix/lawful/2020/0001" in shown
        # With the storage gone the run fails and says so; the secret, now in the address too, is nowhere.
        monkeypatch.setattr(retries, "POLICY", dg.RetryPolicy(max_retries=0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:{SECRET_KEY}@127.0.0.1:9/{SECRET_KEY}")
        s3fs.S3FileSystem.clear_instance_cache()
        failed = (
            definitions_for(project, key_prefix=())
            .resolve_job_def("build_lawful")
            .execute_in_process(instance=instance, partition_key="2020", raise_on_error=False, run_config=QUIET)
        )
        assert not failed.success
        said = " ".join(str(event.step_failure_data.error) for event in failed.get_step_failure_events())
        assert "check the network" in said
    for secret in (SECRET_KEY, ACCESS_KEY):
        assert holding(secret, bucket, tmp_path) == []


@pytest.mark.parametrize(
    "address",
    ["s3://key:secret@bucket/x", "s3://bucket/x?secret=1", "s3://bucket/x#f", "https://user@host/x", "zip://a::s3://b"],
)
def test_a_store_with_credentials_in_its_url_is_refused(tmp_path: Path, address: str) -> None:
    path = small_project(tmp_path, PROJECT.replace("seed: 3", f'seed: 3\nstore: "{address}"'))
    with pytest.raises(DeclarationError, match=r"project\.yaml:4: .*(environment|chained)") as caught:
        load_project(path)
    assert "secret" not in str(caught.value).replace("?secret", "")


def test_the_store_of_a_file_url_is_a_folder(tmp_path: Path) -> None:
    path = small_project(tmp_path, PROJECT.replace("seed: 3", f'seed: 3\nstore: "file://{tmp_path}/else where"'))
    assert load_project(path).store_path == tmp_path / "else where"


@pytest.mark.marathon
@pytest.mark.parametrize("on", [False, True], ids=["once", "from then on"])
def test_whatever_remote_operation_of_a_build_fails_the_next_build_recovers(tmp_path: Path, on: bool) -> None:
    small_project(tmp_path)
    project = load_project(tmp_path)
    when = project.calendar.at("2020")

    def build(number: int, failing: Failing) -> Release:
        place = steps.Workplace(project)
        remote = WatchedRemote(f"memory://{tmp_path.name}/{on}/{number}", failing)
        place.__dict__["store"] = RemoteStore(remote, tmp_path / f"cache {number}")
        steps.plan_all(place, ["lawful"], when)
        return steps.release(place, "lawful", when)

    counting = Failing(0, on=False)
    expected = build(0, counting)
    assert counting.count > 80
    for n in range(1, counting.count + 1):
        with suppress(AnchorError):
            build(n, Failing(n, on))
        found = build(n, Failing(0, on=False))
        assert (found.digest, found.revision) == (expected.digest, 1)
        assert all(check.ok for check in verify_mix(found.location))
        assert build(n, Failing(0, on=False)).reused
