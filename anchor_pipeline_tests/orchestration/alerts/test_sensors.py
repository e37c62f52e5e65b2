"""Whoever is responsible hears why a mix was refused, in the words of the verdict, and when it is mended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from anchor_pipeline import steps
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError
from anchor_pipeline.orchestration.alerts.channels import channels
from anchor_pipeline.orchestration.alerts.delivery import deliver_alerts
from anchor_pipeline.orchestration.alerts.documents import Alert, Refusal, alerts, write_alert
from anchor_pipeline.orchestration.build import QUIET
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.documents import project_at
from anchor_pipeline_tests.orchestration import receivers
from anchor_pipeline_tests.projects import PROJECT, small_project

SECRET = "s3cret-in-the-address"


@pytest.fixture(autouse=True)
def no_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEBHOOK", "SLACK_TOKEN", "EMAIL_TO"):
        monkeypatch.delenv(f"ANCHOR_ALERT_{name}", raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(small_project(tmp_path / "project"))


class Watch:
    """The alert sensors of a project as the daemon ticks them."""

    def __init__(self, project: Project, instance: dg.DagsterInstance, key_prefix: tuple[str, ...] = ()) -> None:
        self.project, self.instance = project, instance
        self.definitions = definitions_for(project, key_prefix=key_prefix)
        self.prefix = "_".join((*key_prefix, ""))
        self.cursors: dict[str, str | None] = {}
        self.tick("alert_on_failure")
        self.tick("note_recovery")

    def tick(self, name: str) -> str:
        """Gives what the tick says."""
        repository = self.definitions.get_repository_def()
        cursor = self.cursors.get(name)
        with dg.build_sensor_context(instance=self.instance, cursor=cursor, repository_def=repository) as context:
            data = repository.get_sensor_def(self.prefix + name).evaluate_tick(context)
        self.cursors[name] = data.cursor
        for reaction in data.dagster_run_reactions or []:
            assert reaction.error is None, reaction.error
        return data.skip_message or ""

    def run(self, job: str, *keys: dg.AssetKey) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(self.prefix + job).execute_in_process(
            instance=self.instance,
            partition_key="2020",
            asset_selection=list(keys) or None,
            raise_on_error=False,
            run_config=QUIET,
        )

    @property
    def alerts(self) -> list[Alert]:
        return alerts(Store.at(self.project.store_address))


def test_a_refusal_is_written_down_in_the_words_of_the_verdict_and_its_mending_noted(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANCHOR_UI_URL", "https://dagster.example.org/")
    watch = Watch(project, instance)
    run = watch.run("build_all").run_id
    watch.tick("alert_on_failure")
    (alert,) = watch.alerts
    assert (alert.kind, alert.cycle, alert.stages, alert.errors) == ("refused", "2020", ("lawful", "greedy"), ())
    (refused,) = alert.refused
    verdict = steps.current_verdict(steps.Workplace(project), "greedy", project.calendar.at("2020"))
    blocking = [finding for finding in verdict.findings if finding.refuses]
    assert refused.stage == "greedy"
    assert len(refused.reasons) == len(blocking) > 0
    for reason, finding in zip(refused.reasons, blocking, strict=True):
        assert finding.rule in reason
        assert finding.message in reason
        assert "\n" not in reason
    assert "Traceback" not in str(alert)
    assert alert.run_url == f"https://dagster.example.org/runs/{run}"
    assert Path(str(refused.report)).is_file()
    written = project.store_path / f"alerts/{run}.json"
    assert json.loads(written.read_bytes())["refused"][0]["stage"] == "greedy"
    before = written.read_bytes()
    watch.cursors["alert_on_failure"] = None
    watch.tick("alert_on_failure")
    assert written.read_bytes() == before, "seen again, nothing changes"

    watch.run("build_lawful")
    watch.tick("note_recovery")
    assert watch.alerts[0].recovered_by is None, "another stage does not mend it"
    modest = project_at(project.root, PROJECT.replace("    min_tokens: 40k\n", "").replace("50k", "2k"))
    mended = Watch(modest, instance)
    second = mended.run("build_all")
    assert second.success
    mended.tick("note_recovery")
    assert mended.alerts[0].recovered_by == second.run_id
    assert mended.alerts[0].refused, "what was wrong stays on record"


def test_a_mix_materialised_alone_and_refused_is_told_as_a_refusal(
    project: Project, instance: dg.DagsterInstance
) -> None:
    watch = Watch(project, instance)
    place, cycle = steps.Workplace(project), project.calendar.at("2020")
    steps.plan_all(place, ["greedy"], cycle)
    watch.run("build_greedy", dg.AssetKey(["mix", "greedy"]))
    watch.tick("alert_on_failure")
    (alert,) = watch.alerts
    assert (alert.kind, alert.stages, [one.stage for one in alert.refused]) == ("refused", ("greedy",), ["greedy"])
    assert any("stage_tokens" in reason for reason in alert.refused[0].reasons)


def test_what_breaks_is_told_as_an_error_in_one_line(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(project, instance)

    def broken(*arguments: object) -> None:
        raise AnchorError("step corpus could not be recorded;\nput that right")

    monkeypatch.setattr(steps, "assemble_corpus", broken)
    watch.run("build_lawful")
    watch.tick("alert_on_failure")
    (alert,) = watch.alerts
    assert (alert.kind, alert.refused) == ("error", ())
    assert [(one.step, one.message) for one in alert.errors] == [
        ("corpus", "step corpus could not be recorded; put that right")
    ]


@dg.op
def fails() -> None:
    raise ValueError("of somebody else")


@pytest.mark.parametrize(("job", "tags"), [("nightly", {}), ("build_all", {"anchor/project": "another"})])
def test_runs_of_others_in_the_same_location_are_none_of_our_business(
    project: Project, instance: dg.DagsterInstance, job: str, tags: dict[str, str]
) -> None:
    watch = Watch(project, instance)
    graph = dg.GraphDefinition(name=job, node_defs=[fails])
    graph.to_job(name=job, tags=tags).execute_in_process(instance=instance, raise_on_error=False, run_config=QUIET)
    assert "is not one of small" in watch.tick("alert_on_failure")
    assert watch.alerts == []


def test_runs_from_the_asset_graph_are_ours(project: Project, instance: dg.DagsterInstance) -> None:
    watch = Watch(project, instance, ("team",))
    repository = watch.definitions.get_repository_def()
    job = repository.get_job(repository.get_implicit_asset_job_names()[0])
    mix = dg.AssetKey(["team", "mix", "lawful"])
    result = job.execute_in_process(
        instance=instance, partition_key="2020", asset_selection=[mix], raise_on_error=False, run_config=QUIET
    )
    assert not result.success, "there is no selection yet"
    watch.tick("alert_on_failure")
    (alert,) = watch.alerts
    assert (alert.stages, alert.kind) == (("lawful",), "refused")
    assert "has no selection for 2020" in alert.refused[0].reasons[0]
    record = instance.get_run_by_id(result.run_id)
    assert record is not None
    assert record.tags["anchor/stage"] == "lawful"
    assert record.tags["anchor/cycle"] == "2020"


def example(run: str = "r1", at: datetime | None = None, recovered_by: str | None = None) -> Alert:
    refused = Refusal(stage="greedy", summary="refused: 1 rule fails", reasons=("BLOCKS: stage_tokens: zu wenig · ≥",))
    return Alert(
        project="small", cycle="2020", job="build_all", run=run, at=(at or datetime.now(UTC)).isoformat(),
        kind="refused", stages=("greedy",), refused=(refused,), recovered_by=recovered_by,
    )  # fmt: skip


@pytest.fixture
def web() -> Iterator[receivers.Web]:
    with receivers.web() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_every_channel_is_told_once_of_the_failure_and_once_of_its_end(
    store: Store, web: receivers.Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = receivers.certificate_for_loopback(tmp_path / "certificate.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receivers.mail(certificate) as box:
        for name, value in {
            "WEBHOOK": f"{web.address}/hook/{SECRET}",
            "SLACK_TOKEN": "xoxb-token",
            "SLACK_CHANNEL": "#mixes",
            "SLACK_URL": f"{web.address}/api/",
            "EMAIL_TO": "steward@example.org, team@example.org",
            "EMAIL_FROM": "anchor@example.org",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(box.port),
            "SMTP_PASSWORD": "mail-password",
        }.items():
            monkeypatch.setenv(f"ANCHOR_ALERT_{name}", value)
        write_alert(store, example())
        told = deliver_alerts(store, channels())
        assert (len(told.sent), told.failed) == (3, [])
        assert deliver_alerts(store, channels()).sent == []
        write_alert(store, example(recovered_by="r2"))
        assert len(deliver_alerts(store, channels()).sent) == 3
    hooks = [document for path, _, document in web.posts if path == f"/hook/{SECRET}"]
    assert [one["headline"] for one in hooks] == [
        "small 2020: greedy refused",
        "small 2020: greedy built again, all is well",
    ]
    assert hooks[0]["refused"][0]["reasons"] == ["BLOCKS: stage_tokens: zu wenig · ≥"]
    slack = [
        (authorization, document) for path, authorization, document in web.posts if path == "/api/chat.postMessage"
    ]
    assert slack[0][0] == "Bearer xoxb-token"
    assert slack[0][1]["channel"] == "#mixes"
    assert "stage_tokens: zu wenig · ≥" in slack[0][1]["text"]
    assert [str(one["Subject"]) for one in box.messages] == [one["headline"] for one in hooks]
    assert "stage_tokens: zu wenig · ≥" in box.messages[0].get_content()
    assert box.logins == [("anchor@example.org", "mail-password")] * 2


def test_a_channel_that_is_down_is_told_later_and_keeps_no_other_waiting(
    store: Store, web: receivers.Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANCHOR_ALERT_WEBHOOK", f"{web.address}/{SECRET}")
    monkeypatch.setenv("ANCHOR_ALERT_SLACK_TOKEN", "xoxb-token")
    monkeypatch.setenv("ANCHOR_ALERT_SLACK_CHANNEL", "#mixes")
    monkeypatch.setenv("ANCHOR_ALERT_SLACK_URL", "http://127.0.0.1:9/api/")
    write_alert(store, example())
    web.status = 500
    told = deliver_alerts(store, channels())
    assert told.sent == []
    assert told.failed[0] == "webhook: HTTPError 500"
    assert SECRET not in str(told)
    web.status = 200
    assert deliver_alerts(store, channels()).sent == ["webhook: small 2020: greedy refused"]
    assert deliver_alerts(store, channels()).sent == [], "who was told is not told again because of another"
    assert [path for path, _, _ in web.posts] == [f"/{SECRET}"]


def test_a_half_configured_channel_says_what_it_lacks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANCHOR_ALERT_EMAIL_TO", "steward@example.org")
    write_alert(store, example())
    assert deliver_alerts(store, channels()).failed == ["email: set ANCHOR_ALERT_EMAIL_FROM as well"]


def test_a_new_channel_is_not_flooded_with_the_past(
    store: Store, web: receivers.Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_alert(store, example("old", datetime.now(UTC) - timedelta(days=8)))
    write_alert(store, example("new"))
    store.write("alerts/broken.json", b"{")
    monkeypatch.setenv("ANCHOR_ALERT_WEBHOOK", web.address)
    assert deliver_alerts(store, channels()).sent == ["webhook: small 2020: greedy refused"]


def test_failures_are_always_watched_and_sent_where_a_channel_is_configured(
    project: Project, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def running() -> dict[str, bool]:
        defs = definitions_for(project, key_prefix=())
        return {one.name: one.default_status == dg.DefaultSensorStatus.RUNNING for one in defs.sensors or []}  # type: ignore[union-attr]

    assert running()["alert_on_failure"]
    assert running()["note_recovery"]
    assert not running()["send_alerts"]
    assert "no channel is configured" in Watch(project, instance).tick("send_alerts")
    monkeypatch.setenv("ANCHOR_ALERT_WEBHOOK", "http://127.0.0.1:9/")
    assert running()["send_alerts"]
    assert Watch(project, instance).tick("send_alerts") == "no alerts to send"
