"""The standard configuration is read as openlineage-python reads it, and nothing secret of it is ever shown."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import UsageError
from anchor_pipeline.lineage.collector import Collector as Found
from anchor_pipeline.lineage.collector import NoCollector, find_collector
from anchor_pipeline.lineage.delivery import Delivered, deliver
from anchor_pipeline.record import Recorder
from anchor_pipeline_tests.lineage.builds import events_of
from anchor_pipeline_tests.lineage.collectors import Collector, free_port, key, running

SECRET = "hunter2-hunter2"

Set = pytest.MonkeyPatch


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    with Recorder(store, "assistant").step("corpus"), Recorder(store, "assistant").step("mix/chat"):
        pass
    return store


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running() as collector:
        yield collector


def send(store: Store) -> Delivered:
    return deliver(store, deadline=10, eager=True, pause=0.01)


def yml(path: Path, **content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))


def test_openlineage_url_with_endpoint_and_key(store: Store, collector: Collector, monkeypatch: Set) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", SECRET)
    before = dict(os.environ)
    assert send(store) == Delivered(sent=4)
    assert {headers["Authorization"] for headers in collector.headers} == {f"Bearer {SECRET}"}
    assert dict(os.environ) == before


@pytest.mark.parametrize("kind", ["http", "async_http"])
def test_transport_variables(store: Store, collector: Collector, monkeypatch: Set, kind: str) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", kind)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", collector.url)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__AUTH", json.dumps({"type": "api_key", "apiKey": SECRET}))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__COMPRESSION", "")
    collector.mode = "500"
    assert send(store).pending == 4, "an asynchronous transport must not call it delivered"
    collector.mode = "ok"
    assert send(store) == Delivered(sent=4)
    assert {headers["Authorization"] for headers in collector.headers} == {f"Bearer {SECRET}"}


@pytest.mark.parametrize("where", ["OPENLINEAGE_CONFIG", "working folder", "home"])
def test_openlineage_yml(store: Store, collector: Collector, monkeypatch: Set, tmp_path: Path, where: str) -> None:
    path = {"working folder": Path.cwd(), "home": Path.home() / ".openlineage"}.get(where, tmp_path) / "openlineage.yml"
    yml(path, transport={"type": "http", "url": collector.url})
    if where == "OPENLINEAGE_CONFIG":
        monkeypatch.setenv(where, str(path))
    elif where == "home":
        monkeypatch.chdir(tmp_path)
    assert send(store) == Delivered(sent=4)


def test_disabled_sends_nothing_and_forgets_nothing(store: Store, collector: Collector, monkeypatch: Set) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert send(store) == Delivered()
    assert find_collector() == NoCollector("delivery is switched off (OPENLINEAGE_DISABLED)", wanted=True)
    monkeypatch.delenv("OPENLINEAGE_DISABLED")
    assert send(store) == Delivered(sent=4)


def test_every_collector_of_several_gets_everything(store: Store, collector: Collector, monkeypatch: Set) -> None:
    port = free_port()
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "composite")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TRANSPORTS__A__TYPE", "async_http")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TRANSPORTS__A__URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
    assert send(store).pending == 4
    with running(port) as other:
        assert send(store) == Delivered(sent=4)
        for each in (other, collector):
            assert {key(event) for event in each.taken} == {key(event) for event in events_of(store)}


def test_one_of_several_is_enough_where_that_is_configured(store: Store, collector: Collector) -> None:
    dead = {"type": "http", "url": f"http://127.0.0.1:{free_port()}"}
    living = {"type": "http", "url": collector.url}
    transport = {"type": "composite", "transports": [dead, living], "continue_on_success": False}
    yml(Path.cwd() / "openlineage.yml", transport=transport)
    assert send(store) == Delivered(sent=4)


def test_files_and_transformers(store: Store, monkeypatch: Set, tmp_path: Path) -> None:
    inner = {"type": "file", "log_file_path": str(tmp_path / "events.jsonl"), "append": True}
    transformer = "openlineage.client.transport.transform.JobNamespaceReplaceTransformer"
    properties = {"new_job_namespace": "elsewhere"}
    transport = {"type": "transform", "transport": inner, "transformer_class": transformer}
    yml(Path.cwd() / "openlineage.yml", transport={**transport, "transformer_properties": properties})
    assert send(store) == Delivered(sent=4)
    lines = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [line["job"]["namespace"] for line in lines] == ["elsewhere"] * 4


def test_configured_tags_filters_and_variables_hold(store: Store, collector: Collector, monkeypatch: Set) -> None:
    monkeypatch.setenv("TEAM_NAME", "harbour")
    yml(
        Path.cwd() / "openlineage.yml",
        transport={"type": "http", "url": collector.url},
        tags={"run": {"environment": "production"}},
        filters=[{"type": "exact", "match": "mix/chat"}],
        facets={"environment_variables": ["TEAM_NAME"]},
    )
    assert send(store).pending == 0
    assert {event["job"]["name"] for event in collector.taken} == {"corpus"}
    facets = collector.taken[0]["run"]["facets"]
    assert {"key": "environment", "value": "production", "source": "USER"} in facets["tags"]["tags"]
    assert facets["environmentVariables"]["environmentVariables"] == [{"name": "TEAM_NAME", "value": "harbour"}]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OPENLINEAGE_URL": f"me:{SECRET}@collector"}, "OPENLINEAGE_URL"),
        ({"OPENLINEAGE__TRANSPORT__TYPE": "http"}, "`url` key not passed"),
        ({"OPENLINEAGE__TRANSPORT__TYPE": "no.such.Transport"}, "Failed to import no.such.Transport"),
        ({"OPENLINEAGE_CONFIG": "/nowhere/openlineage.yml"}, "OPENLINEAGE_CONFIG names /nowhere/openlineage.yml"),
        (
            {
                "OPENLINEAGE__TRANSPORT__TYPE": "http",
                "OPENLINEAGE__TRANSPORT__URL": "http://x.test",
                "OPENLINEAGE__TRANSPORT__AUTH": f'{{"type": "api_key", "apiKey": "{SECRET}"',
            },
            "cannot be used",
        ),
    ],
)
def test_a_configuration_that_cannot_be_used_is_told_without_its_secrets(
    store: Store, monkeypatch: Set, caplog: pytest.LogCaptureFixture, variables: dict[str, str], said: str
) -> None:
    caplog.set_level(logging.INFO)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as problem:
        find_collector()
    assert said in str(problem.value)
    assert deliver(store, deadline=1).error == str(problem.value)
    assert SECRET not in str(problem.value) + caplog.text


def test_a_broken_openlineage_yml_is_told_and_not_taken_for_none(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    (Path.cwd() / "openlineage.yml").write_text(f"transport: {{apiKey: {SECRET}\n")
    with pytest.raises(UsageError, match=r"openlineage\.yml: cannot be read as YAML"):
        find_collector()
    assert SECRET not in caplog.text


def test_variables_without_a_transport_are_no_collector(monkeypatch: Set) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", "http://127.0.0.1:1")
    found = find_collector()
    assert isinstance(found, NoCollector)
    assert not found.wanted
    monkeypatch.delenv("OPENLINEAGE__TRANSPORT__URL")
    assert isinstance(find_collector(), NoCollector)


def test_credentials_are_in_no_address_error_note_or_log(
    store: Store, collector: Collector, monkeypatch: Set, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    address = collector.url.replace("http://", f"http://me:{SECRET}@")
    monkeypatch.setenv("OPENLINEAGE_URL", f"{address}?token={SECRET}")
    monkeypatch.setenv("OPENLINEAGE_API_KEY", f"key-{SECRET}")
    found = find_collector()
    assert isinstance(found, Found)
    assert SECRET not in found.address
    assert found.clean(f"no key-{SECRET} and no {SECRET}") == "no … and no …"
    for mode in ("401", "500", "400", "half"):
        collector.mode = mode
        assert SECRET not in str(send(store))
    port = free_port()
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://me:{SECRET}@127.0.0.1:{port}")
    assert SECRET not in str(send(store))
    files = [path.read_text() for path in (store.root / "lineage").rglob("*") if path.is_file()]
    assert SECRET not in caplog.text + "".join(files)


def test_whether_a_collector_answers_is_asked_without_credentials(collector: Collector, monkeypatch: Set) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
    found = find_collector()
    assert isinstance(found, Found)
    answer = found.reach(3)
    assert answer is not None
    assert answer.reached
    assert collector.offered == []
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{free_port()}")
    gone = find_collector()
    assert isinstance(gone, Found)
    answer = gone.reach(3)
    assert answer is not None
    assert (answer.reached, answer.reason) == (False, "connection refused")
