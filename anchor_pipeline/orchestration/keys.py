"""Every name that Dagster knows us by, in one place, so that several projects can stand side by side.

Without a prefix: assets sources/<name>, corpus, selection/<stage>, mix/<stage>, inventory; jobs build_all,
build_<stage>.
With the prefix `assistant`: assistant/sources/<name>, …; jobs assistant_build_all, ….
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import Project

_PART = re.compile(r"[A-Za-z0-9_]+", re.ASCII)


def prefix_of(declared: str | Sequence[str]) -> tuple[str, ...]:
    """A key prefix, as a list or with its parts separated by /; UsageError if names cannot be made of it."""
    parts = tuple(part for part in declared.split("/") if part) if isinstance(declared, str) else tuple(declared)
    for part in parts:
        # Asset keys take more, but names of jobs, groups and ops begin with the prefix, too.
        if _PART.fullmatch(part) is None:
            raise UsageError(f"{part!r} cannot be part of a key prefix; use letters, digits and _, such as research")
    return parts


@dataclass(frozen=True)
class Names:
    """Names of a project's assets, groups, jobs and automation, all under one prefix."""

    prefix: tuple[str, ...] = ()

    def source(self, name: str) -> dg.AssetKey:
        """The asset of a source."""
        return self._key("sources", name)

    @property
    def corpus(self) -> dg.AssetKey:
        """The asset of the corpus."""
        return self._key("corpus")

    def selection(self, stage: str) -> dg.AssetKey:
        """The asset of a stage's selection."""
        return self._key("selection", stage)

    def mix(self, stage: str) -> dg.AssetKey:
        """The asset of a stage's mix."""
        return self._key("mix", stage)

    @property
    def inventory(self) -> dg.AssetKey:
        """The asset of the inventory."""
        return self._key("inventory")

    @property
    def ledger(self) -> dg.AssetKey:
        """The asset of the signed ledger."""
        return self._key("ledger")

    def job(self, stage: str | None) -> str:
        """The job that builds one stage, or all."""
        return self.flat(f"build_{stage}" if stage else "build_all")

    def flat(self, name: str) -> str:
        """A name where Dagster takes no slashes: of groups, jobs, ops, schedules and sensors."""
        return "_".join((*self.prefix, name))

    def all_of(self, project: Project) -> list[dg.AssetKey]:
        """Every asset of the project but the ledger, upstream first."""
        stages = list(project.stages)
        sources = [self.source(name) for name in project.sources]
        return [*sources, self.corpus, *map(self.selection, stages), *map(self.mix, stages), self.inventory]

    def _key(self, *parts: str) -> dg.AssetKey:
        return dg.AssetKey([*self.prefix, *parts])
