"""The collector that openlineage-python's own configuration names.

OPENLINEAGE_URL, OPENLINEAGE__TRANSPORT__…, openlineage.yml (at OPENLINEAGE_CONFIG, in the working folder, in
~/.openlineage) and OPENLINEAGE_DISABLED, as https://openlineage.io/docs/client/python tells; the filters, tags and
facets that are configured there hold as well.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from anchor_pipeline.errors import UsageError
from anchor_pipeline.lineage.answers import TAKEN, Answer, answer_to
from anchor_pipeline.lineage.naming import without_secrets

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient

_log = logging.getLogger(__name__)

_SECRET = re.compile(r"key|token|secret|password|passwd|auth|credential|header", re.IGNORECASE)


@dataclass(frozen=True)
class NoCollector:
    """Nothing is to be delivered."""

    reason: str
    wanted: bool
    """It was switched off on purpose."""


class Collector:
    """Where events are delivered."""

    def __init__(self, client: OpenLineageClient) -> None:
        from anchor_pipeline.lineage.transports import address

        self.client = client
        self.kind = str(client.transport.kind)
        self.address = address(client.transport)
        variables = [os.environ.get(name) for name in ("OPENLINEAGE_URL", "OPENLINEAGE_API_KEY", "DD_API_KEY")]
        known = {*_secrets(client.config.transport), *_secrets(variables[:1]), *filter(None, variables[1:])}
        self._secrets = sorted(known, key=len, reverse=True)

    def send(self, event: dict[str, Any], seconds: float) -> Answer:
        """Offer a recorded event, once, and wait for so long at most. Does not raise."""
        from anchor_pipeline.lineage.recorded import as_run_event

        try:
            emitted = as_run_event(event)
        except (KeyError, TypeError, ValueError) as error:
            return Answer("refused", f"the record is not an OpenLineage run event ({type(error).__name__}: {error})")
        return self._within(seconds, lambda: self.client.emit(emitted))

    def reach(self, seconds: float) -> Answer | None:
        """Whether it answers at all; None where that cannot be asked."""
        from anchor_pipeline.lineage.transports import can_be_reached, reach

        if not can_be_reached(self.client.transport):
            return None
        return self._within(seconds, lambda: reach(self.client.transport, seconds))

    def close(self) -> None:
        """Give connections back."""
        try:
            self.client.close(0)
        except Exception as error:
            _log.debug("closing the OpenLineage transport: %s", self.clean(str(error)))

    def clean(self, text: str) -> str:
        """The text without anything secret of the configuration."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return without_secrets(text)

    def _within(self, seconds: float, call: Callable[[], object]) -> Answer:
        # Transports limit the time between two bytes, or nothing at all. A thread that is left behind holds
        # nothing but its connection; should the event arrive after all, it arrives twice.
        answers: list[Answer] = []

        def work() -> None:
            try:
                call()
            except Exception as error:
                answers.append(answer_to(error, self.clean))
            else:
                answers.append(TAKEN)

        thread = threading.Thread(target=work, name="lineage-send", daemon=True)
        thread.start()
        thread.join(seconds)
        return answers[0] if answers else Answer("later", "no answer in time", reached=False)


def find_collector() -> Collector | NoCollector:
    """The configured collector. UsageError if the configuration cannot be used."""
    if os.environ.get("OPENLINEAGE_DISABLED", "").lower().strip() == "true":
        return NoCollector("delivery is switched off (OPENLINEAGE_DISABLED)", wanted=True)
    if not _mentioned():
        return NoCollector("no collector is configured (OPENLINEAGE_URL or openlineage.yml)", wanted=False)
    client = _client()
    if not (client.config.transport or {}).get("type") and not os.environ.get("OPENLINEAGE_URL"):
        return NoCollector("the OpenLineage configuration names no transport type and no OPENLINEAGE_URL", wanted=False)
    if client.transport.kind == "noop":
        return NoCollector("delivery is switched off (transport type noop)", wanted=True)
    return Collector(client)


def _mentioned() -> bool:
    """Whether there is any configuration; saves the import of the library where there is none."""
    if any(name.startswith("OPENLINEAGE_") and value for name, value in os.environ.items()):
        return True
    return any((folder / "openlineage.yml").is_file() for folder in (Path.cwd(), Path.home() / ".openlineage"))


def _client() -> OpenLineageClient:
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.http import HttpTransport

    from anchor_pipeline.lineage.transports import Http, factory

    named = os.environ.get("OPENLINEAGE_CONFIG")
    if named and not os.access(named, os.R_OK):
        raise UsageError(f"OPENLINEAGE_CONFIG names {named}, which cannot be read; correct or unset it")
    with _as_it_was(), _silent() as said:
        try:
            client = OpenLineageClient(factory=factory())
            if type(client.transport) is HttpTransport:
                # Of OPENLINEAGE_URL alone, which does not pass through the factory.
                client.transport = Http(client.transport.config)
        except Exception as error:
            # Other kinds of errors quote values, which may be credentials.
            harmless = isinstance(error, (RuntimeError, KeyError, ImportError))
            detail = f": {without_secrets(str(error))}" if harmless else ""
            raise UsageError(
                f"the OpenLineage configuration cannot be used ({type(error).__name__}{detail}); check "
                "OPENLINEAGE_URL (such as https://collector.example:5000), OPENLINEAGE__… and openlineage.yml"
            ) from None
    if any("content of the OpenLineage config file" in message for message in said):
        raise UsageError(f"{named or 'openlineage.yml'}: cannot be read as YAML; correct it")
    return client


@contextmanager
def _as_it_was() -> Iterator[None]:
    """The library adds variables to the environment for itself; child processes need not inherit keys twice."""
    before = set(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - before:
            if name.startswith("OPENLINEAGE__"):
                os.environ.pop(name, None)


@contextmanager
def _silent() -> Iterator[list[str]]:
    """What the library would log while it reads its configuration; it quotes values there, keys among them."""
    said: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        said.append(str(record.msg))
        return False

    logger = logging.getLogger("openlineage.client.client")
    logger.addFilter(keep)
    try:
        yield said
    finally:
        logger.removeFilter(keep)


def _secrets(node: object, inside: bool = False) -> Iterator[str]:
    """Values of a configuration that must not be shown."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _secrets(value, inside or bool(_SECRET.search(str(key))))
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _secrets(value, inside)
    elif isinstance(node, str):
        if inside and len(node) > 3 and node not in _HARMLESS:
            yield node
        if "@" in node and "://" in node:
            yield from filter(None, (urlsplit(node).password,))


_HARMLESS = {"api_key", "oauth2", "application/json"}
"""Values under such keys that are words of the configuration."""
