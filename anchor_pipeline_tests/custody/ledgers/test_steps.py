"""What the ledger knows of steps that failed, were interrupted, were killed, or still run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from anchor_pipeline.custody.keys import PrivateKey, PublicKey
from anchor_pipeline.custody.ledger import Ledger
from anchor_pipeline.custody.observer import CustodyObserver, close_abandoned
from anchor_pipeline.errors import AnchorError, Refused, Unavailable
from anchor_pipeline.observer import Intent
from anchor_pipeline.record import Recorder
from anchor_pipeline_tests.custody.ledgers.workers import start
from anchor_pipeline_tests.custody.ledgers.world import World, intent_of, outcome, unfinished


def kinds(world: World) -> list[str]:
    """What the entries are, in order."""
    check, found = type(world.checked())(world.root.public), []
    for entry in world.ledger.entries():
        found.append(check.take(entry.envelope).name)
    return found


def test_a_step_is_in_the_ledger_before_it_runs_and_after_it_ended(world: World) -> None:
    watched = world.observer()
    intent = intent_of()
    watched.opened(intent)
    assert kinds(world) == ["genesis", "intent"]
    head = world.ledger.head()
    assert head is not None
    assert head.size == 2, "a head covers the intent before the step runs"
    watched.completed(intent, outcome())
    assert kinds(world) == ["genesis", "intent", "completion"]
    assert world.checked().unfinished == {}


def test_a_failed_step_ends_with_its_reason(world: World) -> None:
    watched, intent = world.observer(), intent_of()
    watched.opened(intent)
    watched.failed(intent, outcome(ValueError("no \udcff rows\n" * 500)))
    assert kinds(world)[-1] == "failure"
    assert world.checked().unfinished == {}


@pytest.fixture
def killed(world: World) -> str:
    """The run of a process that was killed in it."""
    process = start("hold", world)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    run = process.stdout.readline().strip()
    assert world.storage.is_running(run)
    process.kill()
    process.communicate()
    return run


def test_a_killed_step_shows_as_unfinished_and_the_next_one_closes_it_once(world: World, killed: str) -> None:
    assert len(world.checked().unfinished) == 1
    assert not world.storage.is_running(killed)
    world.step()
    assert kinds(world) == ["genesis", "intent", "abandoned", "intent", "completion"]
    world.step()
    assert kinds(world).count("abandoned") == 1
    assert world.checked().unfinished == {}


def test_two_who_close_it_at_once_close_it_once(world: World, killed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = world.ledger.unfinished()
    assert close_abandoned(world.ledger, world.pipeline) == 1
    monkeypatch.setattr(Ledger, "unfinished", lambda self: seen)
    assert close_abandoned(world.ledger, world.pipeline) == 0
    assert kinds(world).count("abandoned") == 1


def test_a_step_that_still_runs_is_left_alone(world: World) -> None:
    with unfinished(world) as run:
        world.step("corpus")
        assert kinds(world) == ["genesis", "intent", "intent", "completion"]
        assert world.storage.is_running(run)
    assert kinds(world)[-1] == "completion"
    assert not world.storage.is_running(run)
    assert world.checked().unfinished == {}


def test_who_was_taken_for_dead_cannot_end_and_the_ledger_stays_sound(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock can be lost with a connection, or a file that somebody removed: the step then does not count."""
    watched, intent = world.observer(), intent_of()
    watched.opened(intent)
    monkeypatch.setattr(type(world.storage), "is_running", lambda self, run: False)
    assert close_abandoned(world.ledger, world.pipeline) == 1
    with pytest.raises(Refused, match="for dead"):
        watched.completed(intent, outcome())
    assert kinds(world) == ["genesis", "intent", "abandoned"]


def test_a_step_that_cannot_be_taken_down_does_not_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def broken(self: object, origin: str) -> Iterator[None]:
        raise Unavailable("the disk is full")
        yield

    watched = world.observer()
    monkeypatch.setattr(type(world.storage), "writing", broken)
    recorder, ran = Recorder(None, "world", [watched]), []  # type: ignore[arg-type]
    with pytest.raises(AnchorError, match=r"was not run.*the disk is full"), recorder.step("corpus"):
        ran.append(1)
    assert ran == []
    monkeypatch.undo()
    assert kinds(world) == ["genesis"]


@pytest.mark.parametrize("call", ["append", "sign_head"])
def test_an_interrupt_between_entry_and_head_leaves_an_intent_that_is_closed_later(
    world: World, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(Ledger, call)

    def stopped(self: Ledger, *arguments: object, **options: object) -> object:
        done = real(self, *arguments, **options)
        monkeypatch.undo()
        raise KeyboardInterrupt from None
        return done

    watched, intent = world.observer(), intent_of()
    monkeypatch.setattr(Ledger, call, stopped)
    with pytest.raises(KeyboardInterrupt):
        watched.opened(intent)
    watched.failed(intent, outcome(KeyboardInterrupt()))
    assert kinds(world) == ["genesis", "intent"]
    assert not world.storage.is_running(intent.run.id)
    world.step()
    assert kinds(world)[2] == "abandoned"


class Erring:
    """A signer that fails, or gives something else than a signature, from its n-th use on."""

    def __init__(self, key: PrivateKey, n: int, error: Exception | None) -> None:
        self._key, self._n, self._error, self._used = key, n, error, 0

    @property
    def public(self) -> PublicKey:
        return self._key.public

    def ed25519(self, message: bytes) -> bytes:
        return self._maybe(self._key.ed25519(message))

    def ml_dsa_65(self, message: bytes) -> bytes:
        return self._maybe(self._key.ml_dsa_65(message))

    def _maybe(self, signature: bytes) -> bytes:
        self._used += 1
        if self._used < self._n:
            return signature
        if self._error is not None:
            raise self._error
        return bytes(len(signature))


def _run(watched: CustodyObserver, intent: Intent) -> None:
    watched.opened(intent)
    watched.completed(intent, outcome())


@pytest.mark.parametrize("error", [None, TimeoutError("the key service does not answer")])
def test_a_signer_that_errs_spoils_nothing(world: World, error: Exception | None) -> None:
    """A step signs eight times: intent, head, completion, head, each with two keys."""
    for n in range(1, 9):
        watched, intent = CustodyObserver(world.ledger, Erring(world.pipeline, n, error)), intent_of()
        with pytest.raises((Unavailable, TimeoutError)):
            _run(watched, intent)
        del watched
        world.checked()
        world.step()
        assert world.checked().unfinished == {}
        assert close_abandoned(world.ledger, world.pipeline) == 0
