"""What may pass is tried again; what cannot pass by waiting is not."""

from __future__ import annotations

import errno

import aiohttp
import botocore.exceptions
import pytest

from anchor_pipeline.corpus.transient import is_transient
from anchor_pipeline.errors import AnchorError, DamagedData, DeclarationError, Problem, Refused, Unavailable, UsageError


def caused_by(cause: Exception) -> Unavailable:
    error = Unavailable("corpus cannot be written")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("the bucket does not answer"),
        caused_by(OSError(errno.EIO, "input/output error")),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        TimeoutError("too slow"),
        OSError(errno.ESTALE, "stale file handle"),
        botocore.exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        botocore.exceptions.ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
        aiohttp.ServerDisconnectedError(),
    ],
    ids=repr,
)
def test_input_and_output_are_tried_again(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        Refused("3 of 16 rules fail"),
        DeclarationError([Problem("project.yaml", 3, "unknown key")]),
        UsageError("no such stage"),
        DamagedData("corpus/2020 is altered"),
        AnchorError("step could not be recorded"),
        caused_by(OSError(errno.ENOSPC, "no space left on device")),
        FileNotFoundError(errno.ENOENT, "not there"),
        PermissionError(errno.EACCES, "denied"),
        OSError(errno.ENOSPC, "no space left on device"),
        OSError("Couldn't deserialize thrift"),
        botocore.exceptions.NoCredentialsError(),
        KeyError("a bug"),
        AssertionError("a bug"),
        MemoryError(),
    ],
    ids=repr,
)
def test_nothing_else_is(error: Exception) -> None:
    assert not is_transient(error)
