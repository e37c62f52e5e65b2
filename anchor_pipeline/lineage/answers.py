"""What an attempt to deliver an event came to, told by the error that the transport raised."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import requests

Kind = Literal["taken", "refused", "later", "misconfigured"]

_ABOUT_THE_EVENT = {400, 413, 422}
"""Answers that the same event will get for ever. Any other refusal (401, 403, 404, 405, 415 …) is about how, where
or by whom it was sent: that is put right in the configuration, and the event is sent again."""

_NOT_NOW = {408, 425, 429}

_LONGEST = 300


@dataclass(frozen=True)
class Answer:
    """The outcome of one attempt."""

    kind: Kind
    reason: str = ""
    reached: bool = True
    """Somebody answered: the trouble may be with this event alone."""
    wait: float | None = None
    """Seconds for which the collector asked to be left alone."""

    @property
    def settled(self) -> bool:
        """There is nothing left to do about the event."""
        return self.kind in ("taken", "refused")


TAKEN = Answer("taken")


def answer_to(error: Exception, clean: Callable[[str], str]) -> Answer:
    """What the error means for the event. `clean` takes credentials out of a text."""
    answer = _answer_to(error)
    reason = re.sub(r"\s+", " ", clean(answer.reason)).strip()
    return replace(answer, reason=reason if len(reason) <= _LONGEST else reason[:_LONGEST] + "…")


def _answer_to(error: Exception) -> Answer:
    import requests

    from anchor_pipeline.lineage.transports import Redirected, SeveralErrors

    if isinstance(error, SeveralErrors):
        answers = [_answer_to(one) for one in error.errors]
        # One that has to be tried again outweighs one that never will be.
        return min(answers, key=lambda one: ("misconfigured", "later", "refused", "taken").index(one.kind))
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _status(error.response)
    if isinstance(error, Redirected):
        return Answer("misconfigured", f"the collector redirects to {error}; configure that address")
    if isinstance(error, requests.exceptions.RetryError):
        return Answer("later", "the collector answers with server errors")
    if isinstance(error, requests.Timeout):
        return Answer("later", "no answer in time", reached=False)
    if isinstance(error, (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)):
        return Answer("later", "the answer broke off")
    if isinstance(error, requests.ConnectionError):
        return _connection(error)
    if isinstance(error, ValueError):
        # requests' complaints about addresses and headers are ValueErrors.
        return Answer("misconfigured", f"{type(error).__name__}: {error}")
    return Answer("later", f"{type(error).__name__}: {error}", reached=False)


def _status(response: requests.Response) -> Answer:
    status, said = response.status_code, response.text[:_LONGEST]
    reason = f"HTTP {status} {response.reason or ''}".rstrip()
    if status >= 500 or status in _NOT_NOW:
        return Answer("later", reason, wait=_retry_after(response.headers.get("Retry-After")))
    if status in _ABOUT_THE_EVENT:
        return Answer("refused", f"{reason}: {said}" if said else reason)
    return Answer("misconfigured", reason)


def _retry_after(value: str | None) -> float | None:
    """Seconds, from a number or a date (RFC 9110, section 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _connection(error: requests.ConnectionError) -> Answer:
    import ssl

    from urllib3.exceptions import NameResolutionError

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return Answer("later", f"TLS: {cause.reason or 'the connection cannot be made safe'}", reached=False)
        if isinstance(cause, NameResolutionError):
            return Answer("later", "the name of its host cannot be resolved", reached=False)
        if isinstance(cause, ConnectionRefusedError):
            return Answer("later", "connection refused", reached=False)
    # A reset, or an end without an answer: there was somebody, and this event may be why they left.
    if any(isinstance(cause, ConnectionError) for cause in causes):
        return Answer("later", "the connection was dropped")
    os_errors = [cause for cause in causes if isinstance(cause, OSError) and cause.strerror]
    return Answer("later", str(os_errors[-1].strerror) if os_errors else "it cannot be reached", reached=False)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error with all it was made of; libraries put causes into arguments and attributes as well."""
    seen: set[int] = set()
    ahead: list[object] = [error]
    while ahead:
        one = ahead.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        ahead += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
