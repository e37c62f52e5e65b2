"""Keys and ledgers are replaced, and it stays one history that a reader with an old head can check."""

from __future__ import annotations

from pathlib import Path

import pytest

from anchor_pipeline.custody import note
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.head_memory import HeadMemory
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline.custody.ledger import Ledger, begin
from anchor_pipeline.custody.observer import CustodyObserver
from anchor_pipeline.custody.pins import check_and_pin, read_pin
from anchor_pipeline.custody.rotation import Bytes, check_history, rotate_ledger
from anchor_pipeline.errors import Refused, UsageError
from anchor_pipeline_tests.custody.ledgers.world import World, intent_of, new_world, outcome, unfinished


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(str(tmp_path / "ledger.sqlite"), tmp_path / "keys")


def bytes_of(ledger: Ledger) -> Bytes:
    head = ledger.head()
    assert head is not None
    return Bytes([entry.envelope for entry in ledger.entries()], head.encoded())


def next_ledger(world: World, origin: str = "example.org/ledger-2") -> Ledger:
    return Ledger(world.storage, origin, memory=HeadMemory(world.folder))


def step(ledger: Ledger, signer: PrivateKey) -> None:
    watched, intent = CustodyObserver(ledger, signer), intent_of()
    watched.opened(intent)
    watched.completed(intent, outcome())


def test_a_ledger_goes_on_in_a_new_one(world: World) -> None:
    world.step()
    old, new = world.ledger, next_ledger(world)
    rotate_ledger(old, new, world.root, world.pipeline)
    step(new, world.pipeline)
    first, second = check_history([bytes_of(old), bytes_of(new)], root=world.root.public)
    assert (first.size, second.size) == (3, 3)
    assert second.keys.in_force() == first.keys.in_force()
    third = next_ledger(world, "example.org/ledger-3")
    rotate_ledger(new, third, world.root, world.pipeline)
    assert len(check_history([bytes_of(one) for one in (old, new, third)], root=world.root.public)) == 3


def test_a_ledger_before_that_is_left_out_cut_or_longer_is_told(world: World) -> None:
    world.step()
    old, new = world.ledger, next_ledger(world)
    early = bytes_of(old)
    rotate_ledger(old, new, world.root, world.pipeline)
    with pytest.raises(Flaw) as left_out:
        check_history([bytes_of(new)], root=world.root.public)
    assert left_out.value.code == "origin"
    with pytest.raises(Flaw) as twice:
        check_history([early, early], root=world.root.public)
    assert twice.value.code == "origin"
    step(old, world.pipeline)
    with pytest.raises(Flaw) as longer:
        check_history([bytes_of(old), bytes_of(new)], root=world.root.public)
    assert longer.value.code == "head_size"
    assert check_history([early, bytes_of(new)], root=world.root.public)


def test_another_ledger_of_the_same_name_and_length_is_told(world: World, tmp_path: Path) -> None:
    other = World(str(tmp_path / "other.sqlite"), world.folder)
    forgetful = Ledger(other.storage, world.ledger.origin)
    begin(forgetful, world.root, [world.pipeline.public])
    forgetful.sign_head(world.root)
    new = next_ledger(world)
    rotate_ledger(world.ledger, new, world.root, world.pipeline)
    with pytest.raises(Flaw) as told:
        check_history([bytes_of(forgetful), bytes_of(new)], root=world.root.public)
    assert told.value.code == "fork"


def test_the_new_ledger_has_the_root_of_the_old_one(world: World, tmp_path: Path) -> None:
    head = world.ledger.head()
    assert head is not None
    stranger = PrivateKey.generate("root")
    new = next_ledger(world)
    continues = {"origin": head.origin, "size": head.size, "root_hash": head.root.hex()}
    begin(new, stranger, [world.pipeline.public], continues=continues)
    new.sign_head(stranger)
    with pytest.raises(Flaw) as told:
        check_history([bytes_of(world.ledger), bytes_of(new)], root=world.root.public)
    assert told.value.code == "root_not_pinned"
    with pytest.raises(Refused, match="is not the root"):
        rotate_ledger(world.ledger, next_ledger(world, "x"), stranger, world.pipeline)


