"""No release holds what was recalled, even if a recall and a build run at the same time.

A build asks before it writes a mix, and again once the mix is there; a recall is written down before it looks for
releases. So whichever comes second sees the other, whatever their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anchor_pipeline.corpus.recall_files import RecallFiles
from anchor_pipeline.corpus.recalls import RecallRecord
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.release_files import NOTICE
from anchor_pipeline.errors import Refused
from anchor_pipeline.facts.classify import database_in
from anchor_pipeline.facts.excluded import READ, Barring, barrings, excluded_rows
from anchor_pipeline.mix.recalled import notice_of
from anchor_pipeline.mix.release import Release, cycle_folder
from anchor_pipeline.project import Project


class Guard:
    """Over the release of one selection."""

    def __init__(self, project: Project, store: Store, selection: Path) -> None:
        self._project, self._store, self._selection = project, store, selection
        self._files = RecallFiles(store, project.root)
        self._seen: frozenset[str] = frozenset()

    def before(self) -> None:
        """Refused if the selection holds what recalls or quarantines bar: it was made before them."""
        standing = barrings(self._files)
        self._seen = frozenset(one.record.id for one in standing)
        hit = self._hit(standing)
        if hit:
            raise Refused(f"{self._selection}: was selected before {_named(hit)}; build corpus and selection again")

    def after(self, release: Release) -> None:
        """Refused, with a notice in the release, if a recall of what it holds was recorded while it was written."""
        new = [one for one in barrings(self._files) if one.record.id not in self._seen]
        hit = self._hit([one for one in new if one.record.action == "recall"])
        if not hit:
            return
        manifest = release.manifest
        folder = f"{cycle_folder(manifest.stage, manifest.cycle)}/{manifest.revision:04d}"
        self._store.write(f"{folder}/{NOTICE}", notice_of(manifest.digest, hit))
        raise Refused(
            f"{release.location}: while it was released {_named(hit)} came, so it must not be used; build it again"
        )

    def _hit(self, standing: Sequence[Barring]) -> list[RecallRecord]:
        """Those of the recalls that bar a row of the selection; a weight bars nobody who was drawn by it."""
        asked = [one for one in standing if one.record.action != "weight"]
        if not asked:
            return []
        with self._store.temporary() as work:
            work.mkdir(parents=True)
            with database_in(work) as database:
                path = str(self._selection).replace("'", "''")
                columns = ", ".join(READ)
                database.execute(f"CREATE VIEW selected AS SELECT {columns} FROM read_parquet('{path}')")
                if not excluded_rows(database, "selected", asked, self._project.seed).num_rows:
                    return []
                numbers = database.execute("SELECT DISTINCT number FROM hits ORDER BY number").fetchall()
        return [asked[number].record for (number,) in numbers]


def _named(records: Sequence[RecallRecord]) -> str:
    return ", ".join(f"recall {one.id} ({one.what}: {one.reason})" for one in records)
