"""Check the stamps that a release carries: custody/stamps/<size>.<kind>, of heads that its ledger really had.

They come from elsewhere, and later than the release, so anybody may have put them there: what is believed is computed
here. A stamp of something else, or one that is none, is a flaw. What a sound one proves is said in words that claim
no more: a Bitcoin block and an authority are outside of the folder, and the reader has to look at them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.note import Checkpoint
from anchor_pipeline.custody.release_files import STAMPS
from anchor_pipeline.custody.stamps.calendar_proof import read_calendar_proof
from anchor_pipeline.custody.stamps.der import WrongStamp
from anchor_pipeline.custody.stamps.stamper import digest_of
from anchor_pipeline.custody.stamps.token import read_token
from anchor_pipeline.custody.stamps.token_signature import Unchecked, signer_of

MOST_BYTES = 100_000
"""Of a stamp."""
_NAME = re.compile(r"([1-9][0-9]{0,15})\.(ots|tsr)")

State = Literal["authority", "bitcoin", "pending", "unchecked"]
STRENGTH: tuple[State, ...] = ("pending", "unchecked", "bitcoin", "authority")
"""From what proves nothing to what proves most; of two stamps of a kind, the later here is kept."""


@dataclass(frozen=True)
class Stamp:
    """A stamp of the head over `size` entries that holds as far as it can be checked from itself."""

    size: int
    kind: str
    state: State
    what: str
    """What it says, and of whom to ask more."""


class StampClaim(NamedTuple):
    """What is to be said of the stamps; as a claim of a release."""

    code: str
    ok: bool | None
    detail: str


class Heads(NamedTuple):
    """What has to be known of a ledger."""

    origin: str
    size: int
    root_at: Callable[[int], bytes]
    """Root over the first so many entries, computed from them."""


def read_stamp(data: bytes, size: int, kind: str, digest: bytes) -> Stamp:
    """What a stamp of a head with this digest says; WrongStamp if it is none."""
    if len(data) > MOST_BYTES:
        raise WrongStamp(f"more than {MOST_BYTES:,} bytes")
    return _calendars(data, size, digest) if kind == "ots" else _authority(data, size, digest)


def check_stamps(names: Iterable[str], read: Callable[[str], bytes], heads: Heads) -> Iterator[StampClaim]:
    """The claims about the stamps among the files of a release. `read` gives no more of a file than it has to."""
    found: list[Stamp] = []
    mine = [name.removeprefix(f"{STAMPS}/") for name in names if name.startswith(f"{STAMPS}/")]
    for name in sorted(mine, key=_order):
        try:
            found.append(_checked(name, read, heads))
        except Flaw as flaw:
            yield StampClaim(flaw.code, False, str(flaw))
    if found:
        sizes = ", ".join(f"{size:,}" for size in sorted({one.size for one in found}))
        yield StampClaim(
            "stamps", True, f"{len(found)} outside stamps are of this very ledger, its first {sizes} entries"
        )
    yield from _told(found)


def _checked(name: str, read: Callable[[str], bytes], heads: Heads) -> Stamp:
    where = f"{STAMPS}/{name}"[:200]
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise Flaw("stamp", where, "no stamp has such a name")
    size, kind = int(parts[1]), parts[2]
    if size > heads.size:
        raise Flaw("stamp", where, f"of {size:,} entries, the ledger has {heads.size:,}")
    digest = digest_of(Checkpoint(heads.origin, size, heads.root_at(size), ()))
    try:
        return read_stamp(read(f"{STAMPS}/{name}"), size, kind, digest)
    except WrongStamp as error:
        raise Flaw("stamp", where, str(error)) from None


def _told(found: list[Stamp]) -> Iterator[StampClaim]:
    """A claim for each state, with the stamps that are in it: nothing of it is proved by the folder alone."""
    by_state = defaultdict(list)
    for one in found:
        by_state[one.state].append(one)
    for state in reversed(STRENGTH):
        if by_state[state]:
            words = "; ".join(f"the first {one.size:,} entries: {one.what}" for one in by_state[state])
            yield StampClaim(f"stamp_{state}", None, words)


def _calendars(data: bytes, size: int, digest: bytes) -> Stamp:
    proof = read_calendar_proof(data, digest)
    if proof.blocks:
        words = "; ".join(
            # As explorers and nodes print it: the bytes of the header from the last to the first.
            f"committed to in Bitcoin block {height}, if its Merkle root is {root[::-1].hex()}"
            for height, root in sorted(proof.blocks)
        )
        return Stamp(size, "ots", "bitcoin", f"{words}; compare it with any copy of that block's header")
    if proof.calendars:
        names = ", ".join(sorted(proof.calendars))
        return Stamp(size, "ots", "pending", f"pending: taken by {names}; no Bitcoin block is named yet")
    return Stamp(size, "ots", "unchecked", f"{proof.others} attestations of kinds that are not known here")


def _authority(data: bytes, size: int, digest: bytes) -> Stamp:
    token = read_token(data, digest)
    when = f"at {token.time:%Y-%m-%d %H:%M:%S} UTC (number {token.serial:x})"
    try:
        certificate = signer_of(token)
    except Unchecked as reason:
        return Stamp(size, "tsr", "unchecked", f"said to be stamped {when}, but nothing was verified: {reason}")
    words = f"signed {when} by the holder of the certificate “{certificate.name}”, SHA-256 {certificate.fingerprint}"
    return Stamp(size, "tsr", "authority", f"{words}; whether that is an authority that you trust is for you to say")


def _order(name: str) -> tuple[int, int, str]:
    """Stamps by size and kind; what is none comes first."""
    parts = _NAME.fullmatch(name)
    return (0, 0, name) if parts is None else (1, int(parts[1]), name)
