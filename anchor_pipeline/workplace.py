"""The place where a project is worked on, and what lies in its store as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from anchor_pipeline.corpus.corpus import Corpus, read_corpus
from anchor_pipeline.corpus.disk import disk_trouble_told
from anchor_pipeline.corpus.snapshot import SourceSnapshot, read_snapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.custodian import Custodian, custodian_of
from anchor_pipeline.errors import DamagedData, Refused
from anchor_pipeline.lineage.code_location import code_location
from anchor_pipeline.lineage.outbox import OpenLineageFile
from anchor_pipeline.mix.release import Release, current_release
from anchor_pipeline.mix.selection import Selection, read_selection
from anchor_pipeline.observer import CodeLocation
from anchor_pipeline.project import Project
from anchor_pipeline.project.cycles import Cycle
from anchor_pipeline.record import Observer, Recorder, RunRef, Step
from anchor_pipeline.rules.verdict import Verdict, policy_digest


@dataclass(frozen=True)
class Workplace:
    """A project with its store, and who watches the steps."""

    project: Project
    observers: Sequence[Observer] = ()
    """Told of every step, beside the lineage file."""
    parent: RunRef | None = None
    """The run of an orchestrator that the steps belong to."""

    @cached_property
    def store(self) -> Store:
        """The project's store."""
        return Store.at(self.project.store_address)

    @cached_property
    def code(self) -> CodeLocation | None:
        """The commit that the declaration is from; None unless git knows."""
        return code_location(self.project.path)

    @cached_property
    def custodian(self) -> Custodian | None:
        """Who signs the steps; None if the project declares no custody."""
        return custodian_of(self.project)

    @cached_property
    def credential_check(self) -> Callable[[Mapping[str, str]], dict[str, str]] | None:
        """Says of shards, given with their sources, what is wrong with their credentials; None without custody."""
        if self.custodian is None:
            return None
        from anchor_pipeline.custody.credentials.keep import credential_check

        return credential_check(self.project, self.store, self.custodian.trust)

    @contextmanager
    def step(self, name: str, cycle: Cycle | None, stage: str | None = None) -> Iterator[Step]:
        """A step to be run in a `with` block; one of a stage is recorded with the digest of its policy.

        Recalls and exports belong to no cycle.

        Raises Unavailable for what the disk refuses.
        """
        policy = policy_digest(self.project, stage) if stage else None
        custody = self.custodian.observer() if self.custodian else None
        signing: list[Observer] = [custody] if custody else []
        lineage = OpenLineageFile(self.store, custody.entries_of if custody else None)
        observers = [*signing, lineage, *self.observers]
        recorder = Recorder(self.store, self.project.project, observers, policy=policy, code=self.code)
        with recorder.step(name, cycle=cycle, parent=self.parent) as step, disk_trouble_told(name):
            yield step


def give_credentials(place: Workplace, snapshot: SourceSnapshot, run: str) -> dict[str, int | str]:
    """Make what is missing of the credentials of a snapshot's shards; their number, and the digest of their list."""
    from anchor_pipeline.custody.credentials.bundle import summary_of
    from anchor_pipeline.custody.credentials.keep import ensure_credentials

    custodian = place.custodian
    assert custodian is not None
    made = ensure_credentials(
        place.project, snapshot, place.store, custodian.trust, custodian.signer, custodian.leaf, run
    )
    return summary_of(made, place.store)


def current_snapshot(place: Workplace, name: str) -> SourceSnapshot:
    """The snapshot of a source; DamagedData if it was never ingested."""
    snapshot = read_snapshot(place.store, name)
    if snapshot is None:
        raise DamagedData(f"source {name} was never ingested; build sources/{name} first")
    return snapshot


def current_corpus(place: Workplace, cycle: Cycle) -> Corpus:
    """The corpus of a cycle; DamagedData if it was never assembled."""
    corpus = read_corpus(place.store, cycle.key)
    if corpus is None:
        raise DamagedData(f"the corpus of {cycle.key} was never assembled; build corpus first")
    return corpus


def current_selection(place: Workplace, stage: str, cycle: Cycle) -> Selection:
    """The selection of a stage; Refused if there is none."""
    selection = read_selection(place.store, stage, cycle.key)
    if selection is None:
        raise Refused(f"stage {stage} has no selection for {cycle.key}; build selection/{stage} first")
    return selection


def current_verdict(place: Workplace, stage: str, cycle: Cycle) -> Verdict:
    """The stored verdict on the current selection; Refused if there is none or it is on another one."""
    selection = current_selection(place, stage, cycle)
    name = f"selection/{stage}/{cycle.key}/verdict.json"
    if not place.store.exists(name):
        raise Refused(f"stage {stage} has no verdict for {cycle.key}; build selection/{stage} first")
    verdict = Verdict.model_validate_json(place.store.read(name))
    if verdict.digests.selection != selection.digest:
        raise Refused(f"the verdict on {stage} {cycle.key} is for another selection; build selection/{stage} again")
    return verdict


def released_mix(place: Workplace, stage: str, cycle: Cycle) -> Release:
    """The current release of a stage; Refused if there is none."""
    found = current_release(place.store, stage, cycle.key)
    if found is None:
        raise Refused(f"stage {stage} has no release for {cycle.key}")
    return found
