"""The Compose file and its image: valid for tools that read them, without loose ends, and safe as they are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.workspace.config_schema import ensure_workspace_config

from anchor_pipeline_tests.deploy.commands import understood
from anchor_pipeline_tests.deploy.processes import ROOT

COMPOSE = ROOT / "deploy/compose"
WORKSPACE = "/opt/anchor/workspace.yaml"
OURS = {"migrate", "code", "webserver", "daemon"}


def settings() -> list[str]:
    """The names that .env.example asks for."""
    return re.findall(r"(?m)^([A-Z0-9_]+)=", (COMPOSE / ".env.example").read_text())


def compose() -> str:
    """The Compose file with every setting filled in, as `docker compose config` would do it."""
    text = (COMPOSE / "compose.yaml").read_text()
    for name in settings():
        text = re.sub(rf"\$\{{{name}:\?[^}}]*\}}", f"/value-of-{name}", text)
    return text


def services() -> dict[str, Any]:
    return dict(yaml.safe_load(compose())["services"])


def here(command: list[str]) -> list[str]:
    """A command of the image, with the workspace where it lies in the repository."""
    assert any(line.split() == ["deploy/compose/workspace.yaml", WORKSPACE] for line in dockerfile("COPY"))
    return [str(COMPOSE / "workspace.yaml") if word == WORKSPACE else word for word in command]


def dockerfile(instruction: str) -> list[str]:
    text = (COMPOSE / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"(?m)^{instruction} (.*)$", text)


def test_the_compose_file_holds_to_the_specification() -> None:
    compose_spec = pytest.importorskip("compose_spec")
    # Merge keys are of YAML 1.1: Compose resolves them, this reader wants them resolved.
    read = compose_spec.PyCompose.from_json(json.dumps(yaml.safe_load(compose())))
    assert set(read.service_names()) == {*OURS, "postgres", "objects"}
    with pytest.raises(ValueError, match="healthchek"):
        compose_spec.PyCompose.from_json('{"services": {"one": {"image": "x:1", "healthchek": {}}}}')


def test_every_setting_is_asked_for_and_no_secret_is_written_down() -> None:
    assert "${" not in compose()
    for secret in ("POSTGRES_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"):
        assert f"\n{secret}=\n" in (COMPOSE / ".env.example").read_text()
    for service in services().values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|ACCESS_KEY|POSTGRES_URL", name):
                assert "/value-of-" in value, f"{name} is written down in compose.yaml"
    ignored = (ROOT / "deploy/.gitignore").read_text().splitlines()
    assert ".env" in ignored


def test_services_wait_for_what_they_need() -> None:
    found = services()
    for service in found.values():
        for name, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in found[name], f"{name} is waited for but never says that it is healthy"
    # Two processes that make the tables at once stumble over each other, so one does it before all others.
    assert found["code"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert all("code" in found[name]["depends_on"] for name in ("webserver", "daemon"))


def test_commands_and_health_checks_are_understood_by_dagster() -> None:
    found = services()
    options = understood(here(found["webserver"]["command"]))
    assert (options["host"], options["port"]) == ("0.0.0.0", 3000)
    understood(here(found["daemon"]["command"]))
    understood(found["migrate"]["command"])
    assert understood(found["code"]["healthcheck"]["test"][1:])["port"] == 4000
    understood(found["daemon"]["healthcheck"]["test"][1:])
    (default,) = dockerfile("CMD")
    options = understood(yaml.safe_load(default))
    assert (options["module_name"], options["port"]) == ("anchor_pipeline.definitions", 4000)


def test_the_workspace_names_the_code_server_where_it_listens() -> None:
    path = COMPOSE / "workspace.yaml"
    loaded = ensure_workspace_config(yaml.safe_load(path.read_text()), str(path))
    (server,) = [one["grpc_server"] for one in loaded["load_from"]]  # type: ignore[attr-defined]
    assert (server["host"], server["port"]) == ("code", 4000)


def test_nothing_is_reachable_from_other_machines_and_nothing_of_ours_is_root() -> None:
    for service in services().values():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    assert dockerfile("USER") == ["10001"]
    for name in OURS:
        assert services()[name]["cap_drop"] == ["ALL"]
        assert services()[name]["security_opt"] == ["no-new-privileges:true"]


def test_images_are_pinned() -> None:
    images = [service["image"] for service in services().values()]
    images += [line.split()[0] for line in dockerfile("FROM")]
    for image in images:
        tag = image.rpartition(":")[2]
        assert re.search(r"\d+\.\d+", tag), f"{image} names no version"


def test_the_image_is_made_of_files_that_are_there_and_not_ignored() -> None:
    kept = {line[1:] for line in (COMPOSE / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    copied = set()
    for line in dockerfile("COPY"):
        words = [word for word in line.split() if not word.startswith("--")]
        if "--from" not in line:
            copied |= {word.removeprefix("./") for word in words[:-1]}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint is not installed")
    said = subprocess.run([hadolint, COMPOSE / "Dockerfile"], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout
