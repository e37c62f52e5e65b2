"""What the supplies of a stage are worth: the planner's shadow prices, and what more of a supply would admit.

The linear program is the planner's own (mix.plan.solve_groups), over the very documents that a selection would draw
from. A price is tokens of mix that one more token of a supply admits, 0 where the target is reached without it; for
larger amounts prices do not hold, so the program is solved again with the amount added or taken away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from anchor_pipeline.corpus.corpus import corpus_table
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.mix.candidates import candidates
from anchor_pipeline.mix.cells import Cell, Limits, contradictions
from anchor_pipeline.mix.layout import Group, Kind, groups, kind_of
from anchor_pipeline.mix.limits import has_advisory, stage_limits
from anchor_pipeline.mix.plan import solve_groups
from anchor_pipeline.mix.shortfall import Shortfall, find_shortfalls
from anchor_pipeline.mix.weights import weigh_stage
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle


@dataclass(frozen=True)
class Supply:
    """What a stage may draw of one modality, and what its rules make of it. Amounts in the unit of `tokens`."""

    stage: str
    modality: str
    limits: Limits
    cells: tuple[Cell, ...]
    most: int
    """The most tokens the rules admit of what is there, up to the target."""
    prices: Mapping[str, float]
    """By the words for a supply (mix.layout.Kind.words): those that bind."""

    @property
    def short(self) -> bool:
        """Whether the target is out of reach with what is there."""
        return self.most < self.limits.target

    def price(self, kind: Kind) -> float:
        """Tokens of mix that one more token of this kind admits."""
        return self.prices.get(kind.words, 0.0)

    def kinds_of(self, source: str) -> dict[Kind, int]:
        """What the rules see of a source, and the tokens of each kind, repeats included."""
        found: dict[Kind, int] = {}
        for cell in self.cells:
            if cell.source == source and cell.domain in self.limits.weights:
                found[kind_of(cell)] = found.get(kind_of(cell), 0) + cell.capacity
        return found

    def gain(self, extra: Mapping[Kind, int]) -> int:
        """Tokens of mix that these additional tokens admit together."""
        return max(0, _most(self._with(extra), self.limits) - self.most)

    def loss_of(self, source: str) -> int:
        """Tokens of mix that would be lost without a source."""
        left = [replace(cell, tokens=0, documents=0) if cell.source == source else cell for cell in self.cells]
        return max(0, self.most - _most(groups(left, self.limits), self.limits))

    def shortfalls(self) -> list[Shortfall]:
        """What is missing for the whole target; nothing if it is reached."""
        return find_shortfalls(self.cells, self.limits).shortfalls if self.short else []

    def _with(self, extra: Mapping[Kind, int]) -> list[Group]:
        there = groups(self.cells, self.limits)
        known = {group.kind for group in there}
        grown = [replace(group, capacity=group.capacity + extra.get(group.kind, 0)) for group in there]
        return grown + [Group(kind, (), tokens) for kind, tokens in extra.items() if kind not in known]


def supplies(project: Project, cycle: Cycle, store: Store) -> tuple[list[Supply], dict[str, dict[str, dict[str, int]]]]:
    """The supplies of every stage, in the order of declaration.

    Beside them, by stage, source and reason, how many kept documents the stage may not use.
    """
    found: list[Supply] = []
    left_out: dict[str, dict[str, dict[str, int]]] = {}
    table = corpus_table(store, cycle.key)
    for stage in project.stages:
        weights = weigh_stage(project, stage, table, store)
        given, left_out[stage] = candidates(project, stage, cycle, table, weights)
        for modality, one in given.items():
            found.append(_supply(project, stage, modality, one.cells))
    return found, left_out


def _supply(project: Project, stage: str, modality: str, cells: list[Cell]) -> Supply:
    """As the selection plans: rules that only warn are given up before the mix is."""
    tried = list(_solved(project, stage, modality, cells))
    return next((one for one in tried if one.most >= one.limits.minimum), tried[0])


def _solved(project: Project, stage: str, modality: str, cells: list[Cell]) -> Iterator[Supply]:
    for advisory in (True, False) if has_advisory(project, stage, modality) else (True,):
        limits = stage_limits(project, stage, modality, advisory=advisory)
        if contradictions(limits):
            yield Supply(stage, modality, limits, tuple(cells), 0, {})
            continue
        _, most, bindings = solve_groups(groups(cells, limits), limits)
        prices = {binding.what: binding.price for binding in bindings if binding.rule == "availability"}
        yield Supply(stage, modality, limits, tuple(cells), most, prices)


def _most(grouped: list[Group], limits: Limits) -> int:
    return 0 if contradictions(limits) else solve_groups(grouped, limits)[1]
