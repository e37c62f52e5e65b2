"""The commit on an object store, tried in every order in which the steps of two writers can come.

Whatever the order, and wherever a writer dies: a revision is released once or never, what is released is whole, it
replaces the release before it, and the next run gets through.
"""

from __future__ import annotations

import hashlib
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from anchor_pipeline.corpus.remote_store import RemoteStore
from anchor_pipeline.errors import AnchorError, Unavailable, UsageError
from anchor_pipeline.mix.manifest import Amount, Digests, Manifest, Part, parse_manifest, part_path
from anchor_pipeline.mix.release import Release, current_release, is_tombstone
from anchor_pipeline.mix.remote_commit import commit_remote
from anchor_pipeline_tests.mix.memory_remote import Before, MemoryRemote, Objects

FOLDER = "mix/pretrain/2021"


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Mix:
    """A finished mix of one part, to be released."""

    content: bytes
    staged: Path
    manifest: Manifest = field(init=False)

    def __post_init__(self) -> None:
        path = part_path(0, 1)
        (self.staged / path).parent.mkdir(parents=True)
        (self.staged / path).write_bytes(self.content)
        sha256 = hashlib.sha256(self.content).hexdigest()
        manifest = Manifest(
            format=2,
            project="demo",
            stage="pretrain",
            cycle="2021",
            as_of="2022-01-01T00:00:00+00:00",
            written_by="anchor-pipeline 0",
            parts=(Part(path=path, sha256=sha256, bytes=len(self.content), rows=1, tokens=1),),
            files=(),
            rows=1,
            amounts={"text": Amount(unit="tokens", tokens=1, documents=1)},
            shares={},
            digests=Digests(policy="p", selection="s", corpus="c", verdict="v"),
            documents=None,
            previous=None,
            revision=0,
            replaces=None,
            digest="",
        )
        self.manifest = manifest.model_copy(update={"digest": manifest.computed_digest()})

    def commit(self, objects: Objects, current: Release | None, before: Before = lambda o, n: None) -> Release:
        store = RemoteStore(MemoryRemote(objects, before), self.staged.parent / "cache")
        return commit_remote(store, self.staged, self.manifest, current)


def released(objects: Objects, cache: Path) -> Release | None:
    """The current release, after all of them have been looked at: each is whole and replaces the one before it."""
    chain: list[Manifest] = []
    for name in sorted(objects):
        folder, _, last = name.rpartition("/")
        if last != "MANIFEST.json" or is_tombstone(objects[name]):
            continue
        manifest = parse_manifest(objects[name], name)
        inside = {key.removeprefix(f"{folder}/"): data for key, data in objects.items() if key.startswith(f"{folder}/")}
        del inside["MANIFEST.json"]
        expected = {entry.path: entry.sha256 for entry in manifest.entries}
        assert {path: hashlib.sha256(data).hexdigest() for path, data in inside.items()} == expected
        before = (chain[-1].revision, chain[-1].digest) if chain else None
        assert before == ((manifest.replaces.revision, manifest.replaces.digest) if manifest.replaces else None)
        chain.append(manifest)
    found = current_release(RemoteStore(MemoryRemote(objects), cache), "pretrain", "2021")
    assert (found.digest if found else None) == (chain[-1].digest if chain else None)
    return found


@dataclass
class Failing:
    """The n-th operation fails, or all from the n-th on."""

    n: int
    on: bool
    count: int = 0

    def __call__(self, operation: str, name: str) -> None:
        self.count += 1
        if self.count == self.n or (self.on and self.count > self.n):
            raise Unavailable("the network is down (made up)")


class Together:
    """Runs writers step by step in a given order; beyond its end the first that still runs goes on."""

    def __init__(self, writers: int, order: list[int]) -> None:
        self.order, self.taken, self.could = order, list[int](), list[list[int]]()
        self._waiting = [threading.Semaphore(0) for _ in range(writers)]
        self._arrived = threading.Semaphore(0)
        self._running = set(range(writers))

    def step(self, writer: int) -> None:
        self._arrived.release()
        self._waiting[writer].acquire()

    def run(self, bodies: list[threading.Thread]) -> None:
        for body in bodies:
            body.start()
            self._arrived.acquire()
        while self._running:
            able = sorted(self._running)
            at = len(self.taken)
            chosen = self.order[at] if at < len(self.order) and self.order[at] in able else able[0]
            self.taken.append(chosen)
            self.could.append(able)
            self._waiting[chosen].release()
            self._arrived.acquire()
        for body in bodies:
            body.join()

    def ended(self, writer: int) -> None:
        self._running.discard(writer)
        self._arrived.release()


def race(
    mixes: list[Mix], objects: Objects, current: Release | None, order: list[int]
) -> tuple[list[object], Together]:
    """What became of each writer when they ran in that order."""
    together = Together(len(mixes), order)
    outcomes: list[object] = [None] * len(mixes)

    def body(number: int) -> None:
        def step(operation: str, name: str) -> None:
            # Files of the parts are put and listed under a revision that one content alone has claimed: when exactly
            # makes no difference to others.
            if operation not in ("put", "sizes"):
                together.step(number)

        try:
            outcomes[number] = mixes[number].commit(objects, current, step)
        except AnchorError as error:
            outcomes[number] = error
        finally:
            together.ended(number)

    together.run([threading.Thread(target=body, args=(number,)) for number in range(len(mixes))])
    return outcomes, together


