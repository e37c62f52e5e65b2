"""Where data lies: a local path, or any URL that fsspec knows. Credentials never stand in an address.

They come from the environment (AWS_*, FSSPEC_<PROTOCOL>_<OPTION>, a cloud's own variables), so that no record,
message or manifest can give them away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

_CONTAINER_AS_USER = {"abfs", "abfss", "wasb", "wasbs"}
"""Azure's schemes write container@account where others write user@host."""

_USER = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://)[^/\s@'\"]{0,1000}@", re.IGNORECASE)
_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s?'\"]{0,1000})\?[^\s'\"<>)]*", re.IGNORECASE)
_SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASSW|CREDENTIAL|CONNECTION_STRING|SIGNATURE", re.IGNORECASE)
_SHORTEST_SECRET = 8
"""Shorter values of the environment are not taken for secrets: they would stand in any text."""


def is_url(address: str) -> bool:
    """Whether the address is a URL, and not a path of this machine."""
    return "://" in address


def local_path(address: str) -> Path | None:
    """The path that a `file://` URL stands for; None for other URLs."""
    parts = urlsplit(address)
    return Path(unquote(parts.path)) if parts.scheme in ("file", "local") and not parts.netloc else None


def check_store(address: str) -> str:
    """The address of a store, as it is; ValueError if a store cannot be there, or it holds credentials."""
    if not is_url(address):
        return address
    if "::" in address:
        raise ValueError("chained URLs (a::b) cannot hold a store; name the folder or bucket itself")
    parts = urlsplit(address)
    user, at, _ = parts.netloc.rpartition("@")
    if (at and (parts.scheme not in _CONTAINER_AS_USER or ":" in user)) or parts.query or parts.fragment:
        raise ValueError(
            "the URL of a store holds no user, password, `?` or `#`; give credentials in the environment: AWS_* "
            "variables for s3://, or FSSPEC_<PROTOCOL>_<OPTION>, such as FSSPEC_S3_ENDPOINT_URL"
        )
    return address


def without_credentials(address: str) -> str:
    """A URL without user, password, query (signatures) and fragment; a path as it is."""
    if not is_url(address):
        return address
    parts = urlsplit(address)
    user, _, host = parts.netloc.rpartition("@")
    if user and parts.scheme in _CONTAINER_AS_USER:
        host = f"{user.partition(':')[0]}@{host}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def redacted(text: str, environment: Mapping[str, str] | None = None) -> str:
    """What an error of a storage library says, without credentials: those of URLs, and those of the environment."""
    text = _QUERY.sub(r"\1", _USER.sub(r"\1", text))
    for name, value in (os.environ if environment is None else environment).items():
        if len(value) >= _SHORTEST_SECRET and _SECRET_NAME.search(name):
            text = text.replace(value, "…")
    return text
