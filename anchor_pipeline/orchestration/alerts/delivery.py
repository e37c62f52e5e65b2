"""Alerts on their way: each to every configured channel, at least once, for as long as a channel does not take it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from anchor_pipeline.errors import AnchorError
from anchor_pipeline.orchestration.alerts.channels import Channel
from anchor_pipeline.orchestration.alerts.documents import FOLDER, Alert, alerts

if TYPE_CHECKING:
    from anchor_pipeline.corpus.store import Store

SENT = f"{FOLDER}/sent"

STALE = timedelta(days=7)
"""What happened longer ago is not told any more: a channel configured today must not be flooded with the past."""

_SECONDS = 20
_MOST = 10
"""Alerts per call."""


@dataclass
class Delivery:
    """What one call came to."""

    sent: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """`webhook: HTTPError`: names of errors only, as their texts may hold the secret part of an address."""


def deliver_alerts(store: Store, channels: Mapping[str, Channel], now: datetime | None = None) -> Delivery:
    """Tell every channel of every alert, and of its end, that it was not told of yet."""
    found = Delivery()
    oldest = (now or datetime.now(UTC)) - STALE
    done = set(store.list(SENT))
    pending = [one for one in alerts(store) if datetime.fromisoformat(one.at) >= oldest]
    pending = [one for one in pending if any(mark(one, name) not in done for name in channels)]
    down: set[str] = set()
    for alert in pending[:_MOST]:
        for name, send in channels.items():
            if name in down or mark(alert, name) in done:
                continue
            error = _sent(send, alert)
            if error is None:
                store.write(f"{SENT}/{mark(alert, name)}", b"")
                found.sent.append(f"{name}: {alert.headline}")
            else:
                down.add(name)  # it is tried again at the next tick
                found.failed.append(f"{name}: {error}")
    return found


def mark(alert: Alert, channel: str) -> str:
    """The file whose presence says that a channel was told."""
    return f"{alert.run}-{'recovered' if alert.recovered_by else 'failed'}-{channel}"


def _sent(send: Channel, alert: Alert) -> str | None:
    """None if it was sent, else why not. SMTP knows no time limit here, hence the thread."""
    pool = ThreadPoolExecutor(1, "anchor-alert")
    try:
        pool.submit(send, alert).result(_SECONDS)
    except AnchorError as error:
        return str(error)
    except Exception as error:
        return " ".join([type(error).__name__, str(getattr(error, "code", "") or "")]).strip()
    finally:
        pool.shutdown(wait=False)
    return None
