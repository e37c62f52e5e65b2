"""OpenLineage events into a file of the store: one JSON document per line, on the disk before the step goes on.

Nothing is sent anywhere: openlineage-python's client and transports, which obey OPENLINEAGE_* variables and
openlineage.yml, are not used; only its event and facet classes are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anchor_pipeline.observer import Intent, Outcome

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

    from anchor_pipeline.corpus.store import Store

EVENTS = "lineage/events.jsonl"


class OpenLineageFile:
    """An observer that keeps events in the store. A step goes on without it, but not silently."""

    required = False

    def __init__(self, store: Store) -> None:
        self.store = store

    def opened(self, intent: Intent) -> None:
        """Keep the START event."""
        # openlineage-python takes a quarter of a CPU-second to import: only when something is recorded.
        from anchor_pipeline.lineage.events import opening

        append_events(self.store, opening(intent))

    def completed(self, intent: Intent, outcome: Outcome) -> None:
        """Keep the COMPLETE event, and those of the checks."""
        from anchor_pipeline.lineage.events import closing

        append_events(self.store, closing(intent, outcome, str(self.store.root)))

    failed = completed


@dataclass(frozen=True)
class Events:
    """The events of a store, in the order they were written."""

    events: tuple[dict[str, Any], ...]
    torn: tuple[int, ...]
    """Numbers of lines that a crash or a full disk cut short; what they said is lost."""


def append_events(store: Store, events: list[RunEvent]) -> None:
    """Append events durably, in one write: lines of several processes do not mix. OSError if the disk refuses."""
    path = store.path(EVENTS)
    first = not path.exists()
    data = b"".join(_line(event) for event in events)
    # Whoever was cut off in the middle of a line must not take the next one along.
    store.append(EVENTS, data if first or _ends_line(store) else b"\n" + data)
    if first:
        store.files.sync_folder(path.parent)
        store.files.sync_folder(path.parent.parent)


def read_events(store: Store) -> Events:
    """All events kept so far. DamagedData if there is a file that cannot be read."""
    events: list[dict[str, Any]] = []
    torn: list[int] = []
    lines = store.read(EVENTS).split(b"\n") if store.exists(EVENTS) else []
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            event = json.loads(line)
        except ValueError:
            torn.append(number)
        else:
            events.append(event)
    return Events(tuple(events), tuple(torn))


def _line(event: RunEvent) -> bytes:
    from openlineage.client.serde import Serde

    text = json.dumps(Serde.to_dict(event), sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # A file name that is not UTF-8 comes as lone surrogates, which no JSON reader has to accept.
    return text.encode("utf-8", "replace") + b"\n"


def _ends_line(store: Store) -> bool:
    with store.path(EVENTS).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 1))
        return file.read(1) in (b"", b"\n")
