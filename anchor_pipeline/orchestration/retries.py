"""What becomes of an error in a step: input and output are tried again, everything else is told at once.

@dg.asset(...)
@guarded
def release_mix(context): ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

import dagster as dg

from anchor_pipeline.corpus.snapshot import SourceSnapshot
from anchor_pipeline.corpus.transient import is_transient
from anchor_pipeline.errors import AnchorError
from anchor_pipeline.ingest.files import NOT_FETCHED, NOT_LISTED
from anchor_pipeline.orchestration.context import Context
from anchor_pipeline.project.addresses import redacted

POLICY = dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Three more attempts, after 0 to 20, 20 to 40 and 60 to 80 seconds. The jitter keeps the steps of many runs from
coming back all at once to a storage that has just recovered."""

_attempts_left: ContextVar[bool] = ContextVar("attempts_left", default=False)

Body = TypeVar("Body", bound=Callable[..., Any])


def guarded(body: Body) -> Body:
    """The body of an asset or check whose errors are handled as this module says."""
    if inspect.isgeneratorfunction(body):

        @wraps(body)
        def stepwise(context: Context) -> Iterator[Any]:
            with _telling(context):
                yield from body(context)

        return stepwise  # type: ignore[return-value]

    @wraps(body)
    def whole(context: Context) -> Any:
        with _telling(context):
            return body(context)

    return whole  # type: ignore[return-value]


@contextmanager
def _telling(context: Context) -> Iterator[None]:
    _attempts_left.set(context.retry_number < POLICY.max_retries)
    try:
        yield
    except Exception as error:
        if is_retried(error):
            context.log.warning("%s: %s; trying again", type(error).__name__, redacted(str(error)))
            raise _again(context) from error
        if isinstance(error, AnchorError):
            # Its message is a finished sentence: nobody needs the stack trace, and no retry can change it.
            raise dg.Failure(description=str(error), allow_retries=False) from error
        raise
    finally:
        _attempts_left.set(False)


def is_retried(error: Exception) -> bool:
    """Whether `guarded` tries this again. Who catches errors in a guarded body lets such a one pass."""
    return _attempts_left.get() and is_transient(error)


def retry_unfetched(context: Context, snapshot: SourceSnapshot) -> None:
    """Ask for another attempt if raw files could not be listed or fetched.

    A source that cannot be reached is no error of the ingest: it is recorded, and the verdict refuses what depends on
    it. But first it is tried again. Raises RetryRequested.
    """
    missing = [one.message for one in snapshot.unreadable if NOT_LISTED in one.message or NOT_FETCHED in one.message]
    if missing and _attempts_left.get():
        context.log.warning("%s; trying again", "; ".join(missing[:3]))
        raise _again(context)


def _again(context: Context) -> dg.RetryRequested:
    wait = POLICY.calculate_delay(context.retry_number + 1)
    return dg.RetryRequested(max_retries=POLICY.max_retries, seconds_to_wait=wait)
