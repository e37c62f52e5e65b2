"""The register of frozen models: probes, bands, origin detectors. Models are added and retired, never replaced.

A model lies under models/<kind>/<digest>/, its files named by what they are; the digest is of the names and bytes of
them all, so that another model is another folder. register/<kind>/<number>.json are its entries, numbered from 1 and
written once: from which cycle a model of that name is in use, or no longer. Of two writers one gets the number.

So which models a cycle was judged with follows from the entries alone: those before it are not changed by later ones
that start later.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from anchor_pipeline.corpus.snapshot import canonical_digest, canonical_json
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData, UsageError

Kind = Literal["probe", "band", "origin"]
KINDS: tuple[Kind, ...] = ("probe", "band", "origin")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)


class Entry(BaseModel):
    """One line of a register."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    action: Literal["add", "retire"]
    name: str
    """What people call the model; several digests may have borne it, one after the other."""
    digest: str
    since: str
    """Key of the first cycle for which this holds."""
    signed_off: str = ""
    """Who answers for it."""


def keep_model(store: Store, kind: Kind, files: Mapping[str, bytes]) -> str:
    """Keep the files of a model; gives its digest. The same files give the same digest, and lie there once."""
    digest = canonical_digest({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
    for name, data in sorted(files.items()):
        path = f"models/{kind}/{digest}/{name}"
        if not store.exists(path):
            store.write(path, data)
    return digest


def read_model(store: Store, kind: Kind, digest: str) -> dict[str, bytes]:
    """The files of a model. Raises DamagedData unless they are what was kept."""
    folder = f"models/{kind}/{digest}"
    files = {name: store.read(f"{folder}/{name}") for name in store.list(folder)}
    if canonical_digest({name: hashlib.sha256(data).hexdigest() for name, data in files.items()}) != digest:
        raise DamagedData(f"{folder}: the {kind} is missing or not what was kept; put it back from a copy")
    return files


def entries(store: Store, kind: Kind) -> list[Entry]:
    """All entries of a register, in order. Raises DamagedData if one cannot be read."""
    found = []
    for file in store.list(f"register/{kind}"):
        name = f"register/{kind}/{file}"
        try:
            found.append(Entry.model_validate_json(store.read(name)))
        except ValidationError:
            raise DamagedData(f"{name}: is not an entry of the register; put it back from a copy") from None
    if [entry.number for entry in found] != list(range(1, len(found) + 1)):
        raise DamagedData(f"register/{kind}: an entry is missing; put it back from a copy")
    return found


def active(store: Store, kind: Kind, cycle: str) -> list[Entry]:
    """Entries of the models in use for a cycle, in the order in which they were added."""
    using: dict[str, Entry] = {}
    for entry in entries(store, kind):
        if entry.since > cycle:
            continue
        if entry.action == "add":
            using[entry.digest] = entry
        else:
            using.pop(entry.digest, None)
    return list(using.values())


def add(store: Store, kind: Kind, name: str, digest: str, since: str, signed_off: str = "") -> Entry:
    """Put a model that is kept in use from cycle `since` on. UsageError if it is in use then already."""
    checked_name(kind, name)
    if any(entry.digest == digest for entry in active(store, kind, since)):
        raise UsageError(f"{kind} {digest[:12]} is in use in cycle {since} already")
    read_model(store, kind, digest)
    return _append(store, kind, Entry(number=0, action="add", name=name, digest=digest, since=since,
                                      signed_off=signed_off))  # fmt: skip


def checked_name(kind: Kind, name: str) -> None:
    """UsageError unless a model may be called so."""
    if _NAME.fullmatch(name) is None:
        raise UsageError(f"{name!r} cannot name a {kind}: use small letters, digits and _, a letter first")


def retire(store: Store, kind: Kind, digest: str, since: str, signed_off: str = "") -> Entry:
    """Use a model no longer from cycle `since` on.

    UsageError unless another one was in use beside it in an earlier cycle: without a cycle that both have measured,
    nobody can tell a change of the data from a change of the measure.
    """
    using = active(store, kind, since)
    mine = next((entry for entry in using if entry.digest == digest), None)
    if mine is None:
        raise UsageError(f"{kind} {digest[:12]} is not in use in cycle {since}")
    if not any(entry.digest != digest and max(entry.since, mine.since) < since for entry in using):
        raise UsageError(
            f"{kind} {mine.name} ({digest[:12]}) cannot be retired in cycle {since}: no other {kind} was in use beside "
            "it in an earlier cycle; add one, and retire this one a cycle later"
        )
    return _append(store, kind, Entry(number=0, action="retire", name=mine.name, digest=digest, since=since,
                                      signed_off=signed_off))  # fmt: skip


def _append(store: Store, kind: Kind, entry: Entry) -> Entry:
    while True:
        numbered = entry.model_copy(update={"number": len(entries(store, kind)) + 1})
        name = f"register/{kind}/{numbered.number:06d}.json"
        if store.write_new(name, canonical_json(numbered.model_dump(mode="json"))):
            return numbered
