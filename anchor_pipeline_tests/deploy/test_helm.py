"""The values for the official chart: what the chart makes of them is accepted by Dagster and by Kubernetes' own models.

No helm is needed. The keys are those of the chart's schema (dagster 1.13, helm/dagster/values.schema.json); the chart
turns them into dagster.yaml key by key, from camelCase to snake_case, and so does `instance` below.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from anchor_pipeline_tests.deploy.commands import understood
from anchor_pipeline_tests.deploy.processes import ROOT

CHART_KEYS = {
    "additionalInstanceConfig", "busybox", "computeLogManager", "concurrency", "dagster-user-deployments",
    "dagsterDaemon", "dagsterWebserver", "flower", "generateCeleryConfigSecret", "generatePostgresqlPasswordSecret",
    "global", "imagePullSecrets", "ingress", "migrate", "postgresql", "pythonLogs", "rabbitmq", "redis", "retention",
    "runLauncher", "scheduler", "serviceAccount", "telemetry",
}  # fmt: skip
DEPLOYMENT_KEYS = {
    "affinity", "annotations", "codeServerArgs", "dagsterApiGrpcArgs", "env", "envConfigMaps", "envSecrets", "image",
    "includeConfigInLaunchedRuns", "labels", "livenessProbe", "name", "nodeSelector", "podSecurityContext", "port",
    "readinessProbe", "resources", "schedulerName", "securityContext", "startupProbe", "tolerations", "volumeMounts",
    "volumes",
}  # fmt: skip


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "deploy/helm/values.yaml").read_text()))


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "dagster.yaml").read_text()))


def snake(value: Any) -> Any:
    """Keys as dagster.yaml writes them; the tag limits keep theirs, as the chart passes them on."""
    if isinstance(value, dict):
        keep = "applyLimitPerUniqueValue"
        return {
            key if key == keep else re.sub("(?<=[a-z])([A-Z])", lambda m: "_" + m[1].lower(), key): snake(one)
            for key, one in value.items()
        }
    return [snake(one) for one in value] if isinstance(value, list) else value


def without(settings: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in keys}


def test_only_keys_of_the_chart_are_used(values: dict[str, Any]) -> None:
    assert set(values) <= CHART_KEYS
    for deployment in values["dagster-user-deployments"]["deployments"]:
        assert set(deployment) <= DEPLOYMENT_KEYS
        assert {"name", "image", "port"} <= set(deployment)


def test_the_dagster_yaml_of_the_chart_is_accepted_by_dagster(values: dict[str, Any], tmp_path: Path) -> None:
    instance = {
        "concurrency": snake(without(values["concurrency"], "enabled")),
        "run_monitoring": snake(values["dagsterDaemon"]["runMonitoring"]),
        "run_retries": snake(values["dagsterDaemon"]["runRetries"]),
        "sensors": snake(values["dagsterDaemon"]["sensors"]),
        "schedules": snake(values["dagsterDaemon"]["schedules"]),
        "retention": snake(without(values["retention"], "enabled")),
        "telemetry": values["telemetry"],
        "run_coordinator": {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator", "config": {}},
    }
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(instance))
    dagster_instance_config(str(tmp_path))


def test_limits_and_retries_are_those_of_our_dagster_yaml(values: dict[str, Any], ours: dict[str, Any]) -> None:
    daemon = values["dagsterDaemon"]
    assert snake(without(values["concurrency"], "enabled")) == ours["concurrency"]
    assert snake(daemon["runRetries"]) == ours["run_retries"]
    assert snake(daemon["sensors"]) == ours["sensors"]
    assert snake(daemon["schedules"]) == ours["schedules"]
    # The chart knows no max_runtime_seconds; Kubernetes tells Dagster when a pod has died.
    monitoring = without(ours["run_monitoring"], "max_runtime_seconds")
    assert monitoring.items() <= snake(daemon["runMonitoring"]).items()


def test_pods_of_builds_are_accepted_by_the_models_of_kubernetes(values: dict[str, Any]) -> None:
    pytest.importorskip("dagster_k8s")
    from dagster_k8s.container_context import K8sContainerContext

    (deployment,) = values["dagster-user-deployments"]["deployments"]
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    passed_on = ("volumes", "volumeMounts", "resources", "securityContext")
    config = {
        "env_secrets": [one["name"] for one in deployment["envSecrets"]],
        "env_vars": [f"{name}={value}" for name, value in deployment["env"].items()],
        "run_k8s_config": snake_keys(launcher["runK8sConfig"]),
        **{snake_name(key): deployment[key] for key in passed_on},
    }
    K8sContainerContext.create_from_config({"k8s": config})
    with pytest.raises(Exception, match="mountPth"):
        K8sContainerContext.create_from_config({"k8s": {"volume_mounts": [{"name": "x", "mountPth": "/x"}]}})


def snake_name(key: str) -> str:
    return str(*snake({key: None}))


def snake_keys(settings: dict[str, Any]) -> dict[str, Any]:
    """Only the outer keys: inside stand keys of Kubernetes."""
    return {snake_name(key): value for key, value in settings.items()}


def test_the_code_server_is_started_with_options_that_it_knows(values: dict[str, Any]) -> None:
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    options = understood(
        [
            "dagster",
            "code-server",
            "start",
            "-h",
            "0.0.0.0",
            "-p",
            str(deployment["port"]),
            *deployment["codeServerArgs"],
        ]
    )
    assert options["module_name"] == "anchor_pipeline.definitions"
    assert options["location_name"] == deployment["name"], "the chart calls the location as it calls the deployment"


def test_all_three_run_one_pinned_image_and_none_as_root(values: dict[str, Any]) -> None:
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    parts = [deployment, values["dagsterWebserver"], values["dagsterDaemon"]]
    assert len({(part["image"]["repository"], part["image"]["tag"]) for part in parts}) == 1
    assert re.fullmatch(r"\d+\.\d+\.\d+", deployment["image"]["tag"])
    for part in parts:
        assert part["podSecurityContext"]["runAsNonRoot"] is True
        assert part["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    webserver = values["dagsterWebserver"]
    assert webserver["service"]["port"] == webserver["readinessProbe"]["httpGet"]["port"] > 1024


def test_the_tables_are_migrated_before_a_new_version_and_no_secret_stands_in_the_file(values: dict[str, Any]) -> None:
    assert values["migrate"]["enabled"]
    text = (ROOT / "deploy/helm/values.yaml").read_text()
    assert "postgresqlPassword:" not in text
    assert values["generatePostgresqlPasswordSecret"] is False
    assert values["global"]["postgresqlSecretName"]
