"""The `anchor` command in the process of a test."""

from __future__ import annotations

import io
import sys
from typing import Protocol

import pytest

from anchor_pipeline import cli


class Run(Protocol):
    """Runs the command: exit code, stdout, stderr."""

    def __call__(self, *arguments: object, stdin: bytes = b"") -> tuple[int, str, str]: ...


@pytest.fixture
def anchor(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command."""

    def run(*arguments: object, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["anchor", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        # What one run sets must not reach the next, as it would not between processes.
        monkeypatch.setenv("DAGSTER_HOME", "")
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run
