"""Which errors of disks, networks and storages may be gone when the same thing is tried again."""

from __future__ import annotations

import errno

from anchor_pipeline.errors import Unavailable

_NUMBERS = {
    getattr(errno, name)
    for name in (
        "EIO", "EAGAIN", "EINTR", "EBUSY", "ESTALE", "EREMOTEIO", "EPIPE", "ETIMEDOUT", "ECONNABORTED", "ECONNREFUSED",
        "ECONNRESET", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETRESET", "ENETUNREACH",
    )
    if hasattr(errno, name)
}  # fmt: skip
"""Not among them: a full disk, a file that is not there, a right that is missing. Waiting does not mend those."""

_CLASSES = {
    "aiohttp.client_exceptions.ClientConnectionError",
    "botocore.exceptions.ConnectionError",
    "botocore.exceptions.HTTPClientError",
    "requests.exceptions.ConnectionError",
    "requests.exceptions.Timeout",
    "urllib3.exceptions.HTTPError",
}
"""By name, so that nothing needs to be imported (or installed) to tell."""


def is_transient(error: BaseException) -> bool:
    """Whether the error is one of input or output that may pass.

    Never true of refusals, wrong declarations, damaged data and bugs: to try those again would only delay the answer.
    Most broken Parquet files are an OSError without a number, and so are not transient.
    """
    if isinstance(error, Unavailable) and error.__cause__ is not None:
        return is_transient(error.__cause__)
    if isinstance(error, (Unavailable, ConnectionError, TimeoutError)):
        return True
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return True
    return any(f"{kind.__module__}.{kind.__qualname__}" in _CLASSES for kind in type(error).__mro__)
