"""Which commit a declaration is from, where git says so; nothing is guessed.

Known only if project.yaml is tracked, is as the commit has it, and the repository has a remote `origin` that is an
address. `git` itself is asked, as it alone knows worktrees, filters and what counts as changed; without it, or if it
takes longer than a moment, nothing is known.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from anchor_pipeline.observer import CodeLocation

_SECONDS = 5
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SCP = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?P<path>[^/].*)")
"""user@host:path, git's other spelling of ssh://user@host/path (gitrepository-layout; git-clone(1), "GIT URLS")."""
_SCHEMES = ("https", "http", "ssh", "git")
_URI = re.compile(r"[A-Za-z0-9._~:/@!$&'()*+,;=%-]+")


def code_location(declaration: Path) -> CodeLocation | None:
    """The commit that the file at `declaration` is from; None if that is not known for certain."""
    folder = declaration.absolute().parent
    if not any((above / ".git").exists() for above in (folder, *folder.parents)):
        return None
    path = _git(folder, "ls-files", "--full-name", "--error-unmatch", "--", declaration.name)
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not path or "\n" in path or commit is None or _COMMIT.fullmatch(commit) is None:
        return None
    if _git(folder, "status", "--porcelain", "--", declaration.name) != "":
        return None
    url = _address(_git(folder, "remote", "get-url", "origin") or "")
    return None if url is None else CodeLocation(url, commit, path)


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers; None if it does not know."""
    # A file system monitor is a program that the repository names: a declaration is no reason to run it.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *arguments]
    # Variables of a hook that we may be run from would make it look at another repository.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        asked = subprocess.run(command, cwd=folder, env=clean, capture_output=True, timeout=_SECONDS, check=False)
        return asked.stdout.decode().strip() if asked.returncode == 0 else None
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None


def _address(remote: str) -> str | None:
    """The remote as a URL without user, password and query; None if it is a folder, or nothing that can be one."""
    scp = _SCP.fullmatch(remote)
    if scp is not None and "://" not in remote:
        remote = f"ssh://{scp['host']}/{scp['path']}"
    try:
        parts = urlsplit(remote)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            return None
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    url = f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
    return url if _URI.fullmatch(url) else None
