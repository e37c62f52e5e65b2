"""Names of datasets in events, after OpenLineage's naming conventions, and text without secrets.

https://openlineage.io/docs/spec/naming: a dataset is (namespace, name); for object stores the namespace is
scheme://authority and the name the key. What lies in the store, or in the project's own folder, is named relative
to the project (`anchor://<project>`): such names are the same on every machine, and two projects never share one.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

_LOCAL = {"", "file", "local"}
_CONTAINER_AS_USER = {"abfs", "abfss", "wasb", "wasbs"}
"""Azure's schemes write container@account where others write user@host."""

# Lengths are bounded so that a long message costs its length, not the square of it.
_URL = r"(\b[a-z][a-z0-9+.-]{0,20}://"
_USER = re.compile(_URL + r")[^/\s@'\"]{0,1000}@", re.IGNORECASE)
_QUERY = re.compile(_URL + r"[^\s?'\"]{0,1000})\?[^\s'\"<>)]*", re.IGNORECASE)
_SETTING = re.compile(
    r"((?:password|passwd|secret|token|api_?key|account_?key|access_?key|signature|sig)=)[^\s&;'\",)]+", re.IGNORECASE
)


def namespace_of(project: str) -> str:
    """Where the jobs and datasets of a project are named."""
    return f"anchor://{quote(project, safe='')}"


def dataset_of(name: str, uri: str | None, project: str) -> tuple[str, str]:
    """Namespace and name of a dataset; `uri` is a path or fsspec URL, chained ones (a::b) too.

    Remote: scheme and host without user and password, and the path without its query (signatures stand there).
    """
    *inner, outer = (uri or "").split("::")
    parts = urlsplit(outer)
    if parts.scheme in _LOCAL or "://" not in outer:
        return namespace_of(project), name
    user, _, host = parts.netloc.rpartition("@")
    if user and parts.scheme in _CONTAINER_AS_USER:
        host = f"{user.partition(':')[0]}@{host}"
    path = parts.path.lstrip("/") or "/"
    # The innermost file stands first in a chain: zip://a.txt::s3://bucket/x.zip is a.txt in x.zip.
    members = [member.partition("://")[2].partition("?")[0] for member in reversed(inner)]
    return f"{parts.scheme}://{host}", "!/".join([path, *filter(None, members)])


def without_secrets(text: str) -> str:
    """The text without users and passwords in URLs, without their queries, and without values of key=… settings."""
    return _SETTING.sub(r"\1…", _QUERY.sub(r"\1?…", _USER.sub(r"\1", text)))
