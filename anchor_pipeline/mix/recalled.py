"""Whether a release was recalled: by the notice in its folder, and by the recalls of the store that it lies in.

    <release>/RECALLED.json   {"format":1,"mix":…,"recalls":[{"at":…,"erased":true,"id":…,"reason":…,"what":…}]}

`erased` stands there only if the content of its documents was taken out of the release: its rows, ids and digests are
what they were, its parts are not.

A notice says so wherever the folder is copied; the records of the store say so where a notice was lost, as after a
restore from a backup. Neither is in the manifest, anybody may have written them, and so nothing in them is believed
but the one thing that errs on the safe side: a release with a notice is not used, whatever the notice says.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from anchor_pipeline.corpus.erasures import erasure_name
from anchor_pipeline.corpus.recalls import (
    FOLDER,
    RecallRecord,
    ids_among,
    lift_name,
    parse_lift,
    parse_record,
    plain,
    receipt_name,
    receipt_releases,
    record_name,
)
from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.custody.canonical import parse
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.release_files import NOTICE
from anchor_pipeline.errors import DamagedData, Refused, UsageError
from anchor_pipeline.mix.checks import Check
from anchor_pipeline.mix.folder import Folder, read_file
from anchor_pipeline.mix.manifest import Manifest
from anchor_pipeline.mix.newest import newer_revision

_log = logging.getLogger(__name__)

NOTICE_LIMIT = 1 << 20
"""Bytes; a longer notice is not read, and counts all the same."""

_MOST_TOLD = 5


@dataclass(frozen=True)
class Told:
    """A recall of a release, in words."""

    id: str
    what: str
    reason: str
    erased: bool = False
    """The content of its documents is no longer in the release."""

    def __str__(self) -> str:
        return f"recall {self.id} ({self.what}): {self.reason}{', and its content was erased' if self.erased else ''}"


def notice_of(mix: str, records: list[RecallRecord], erased: Collection[str] = ()) -> bytes:
    """The notice of a release that these recalls are about, as it lies in its folder; `erased`: ids of recalls."""
    listed = [
        {"at": one.at, "id": one.id, "reason": one.reason, "what": one.what.model_dump(mode="json")}
        | ({"erased": True} if one.id in erased else {})
        for one in sorted(records, key=lambda one: (one.at, one.id))
    ]
    return canonical_json({"format": 1, "mix": mix, "recalls": listed})


def recalled_by(folder: Folder, manifest: Manifest) -> list[Told]:
    """The recalls of a release, each once; none if it may be used.

    DamagedData if a record of the store that it lies in is damaged, and so may be about this very release.
    """
    told = {one.id: one for one in _in_store(folder, manifest)}
    if folder.has(NOTICE):
        for one in _in_notice(folder):
            known = told.setdefault(one.id, one)
            told[one.id] = replace(known, erased=known.erased or one.erased)
    return [told[id] for id in sorted(told)]


def check_recalled(folder: Folder, manifest: Manifest) -> tuple[list[Check], bool]:
    """One check that fails if the release was recalled, none otherwise; and whether its content was erased."""
    try:
        told = recalled_by(folder, manifest)
    except DamagedData as error:
        return [Check("recalled", False, f"cannot be said: {error}")], False
    erased = any(one.erased for one in told)
    what = "recalled and erased" if erased else "recalled"
    return [Check(what, False, in_words(told), refused=True)] if told else [], erased


def must_not_be_recalled(folder: Folder, manifest: Manifest, *, allow: bool = False) -> None:
    """Refused if the release was recalled; with `allow` only a warning is logged, unless it was erased."""
    told = recalled_by(folder, manifest)
    if not told:
        return
    newer = newer_revision(folder, manifest)
    erased = any(one.erased for one in told)
    instead = "no later revision takes its place yet" if newer is None else f"revision {newer} takes its place"
    if erased:
        raise Refused(
            f"{folder.url}: was recalled and erased, of its recalled documents only the metadata are left; {instead}; "
            f"{in_words(told)}"
        )
    if not allow:
        raise Refused(f"{folder.url}: was recalled and must not be used; {instead}; {in_words(told)}")
    _log.warning("%s was recalled and is opened all the same; %s; %s", folder.url, instead, in_words(told))


def in_words(told: list[Told]) -> str:
    """All of it in one line."""
    more = f"; and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return f"{'; '.join(map(str, told[:_MOST_TOLD]))}{more}"


def _in_notice(folder: Folder) -> list[Told]:
    """What the notice says, as far as it can be made out."""
    try:
        notice = parse(read_file(folder, NOTICE, NOTICE_LIMIT), NOTICE, NOTICE_LIMIT)
        found = [_told(one) for one in notice["recalls"]]
    except (Flaw, DamagedData, KeyError, TypeError, ValueError):
        found = []
    return found or [Told("unknown", NOTICE, "a notice lies in the folder that does not say why")]


def _told(one: Any) -> Told:
    what = one["what"]
    by, value, reason, id = (plain(str(text), 200) for text in (what["by"], what["value"], one["reason"], one["id"]))
    return Told(id, f"{by} {value}", reason, one.get("erased") is True)


def _in_store(folder: Folder, manifest: Manifest) -> Iterator[Told]:
    """The standing recalls of the store around a release that name its mix digest."""
    store = _store_around(folder, manifest)
    if store is None:
        return
    try:
        names = sorted(store.within(FOLDER).sizes()) if FOLDER in store.folders() else []
    except UsageError as error:
        _log.warning("%s: whether its store has recalled it cannot be seen (%s)", folder.url, error)
        return
    for id in ids_among(names):
        data = read_file(store, record_name(id))
        record = parse_record(data, id, f"{store.url}/{record_name(id)}")
        # What was erased stays erased, whatever became of the recall.
        erased = erasure_name(id).split("/")[1] in names
        if record.action != "recall" or (_is_lifted(store, id, names) and not erased):
            continue
        affected = {one.digest for one in record.releases}
        if receipt_name(id).split("/")[1] in names:
            affected |= receipt_releases(read_file(store, receipt_name(id)))
        if manifest.digest in affected:
            yield Told(id, str(record.what), plain(record.reason, 200), erased)


def _is_lifted(store: Folder, id: str, names: list[str]) -> bool:
    name = lift_name(id)
    if name.split("/")[1] not in names:
        return False
    parse_lift(read_file(store, name), id, f"{store.url}/{name}")
    return True


def _store_around(folder: Folder, manifest: Manifest) -> Folder | None:
    """The store that has the release as mix/<stage>/<cycle>/<revision>; None if it was copied elsewhere."""
    here: Folder = folder
    for name in (f"{manifest.revision:04d}", manifest.cycle, manifest.stage, "mix"):
        here, found = here.above()
        if found != name:
            return None
    return here
