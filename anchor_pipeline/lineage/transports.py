"""openlineage-python's own transports, set up so that each event is known to have arrived or not.

Its HTTP transport tries again by itself for half a minute, its asynchronous one reports nothing back, and its
composite one is content when one of several collectors has the event. Delivery from an outbox needs the outcome of
each event within a time, from every collector, and keeps the order; so they try once, at once, and all must succeed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import attr
from openlineage.client.transport import get_default_factory
from openlineage.client.transport.composite import CompositeTransport
from openlineage.client.transport.datadog import DatadogConfig, DatadogTransport
from openlineage.client.transport.factory import DefaultTransportFactory
from openlineage.client.transport.http import HttpConfig, HttpTransport
from openlineage.client.transport.transform import TransformConfig, TransformTransport
from openlineage.client.transport.transport import Transport
from requests.exceptions import ChunkedEncodingError

from anchor_pipeline.lineage.naming import without_secrets

if TYPE_CHECKING:
    from openlineage.client.client import Event
    from requests import Response

_ONCE = {"total": 0}


class SeveralErrors(Exception):
    """What several collectors answered."""

    def __init__(self, errors: list[Exception]) -> None:
        self.errors = errors
        super().__init__("; ".join(str(error) for error in errors))


class Redirected(Exception):
    """The collector sent the event elsewhere in a way that turns a POST into a GET, so that it is lost on the way."""


class Http(HttpTransport):
    """One attempt per event."""

    def __init__(self, config: HttpConfig) -> None:
        super().__init__(attr.evolve(config, retry=_ONCE))

    def emit(self, event: Event) -> Response:
        """Send the event. Raises what `requests` raises, or Redirected."""
        response = super().emit(event)
        if not response.headers:
            # http.client takes an answer that ends within its first line for a whole one.
            raise ChunkedEncodingError("the answer broke off within its headers")
        if any(step.status_code in (301, 302, 303) for step in response.history):
            raise Redirected(without_secrets(response.url))
        return response


class Every(CompositeTransport):
    """Several collectors, all of which have to take an event (with `continue_on_success: false`: one of them)."""

    @cached_property
    def transports(self) -> list[Transport]:
        """The collectors, each set up as above."""
        declared = self.config.transports
        if isinstance(declared, dict):
            declared = [{**config, "name": name} for name, config in declared.items() if config]
        made = [factory().create(dict(config)) for config in declared]
        return sorted(made, key=lambda one: -one.priority) if self.config.sort_transports else made

    def emit(self, event: Event) -> None:
        """Offer the event to each. SeveralErrors if it has to be offered again."""
        errors: list[Exception] = []
        for transport in self.transports:
            try:
                transport.emit(event)
            except Exception as error:
                errors.append(error)
            else:
                if not self.config.continue_on_success:
                    return
        if errors:
            raise SeveralErrors(errors)


class Transformed(TransformTransport):
    """An event is changed on its way."""

    def __init__(self, config: TransformConfig) -> None:
        super().__init__(attr.evolve(config, transport={"type": "noop"}))
        self.transport = factory().create(dict(config.transport))


class Datadog(DatadogTransport):
    """One attempt per event, never in the background."""

    def __init__(self, config: DatadogConfig) -> None:
        super().__init__(attr.evolve(config, retry=_ONCE, async_transport_rules={}))


def factory() -> DefaultTransportFactory:
    """Makes the transports above where the configuration names the usual ones; others as they are."""
    made = DefaultTransportFactory()
    made.transports = {
        **get_default_factory().transports,
        "http": Http,
        "async_http": Http,
        "composite": Every,
        "transform": Transformed,
        "datadog": Datadog,
    }
    return made


def ends(transport: Transport) -> Iterator[Transport]:
    """The transports that events leave by."""
    if isinstance(transport, CompositeTransport):
        for one in transport.transports:
            yield from ends(one)
    elif isinstance(transport, TransformTransport):
        yield from ends(transport.transport)
    elif isinstance(transport, DatadogTransport):
        yield transport.http
    else:
        yield transport


def address(transport: Transport) -> str:
    """Where the events go, without credentials."""
    return ", ".join(_address(one) for one in ends(transport))


def _address(transport: Transport) -> str:
    if isinstance(transport, HttpTransport):
        return without_secrets(urljoin(transport.url, transport.endpoint))
    config: Any = getattr(transport, "config", None)
    topic, path = getattr(transport, "topic", None), getattr(config, "log_file_path", None)
    place = f"topic {topic}" if topic else path
    return f"{transport.kind} {without_secrets(str(place))}" if place else str(transport.kind)


def reach(transport: Transport, seconds: float) -> None:
    """Ask each HTTP collector for any answer at all. Raises what `requests` raises."""
    for one in ends(transport):
        if isinstance(one, HttpTransport):
            url, cert = urljoin(one.url, one.endpoint), one.cert
            one.session.head(url, timeout=seconds, verify=one.verify, cert=cert, allow_redirects=False).close()


def can_be_reached(transport: Transport) -> bool:
    """Whether `reach` says anything about it."""
    return any(isinstance(one, HttpTransport) for one in ends(transport))