def test_nothing_is_rotated_while_a_step_runs(world: World) -> None:
    with unfinished(world), pytest.raises(Refused, match="1 steps still run"):
        rotate_ledger(world.ledger, next_ledger(world), world.root, world.pipeline)
    with pytest.raises(UsageError, match="another name"):
        rotate_ledger(world.ledger, world.ledger, world.root, world.pipeline)
    rotate_ledger(world.ledger, next_ledger(world), world.root, world.pipeline)
    with pytest.raises(Refused, match="has begun already"):
        rotate_ledger(world.ledger, next_ledger(world), world.root, world.pipeline)


def test_keys_and_root_are_replaced_and_every_head_still_counts(world: World) -> None:
    ledger, root = world.ledger, world.root
    world.step()
    new = PrivateKey.generate("pipeline")
    change = {"action": "rotate", "identity": "pipeline", "key": new.public.record(), "reason": "yearly"}
    ledger.append("key", {**change, "replaces": world.pipeline.public.id}, [root])
    ledger.sign_head(root)
    with pytest.raises(Refused, match="not in force"):
        step(ledger, world.pipeline)
    step(ledger, new)
    another = PrivateKey.generate("root")
    ledger.append("root", {"root": another.public.record(), "reason": "yearly"}, [root, another])
    ledger.sign_head(another)
    step(ledger, new)
    assert world.checked().keys.in_force() == {"pipeline": new.public, "root": another.public}
    later = next_ledger(world)
    with pytest.raises(Refused, match="is not the root"):
        rotate_ledger(ledger, later, root, new)
    rotate_ledger(ledger, later, another, new)
    step(later, new)
    checked = check_history([bytes_of(ledger), bytes_of(later)], root=root.public)
    assert checked[1].keys.root == another.public


def test_a_pin_moves_forward_and_only_forward(world: World, tmp_path: Path) -> None:
    path, ledger = tmp_path / "seen/head", world.ledger
    early = bytes_of(ledger)

    def look(history: list[Bytes]) -> note.Checkpoint | None:
        checked = check_history(history, root=world.root.public)
        return check_and_pin(path, checked, note.parsed(history[-1].head, "head"))

    assert look([early]) is None
    world.step()
    middle = bytes_of(ledger)
    pinned = look([middle])
    assert pinned is not None
    assert pinned.size == 1
    kept = path.read_bytes()
    with pytest.raises(Flaw) as older:
        look([early])
    assert older.value.code == "head_rollback"
    assert path.read_bytes() == kept
    new = next_ledger(world)
    rotate_ledger(ledger, new, world.root, world.pipeline)
    look([bytes_of(ledger), bytes_of(new)])
    found = read_pin(path)
    assert found is not None
    assert found.origin == new.origin
    with pytest.raises(Flaw) as back:
        look([middle])
    assert back.value.code == "origin"


def test_a_pin_of_another_history_is_a_fork(world: World, tmp_path: Path) -> None:
    path = tmp_path / "head"
    other = World(str(tmp_path / "other.sqlite"), world.folder)
    forgetful = Ledger(other.storage, world.ledger.origin)
    begin(forgetful, world.root, [world.pipeline.public])
    forgetful.sign_head(world.root)
    for ledger, code in ((world.ledger, ""), (forgetful, "fork")):
        history = [bytes_of(ledger)]
        try:
            check_and_pin(path, check_history(history), note.parsed(history[0].head, "head"))
            found = ""
        except Flaw as flaw:
            found = flaw.code
        assert found == code
    path.write_text("no head")
    with pytest.raises(UsageError, match="name another file"):
        read_pin(path)
