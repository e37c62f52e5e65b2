"""OpenTimestamps: calendars put digests into Bitcoin blocks, together, for nothing. https://opentimestamps.org.

A stamp is pending until its calendar has a block to show, some hours; `upgrade` fetches the way to it. Then the stamp
is complete without the calendar, and is compared with the header of that block.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anchor_pipeline.custody.stamps.stamper import Verdict
from anchor_pipeline.errors import Unavailable, UsageError
from anchor_pipeline.project.addresses import without_credentials

if TYPE_CHECKING:
    from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

CALENDARS = (
    "https://alice.btc.calendar.opentimestamps.org/",
    "https://bob.btc.calendar.opentimestamps.org/",
    "https://finney.calendar.eternitywall.com/",
)
"""Public calendars; each is asked, one is enough."""

_WAIT_S = 10
_HEADER_BYTES = 80
_ROOT = slice(36, 68)
"""Of the Merkle root in a block header: after version (4) and the block before (32)."""


class OpenTimestamps:
    """Stamps by calendars; only those named here are ever asked, whatever a stamp says."""

    kind = "ots"

    def __init__(self, calendars: Sequence[str] = CALENDARS, headers: Mapping[int, bytes] | None = None) -> None:
        self.calendars = tuple(url if url.endswith("/") else f"{url}/" for url in calendars)
        self.headers = dict(headers or {})
        """Bitcoin block headers, 80 bytes, by height."""

    def stamp(self, digest: bytes) -> bytes:
        """A stamp by every calendar that answers."""
        from opentimestamps.core.op import OpSHA256
        from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

        stamp, errors = DetachedTimestampFile(OpSHA256(), Timestamp(digest)), []
        for url in self.calendars:
            try:
                stamp.timestamp.merge(_calendar(url).submit(digest, timeout=_WAIT_S))
            except Exception as error:  # The library raises bare ones, and what HTTP and its parser do.
                errors.append(f"{without_credentials(url)}: {type(error).__name__}: {error}")
        if not stamp.timestamp.ops and not stamp.timestamp.attestations:
            raise Unavailable(f"no calendar of OpenTimestamps answered ({'; '.join(errors) or 'none is named'})")
        return _encoded(stamp)

    def upgrade(self, data: bytes) -> bytes:
        """The stamp with the way to a Bitcoin block, if a calendar has it by now."""
        from opentimestamps.core.notary import PendingAttestation

        stamp = _decoded(data)
        if stamp is None or any(True for _ in _blocks(stamp)):
            return data
        for node in list(_nodes(stamp.timestamp)):
            for attestation in list(node.attestations):
                if isinstance(attestation, PendingAttestation) and self._is_mine(attestation.uri):
                    _try_upgrade(node, attestation.uri)
        return _encoded(stamp)

    def verify(self, data: bytes, digest: bytes) -> Verdict:
        """Compare with the headers that are known here."""
        stamp = _decoded(data)
        if stamp is None:
            return Verdict("failed", "it is no OpenTimestamps proof")
        if stamp.file_digest != digest:
            return Verdict("failed", "it is a proof of something else")
        blocks = sorted(_blocks(stamp), key=lambda block: block[0])
        for height, root in blocks:
            header = self.headers.get(height)
            if header is None:
                continue
            if header[_ROOT] != root:
                return Verdict("failed", f"it does not lead to the header of Bitcoin block {height} that was given")
            at = datetime.fromtimestamp(int.from_bytes(header[68:72], "little"), UTC)
            return Verdict(
                "verified",
                f"it matches the header of Bitcoin block {height} that was given, dated {at:%Y-%m-%d %H:%M} UTC; that "
                "this header is one of Bitcoin's chain was not checked here: compare it with a node or explorers",
                at,
            )
        if blocks:
            height = blocks[0][0]
            return Verdict(
                "pending", f"it leads to Bitcoin block {height}; give that block's header to compare it with"
            )
        return Verdict("pending", "calendars have taken it; no Bitcoin block has it yet, which takes some hours")

    def _is_mine(self, uri: str) -> bool:
        return (uri if uri.endswith("/") else f"{uri}/") in self.calendars


def parsed_headers(text: str, where: str) -> dict[int, bytes]:
    """Bitcoin block headers from lines `height hex`; UsageError if a line is none."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        height, _, data = line.strip().partition(" ")
        try:
            header = bytes.fromhex(data)
            found[int(height)] = header
        except ValueError:
            header = b""
        if len(header) != _HEADER_BYTES:
            raise UsageError(f"{where}:{number}: no block header; expected the height, then 160 hexadecimal digits")
    return found


def _calendar(url: str) -> Any:
    from opentimestamps.calendar import RemoteCalendar

    return RemoteCalendar(url, user_agent="anchor-pipeline")


def _try_upgrade(node: Timestamp, uri: str) -> None:
    url = uri if uri.endswith("/") else f"{uri}/"
    try:
        node.merge(_calendar(url).get_timestamp(node.msg, timeout=_WAIT_S))
    except Exception:  # Not there yet, or nobody answers: asked again the next time.
        return


def _nodes(stamp: Timestamp) -> Iterator[Timestamp]:
    yield stamp
    for after in stamp.ops.values():
        yield from _nodes(after)


def _blocks(stamp: DetachedTimestampFile) -> Iterator[tuple[int, bytes]]:
    """Height of every Bitcoin block that a stamp leads to, and the Merkle root that it has to have."""
    from opentimestamps.core.notary import BitcoinBlockHeaderAttestation

    for message, attestation in stamp.timestamp.all_attestations():
        if isinstance(attestation, BitcoinBlockHeaderAttestation):
            yield attestation.height, message


def _encoded(stamp: DetachedTimestampFile) -> bytes:
    from opentimestamps.core.serialize import StreamSerializationContext

    out = io.BytesIO()
    stamp.serialize(StreamSerializationContext(out))
    return out.getvalue()


def _decoded(data: bytes) -> DetachedTimestampFile | None:
    from opentimestamps.core.op import OpSHA256
    from opentimestamps.core.serialize import BytesDeserializationContext
    from opentimestamps.core.timestamp import DetachedTimestampFile

    try:
        stamp = DetachedTimestampFile.deserialize(BytesDeserializationContext(data))
    except Exception:  # Whatever a parser of foreign bytes may raise.
        return None
    return stamp if isinstance(stamp.file_hash_op, OpSHA256) else None
