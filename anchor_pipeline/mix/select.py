"""Select the documents of a stage: plan each modality, choose whole documents, put them in training order.

What cannot be planned lawfully is selected as near to the target as what is there allows, so that the refusing
verdict is measured on real documents; nothing of it can be released.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anchor_pipeline.corpus.corpus import Corpus, corpus_table
from anchor_pipeline.corpus.made_from import is_made_from, must_be_made_from
from anchor_pipeline.corpus.snapshot import canonical_digest
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.mix.arrange import Positions, arrange
from anchor_pipeline.mix.candidates import Candidates, candidates
from anchor_pipeline.mix.choose import Choice, choose, take
from anchor_pipeline.mix.limits import has_advisory, stage_limits
from anchor_pipeline.mix.order import merge_order
from anchor_pipeline.mix.plan import Plan, make_plan
from anchor_pipeline.mix.selection import (
    Missing,
    ModalityPlan,
    Selection,
    read_selection,
    selection_table,
    selection_table_name,
    write_selection,
)
from anchor_pipeline.mix.shortfall import find_shortfalls
from anchor_pipeline.mix.weights import weigh_stage
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.rules.verdict import policy_digest, selection_digest

_FORMAT = 1


@dataclass(frozen=True)
class _Drawn:
    """The documents of one modality in training order: rows of the corpus table and what the planner knew of them."""

    row: npt.NDArray[np.int64]
    epoch: npt.NDArray[np.int32]
    tokens: npt.NDArray[np.int64]
    fresh: npt.NDArray[np.bool_]
    synthetic: npt.NDArray[np.bool_]


def select(project: Project, stage: str, cycle: Cycle, corpus: Corpus, store: Store) -> tuple[Selection, bool]:
    """The selection of a stage and cycle, and whether it was there already."""
    inputs = selection_inputs(project, stage, cycle, corpus)
    current = read_selection(store, stage, cycle.key)
    name = selection_table_name(stage, cycle.key)
    there = current is not None and current.inputs == inputs and store.exists(name)
    if current is not None and there and is_made_from(selection_table(store, stage, cycle.key), inputs):
        return current, True
    documents = corpus_table(store, cycle.key)
    weights = weigh_stage(project, stage, documents, store)
    found, left_out = candidates(project, stage, cycle, documents, weights)
    plans: dict[str, ModalityPlan] = {}
    drawn: dict[str, _Drawn] = {}
    for modality in list(found):
        # Given up as soon as it has been drawn from: it is most of what this takes of memory.
        given = found.pop(modality)
        plans[modality], choice = _plan(project, stage, modality, given)
        drawn[modality] = _ordered(choice, given)
        del given, choice
    with store.temporary() as work:
        work.mkdir(parents=True)
        arranged = work / "selection.parquet"
        positions = _interleaved(drawn)
        rows = len(positions.row)
        drawn.clear()
        arrange(positions, documents, work, arranged, inputs)
        # Asked when all has been read: another run may have put another corpus there meanwhile.
        must_be_made_from(documents, corpus.inputs, "corpus", "corpus")
        target = store.adopt(arranged, name)
    selection = Selection(
        stage=stage,
        cycle=cycle.key,
        inputs=inputs,
        digest=selection_digest(target),
        rows=rows,
        tokens={modality: plan.drawn for modality, plan in plans.items()},
        plans=plans,
        left_out=left_out,
        weights=weights.domains if weights else {},
    )
    write_selection(store, selection)
    return selection, False


def selection_inputs(project: Project, stage: str, cycle: Cycle, corpus: Corpus) -> str:
    """Digest of everything that decides the selection; a selection made from other inputs is out of date."""
    policy = policy_digest(project, stage)
    return canonical_digest({"format": _FORMAT, "corpus": corpus.inputs, "policy": policy, "cycle": cycle.key})


def _plan(project: Project, stage: str, modality: str, given: Candidates) -> tuple[ModalityPlan, Choice]:
    """Plan and choose; rules that only warn are given up before the mix is."""
    limits = stage_limits(project, stage, modality, advisory=True)
    plan = make_plan(given.cells, limits)
    choice = choose(given.cells, limits, plan, given.documents)
    if not choice.lawful and has_advisory(project, stage, modality):
        limits = stage_limits(project, stage, modality, advisory=False)
        plan = make_plan(given.cells, limits)
        choice = choose(given.cells, limits, plan, given.documents)
    lack = None
    if not choice.lawful or plan.most < limits.target:
        lack = find_shortfalls(given.cells, limits)
    reason = choice.reason
    if not choice.lawful and lack is not None:
        choice = take(given.cells, limits, lack.draws, given.documents)
    messages = _messages(plan, reason)
    record = ModalityPlan(
        target=limits.target,
        most=plan.most,
        drawn=choice.tokens,
        lawful=choice.lawful and not reason,
        messages=tuple(dict.fromkeys([*messages, *(lack.messages if lack else [])])),
        missing=tuple(
            Missing(domain=one.domain, what=one.what, tokens=one.tokens, message=one.message)
            for one in (lack.shortfalls if lack else [])
        ),
    )
    return record, choice


def _messages(plan: Plan, reason: str) -> list[str]:
    return [reason, *plan.messages] if reason and reason not in plan.messages else list(plan.messages)


def _ordered(choice: Choice, given: Candidates) -> _Drawn:
    """The chosen documents in training order."""
    order = merge_order(choice.cell, choice.item_tokens, given.cells)
    cell = choice.cell[order]
    fresh = np.array([cell.fresh for cell in given.cells], dtype=np.bool_)
    synthetic = np.array([cell.synthetic for cell in given.cells], dtype=np.bool_)
    rows = given.documents["row"].to_numpy()
    return _Drawn(
        row=rows[choice.rows[order]],
        epoch=choice.epoch[order],
        tokens=choice.item_tokens[order],
        fresh=fresh[cell],
        synthetic=synthetic[cell],
    )


def _interleaved(drawn: Mapping[str, _Drawn]) -> Positions:
    """All modalities in one order: every prefix is made of a prefix of each, in step with their totals."""
    parts = [drawn[modality] for modality in sorted(drawn)]
    progress = [(np.cumsum(part.tokens) - part.tokens) / max(1, int(part.tokens.sum())) for part in parts]
    order = np.argsort(np.concatenate(progress), kind="stable")
    return Positions(
        row=np.concatenate([part.row for part in parts])[order],
        epoch=np.concatenate([part.epoch for part in parts])[order],
        fresh=np.concatenate([part.fresh for part in parts])[order],
        synthetic=np.concatenate([part.synthetic for part in parts])[order],
    )