def following_order(together: Together) -> list[int] | None:
    """The next order to try, the last step that had an alternative changed; None after the last order."""
    taken = together.taken
    for at in reversed(range(len(taken))):
        later = [writer for writer in together.could[at] if writer > taken[at]]
        if later:
            return [*taken[:at], later[0]]
    return None


@pytest.mark.slow
@pytest.mark.parametrize("same", [False, True], ids=["other content", "same content"])
@pytest.mark.parametrize(
    "first", [True, pytest.param(False, marks=pytest.mark.marathon)], ids=["first release", "rebuild"]
)
def test_in_every_order_of_two_writers_one_content_is_released(tmp_path: Path, same: bool, first: bool) -> None:
    start: Objects = {}
    old = None if first else Mix(b"old", tmp_path / "old/staged").commit(start, None)
    mixes = [Mix(b"one", tmp_path / "1/staged"), Mix(b"one" if same else b"two", tmp_path / "2/staged")]
    order: list[int] | None = []
    count = 0
    while order is not None:
        objects = dict(start)
        outcomes, together = race(mixes, objects, old, order)
        winners = [outcome for outcome in outcomes if isinstance(outcome, Release)]
        found = released(objects, tmp_path / "cache")
        assert found is not None
        assert {winner.digest for winner in winners} == {found.digest}, together.taken
        assert len(winners) == (2 if same else 1), (together.taken, outcomes)
        assert all(type(outcome) is AnchorError for outcome in outcomes if outcome not in winners)
        order = following_order(together)
        count += 1
    assert count > 500


def test_of_many_writers_in_any_order_one_content_is_released(tmp_path: Path) -> None:
    contents = (b"one", b"two", b"three", b"two")
    mixes = [Mix(content, tmp_path / f"{number}/staged") for number, content in enumerate(contents)]
    draw = random.Random(1)
    for _ in range(300):
        objects: Objects = {}
        order = [draw.randrange(len(mixes)) for _ in range(100)]
        outcomes, _ = race(mixes, objects, None, order)
        found = released(objects, tmp_path / "cache")
        assert found is not None
        assert {outcome.digest for outcome in outcomes if isinstance(outcome, Release)} == {found.digest}, order
        assert all(type(outcome) is AnchorError for outcome in outcomes if not isinstance(outcome, Release))


@pytest.mark.parametrize("same", [False, True], ids=["other content", "same content"])
def test_wherever_a_writer_is_killed_the_next_one_releases(tmp_path: Path, same: bool) -> None:
    killed, after = Mix(b"one", tmp_path / "1/staged"), Mix(b"one" if same else b"two", tmp_path / "2/staged")
    at = 0
    while True:
        objects: Objects = {}
        left = at

        def step(operation: str, name: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed

        try:
            killed.commit(objects, None, step)
            break
        except Killed:
            current = released(objects, tmp_path / "cache")
        found = after.commit(objects, current)
        assert found.digest == after.manifest.digest
        assert released(objects, tmp_path / "cache") == found
        at += 1
    assert at >= 6


def test_a_late_writer_finds_that_it_was_taken_for_dead(tmp_path: Path) -> None:
    objects: Objects = {}
    late, other = Mix(b"late", tmp_path / "1/staged"), Mix(b"other", tmp_path / "2/staged")

    def step(operation: str, name: str) -> None:
        if (operation, name) == ("put", f"{FOLDER}/0001/{part_path(0, 1)}"):
            assert other.commit(objects, None).revision == 2

    with pytest.raises(AnchorError, match="another run took revision 1 from this one meanwhile"):
        late.commit(objects, None, step)
    found = released(objects, tmp_path / "cache")
    assert found is not None
    assert (found.revision, found.digest) == (2, other.manifest.digest)


def test_a_release_that_appeared_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    objects: Objects = {}
    first = Mix(b"first", tmp_path / "1/staged").commit(objects, None)
    second = Mix(b"second", tmp_path / "2/staged").commit(objects, first)
    with pytest.raises(AnchorError, match="another run released revision 2 meanwhile"):
        Mix(b"third", tmp_path / "3/staged").commit(objects, first)
    assert released(objects, tmp_path / "cache") == second


def test_files_of_nobody_do_not_get_into_a_release(tmp_path: Path) -> None:
    objects: Objects = {f"{FOLDER}/0001/notes.txt": b"mine"}
    found = Mix(b"one", tmp_path / "1/staged").commit(objects, None)
    assert found.revision == 2
    assert released(objects, tmp_path / "cache") == found


def test_a_storage_that_ignores_the_condition_is_refused(tmp_path: Path) -> None:
    class Careless(MemoryRemote):
        def _create(self, name: str, data: bytes) -> bool:
            self.objects[name] = data
            return True

    mix, objects = Mix(b"one", tmp_path / "1/staged"), Objects()
    store = RemoteStore(Careless(objects), tmp_path / "cache")
    with pytest.raises(UsageError, match="ignores the condition"):
        commit_remote(store, mix.staged, mix.manifest, None)
    assert not any(name.endswith("MANIFEST.json") for name in objects)


@pytest.mark.parametrize("on", [False, True], ids=["once", "from then on"])
def test_whatever_operation_fails_nothing_is_half_released(tmp_path: Path, on: bool) -> None:
    mix = Mix(b"one", tmp_path / "1/staged")
    n = 1
    while True:
        objects, faults = Objects(), Failing(n, on)
        try:
            mix.commit(objects, None, faults)
        except Unavailable:
            assert released(objects, tmp_path / "cache") is None
        if faults.count < n:
            break
        assert mix.commit(objects, released(objects, tmp_path / "cache")).digest == mix.manifest.digest
        n += 1
    assert n > 6
