"""The commit of a declaration: told where git knows it, and never guessed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from anchor_pipeline.lineage.code_location import code_location
from anchor_pipeline.observer import CodeLocation


def git(folder: Path, *arguments: str) -> str:
    name = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    done = subprocess.run(["git", *arguments], cwd=folder, env=os.environ | name, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    """A committed declaration in a repository with a remote."""
    path = tmp_path / "mixes" / "ä" / "project.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("project: x\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "remote", "add", "origin", "https://me:hunter2@git.example.org:8443/team/mixes.git?x=hunter2")
    return path


def test_a_committed_declaration_names_its_commit_without_secrets(declared: Path, tmp_path: Path) -> None:
    assert code_location(declared) == CodeLocation(
        "https://git.example.org:8443/team/mixes.git", git(tmp_path, "rev-parse", "HEAD"), "mixes/ä/project.yaml"
    )


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("git@git.example.org:team/mixes.git", "ssh://git.example.org/team/mixes.git"),
        ("ssh://git@git.example.org/team/mixes.git", "ssh://git.example.org/team/mixes.git"),
        ("/srv/mixes.git", None),
        ("file:///srv/mixes.git", None),
        ("../mixes.git", None),
        ("https://", None),
        ("https://host:port/x", None),
        ("https://git.example.org/with space", None),
    ],
)
def test_only_a_remote_that_is_an_address_counts(declared: Path, remote: str, url: str | None) -> None:
    git(declared.parent, "remote", "set-url", "origin", remote)
    found = code_location(declared)
    assert (found.url if found else None) == url


def test_what_git_does_not_know_for_certain_is_not_told(declared: Path, tmp_path: Path) -> None:
    declared.write_text("project: y\n")
    assert code_location(declared) is None, "changed since the commit"
    git(tmp_path, "add", ".")
    assert code_location(declared) is None, "staged"
    git(tmp_path, "commit", "-q", "-m", "second")
    assert code_location(declared) is not None
    other = declared.with_name("other.yaml")
    other.write_text("project: z\n")
    assert code_location(other) is None, "untracked"
    git(tmp_path, "remote", "remove", "origin")
    assert code_location(declared) is None, "no remote"


def test_without_a_repository_or_git_nothing_is_known(
    tmp_path: Path, declared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert code_location(declared) is None
    assert code_location(Path("/project.yaml")) is None


def test_variables_of_a_hook_do_not_lead_elsewhere(
    declared: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    git(elsewhere, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(elsewhere / ".git"))
    assert code_location(declared) is not None


def test_a_repository_that_names_a_program_does_not_have_it_run(declared: Path, tmp_path: Path) -> None:
    program = tmp_path / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(program))
    assert code_location(declared) is not None
    assert not (tmp_path / "ran").exists()
