"""Bring the folders of releases in line with the recalls: a notice in each that is affected, none in the others.

Done after every recall and lift, and again by `anchor recall status`: a store restored from a backup has lost
notices, and a process may be killed before it puts them. What is right follows from the records alone, so doing it
twice, or two at once, does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anchor_pipeline.corpus.recall_files import Kept, RecallFiles
from anchor_pipeline.corpus.recalls import AffectedExport, AffectedRelease, RecallRecord
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.release_files import NOTICE
from anchor_pipeline.graph.graph import Graph, open_graph
from anchor_pipeline.mix.manifest import MANIFEST
from anchor_pipeline.mix.recalled import notice_of
from anchor_pipeline.recall.compare import Replacement, replacement
from anchor_pipeline.recall.find import exports_of, find


@dataclass(frozen=True)
class Settled:
    """A recall, with what is affected by it now."""

    kept: Kept
    releases: tuple[AffectedRelease, ...]
    """Those of the record, and those found since."""
    replaced: tuple[Replacement | None, ...]
    """What has taken the place of each of these releases."""
    exports: tuple[AffectedExport, ...]
    notices: tuple[str, ...]
    """Folders of releases in the store that were given a notice just now."""


def settle(graph: Graph, store: Store, files: RecallFiles) -> list[Settled]:
    """Put notices where they are due, take away those that are not, and say what every recall affects."""
    affected = [_affected(graph, store, files, one) for one in files.all()]
    written = set(_write_notices(graph, store, affected))
    return [
        replace(one, notices=tuple(sorted(folder for folder, _ in _lying(graph, one) if folder in written)))
        for one in affected
    ]


def settled(store: Store, files: RecallFiles) -> list[Settled]:
    """Every recall with what it affects now, all notices in place."""
    with open_graph(store) as graph:
        return settle(graph, store, files)


def _affected(graph: Graph, store: Store, files: RecallFiles, kept: Kept) -> Settled:
    """What a recall affects: what its record names, and what was released or exported since."""
    record = kept.record
    if record.action != "recall":
        return Settled(kept, (), (), (), ())
    named = {(one.stage, one.cycle, one.revision, one.digest): one for one in record.releases}
    exports = {(one.name, one.uri or "", one.release): one for one in record.exports}
    found = find(graph, store, record.what, files.tombstones(record))
    later = found.releases if kept.stands else ()
    for release in (*later, *(kept.erasure.releases if kept.erasure else ())):
        named.setdefault((release.stage, release.cycle, release.revision, release.digest), release)
    releases = tuple(named[name] for name in sorted(named))
    mixes = frozenset(one.digest for one in releases)
    for export in exports_of(graph.connection, mixes):
        exports.setdefault((export.name, export.uri or "", export.release), export)
    replaced = tuple(replacement(graph, store, one, mixes) for one in releases)
    return Settled(kept, releases, replaced, tuple(exports[name] for name in sorted(exports)), ())


def _write_notices(graph: Graph, store: Store, recalls: Sequence[Settled]) -> list[str]:
    """The folders that were given another notice."""
    due: dict[str, list[RecallRecord]] = {}
    mixes: dict[str, str] = {}
    erased = frozenset(one.kept.record.id for one in recalls if one.kept.erasure is not None)
    for one in recalls:
        for folder, digest in _lying(graph, one):
            mixes[folder] = digest
            # Content that was erased does not come back with a lift.
            due.setdefault(folder, []).extend([one.kept.record] if one.kept.stands or one.kept.erasure else [])
    written = []
    for folder, records in sorted(due.items()):
        name = f"{folder}/{NOTICE}"
        if not store.exists(f"{folder}/{MANIFEST}"):
            continue
        data = store.find(name)
        notice = notice_of(mixes[folder], records, erased) if records else None
        if notice is None and data is not None:
            store.remove(name)
        elif notice is not None and data != notice:
            store.write(name, notice)
            written.append(folder)
    return written


def _lying(graph: Graph, one: Settled) -> list[tuple[str, str]]:
    """Folder and mix digest of the affected releases that lie in the store."""
    mixes = {release.digest for release in one.releases}
    rows = graph.connection.execute("SELECT folder, digest FROM releases ORDER BY folder").fetchall()
    return [(str(folder), str(digest)) for folder, digest in rows if digest in mixes]
