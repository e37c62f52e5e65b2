"""Errors of fsspec file systems as sentences a person can act on, without the credentials that they may quote."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from anchor_pipeline.errors import AnchorError, Unavailable, UsageError
from anchor_pipeline.project.addresses import redacted

_EXTRAS = {"s3fs": "pip install 'anchor-pipeline[s3]'"}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError"}


@contextmanager
def reaching(place: str, doing: str) -> Iterator[None]:
    """Whatever the storage library raises becomes an AnchorError naming `place`.

    FileNotFoundError and FileExistsError pass: they are answers. A place that cannot be reached is `Unavailable`.
    The original is not kept as a cause: a log that prints causes would print what it quotes.
    """
    try:
        yield
    except (AnchorError, FileNotFoundError, FileExistsError):
        raise
    except Exception as error:  # each file system has errors of its own
        raise storage_error(error, place, doing) from None


def storage_error(error: Exception, place: str, doing: str) -> AnchorError:
    """What to tell of an error that came up while `doing` something (read, written, listed) with `place`."""
    kind, text = type(error).__name__, redacted(str(error)).strip()
    said = f"{kind}: {text}" if text else kind
    if isinstance(error, ImportError):
        library = next((name for name in _EXTRAS if name in text), None)
        advice = _EXTRAS[library] if library else "install the fsspec file system for it"
        return UsageError(f"{place}: nothing is installed that can read this kind of URL ({text}); {advice}")
    if isinstance(error, PermissionError) or kind in _NO_CREDENTIALS:
        return UsageError(
            f"{place}: could not be {doing}, access was denied ({said}); give credentials in the environment that may "
            "read, list and write there"
        )
    if isinstance(error, FileNotFoundError):
        return UsageError(f"{place}: could not be {doing}, there is no such bucket ({said}); create or correct it")
    if (isinstance(error, ValueError) and not isinstance(error, OSError)) or kind == "ParamValidationError":
        return UsageError(f"{place}: is no address that the storage understands ({said}); correct it")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Unavailable(f"{place}: could not be {doing}, the disk of the cache is full; make room, and run it again")
    return Unavailable(
        f"{place}: could not be {doing} ({said}); check the network and the storage, and run it again: nothing is "
        "half done"
    )
