"""A small build, step by step, with the store as it is before each step: where a fault leads can then be seen."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anchor_pipeline import steps
from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.mix.release import Release, current_release
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.projects import rows, small_project, write_rows

CYCLE = "2020"
STAGE = "lawful"
DONE = "done"
"""The moment after the last step."""

_RECORDS = ("lineage", "data_docs", "tmp", "dagster")


@dataclass
class SmallBuild:
    """The small project in a folder. Its store is put back to any moment of an undisturbed build."""

    folder: Path

    @property
    def place(self) -> steps.Workplace:
        """Opened anew, as another process would."""
        return steps.Workplace(load_project(self.folder))

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def steps(self, files: LocalFiles | None = None) -> dict[str, Callable[[], object]]:
        """The steps in their order, on a disk that behaves as `files` does."""
        place = self.place
        if files is not None:
            place.store.files = files
        cycle = place.project.calendar.at(CYCLE)
        named: dict[str, Callable[[], object]] = {
            f"sources/{name}": partial(steps.ingest, place, name, cycle) for name in steps.ingest_order(place.project)
        }
        named["corpus"] = partial(steps.assemble_corpus, place, cycle)
        named[f"selection/{STAGE}"] = partial(steps.select_stage, place, STAGE, cycle)
        named[f"mix/{STAGE}"] = partial(steps.release, place, STAGE, cycle)
        return named

    def build(self, files: LocalFiles | None = None, first: str | None = None) -> Release:
        """All steps, or those from `first` on; gives the release."""
        begun = first is None
        for name, step in self.steps(files).items():
            begun = begun or name == first
            if begun:
                step()
        return self.released()

    def released(self) -> Release:
        """The current release; it has to be there."""
        release = current_release(self.place.store, STAGE, CYCLE)
        assert release is not None
        return release

    def state(self) -> str | None:
        """The digest of the current release, None if there is none; it and the one before it must be whole."""
        release = current_release(self.place.store, STAGE, CYCLE)
        for folder in sorted((self.store / f"mix/{STAGE}/{CYCLE}").glob("*"))[-2:]:
            assert [check for check in verify_mix(folder) if not check.ok] == []
        return release.digest if release else None

    def remember(self, moment: str) -> None:
        """Keep the store as it is now."""
        kept = self._kept(moment)
        shutil.rmtree(kept, ignore_errors=True)
        if self.store.exists():
            shutil.copytree(self.store, kept)
        else:
            kept.mkdir(parents=True)

    def restore(self, moment: str) -> None:
        """Put the store back to a moment that was kept."""
        shutil.rmtree(self.store, ignore_errors=True)
        # Links are enough: no file of a store is ever changed once it has its name.
        shutil.copytree(self._kept(moment), self.store, copy_function=os.link)

    def build_remembering(self) -> str:
        """Build undisturbed, keeping the store before each step under the step's name; gives the mix digest."""
        for name, step in self.steps().items():
            self.remember(name)
            step()
        self.remember(DONE)
        return self.released().digest

    def correct(self) -> None:
        """Replace the raw rows of a source by other ones: the next build makes another mix of the same cycle."""
        write_rows(self.folder / "raw/gazette.jsonl", rows("corrected", 60, 8))

    def results(self, moment: str | None = None) -> dict[str, bytes]:
        """Every result in the store, or in the store of a moment: all its files but records of what happened when."""
        root = self.store if moment is None else self._kept(moment)
        names = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return {str(name): (root / name).read_bytes() for name in names if name.parts[0] not in _RECORDS}

    def take_back(self) -> None:
        """Replace them by those of the beginning."""
        write_rows(self.folder / "raw/gazette.jsonl", rows("gaz", 60, 2))

    def _kept(self, moment: str) -> Path:
        return self.folder / "moments" / moment.replace("/", "-")


def small_build(folder: Path) -> SmallBuild:
    """The small project, not built yet."""
    small_project(folder)
    return SmallBuild(folder)
