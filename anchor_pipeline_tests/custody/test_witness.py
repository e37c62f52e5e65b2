"""Cosignatures of witnesses are counted if they verify, and a false one is told."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody import note
from anchor_pipeline.custody.check_ledger import check_ledger
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.tiles import publish
from anchor_pipeline.custody.witness import Witness, check_witnessed, cosign, cosignatures, with_signatures
from anchor_pipeline.errors import UsageError
from anchor_pipeline_tests.custody.ledgers.world import World, new_world

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

# The example of https://c2sp.org/tlog-cosignature: its body, and the time in its cosignature.
EXAMPLE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 \
jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return new_world(str(tmp_path / "ledger.sqlite"), tmp_path / "keys")


@pytest.fixture
def keys() -> list[Ed25519PrivateKey]:
    return [Ed25519PrivateKey.generate() for _ in range(3)]


def witness(name: str, key: Ed25519PrivateKey) -> Witness:
    return Witness(name, key.public_key().public_bytes_raw())


def test_the_example_of_the_specification_is_read() -> None:
    head = note.parsed(EXAMPLE, "example")
    line = head.signatures[1]
    assert (line.name, line.key_hash.hex(), len(line.signature)) == ("witness.example.com/w1", "8d66cf3f", 72)
    assert int.from_bytes(line.signature[:8], "big") == 1679315147
    assert head.encoded() == EXAMPLE


def test_what_is_signed_is_what_the_specification_says(keys: list[Ed25519PrivateKey]) -> None:
    head = note.parsed(EXAMPLE, "example")
    line = cosign(head, "w", keys[0], datetime.fromtimestamp(1679315147, UTC))
    message = "cosignature/v1\ntime 1679315147\n" + EXAMPLE.split("\n\n")[0] + "\n"
    keys[0].public_key().verify(line.signature[8:], message.encode())


def test_cosignatures_are_counted_and_others_ignored(world: World, keys: list[Ed25519PrivateKey]) -> None:
    head = world.ledger.head()
    assert head is not None
    names = ["one.example/w", "two.example/w", "three.example/w"]
    full = with_signatures(head, [cosign(head, name, key, AT) for name, key in zip(names, keys, strict=True)])
    again = note.parsed(full.encoded(), "head")
    known = [witness(name, key) for name, key in zip(names, keys, strict=True)]
    assert [(one.witness, one.at) for one in cosignatures(again, known)] == [(name, AT) for name in names]
    assert len(check_witnessed(again, known[:1], 1)) == 1
    assert cosignatures(again, [witness("one.example/w", keys[1])]) == [], "another key of that name"
    assert cosignatures(head, known) == []
    with pytest.raises(Flaw, match=r"cosigned by 0 of the witnesses given, 2 are asked for"):
        check_witnessed(head, known, 2)
    entries = [entry.envelope for entry in world.ledger.entries()]
    assert check_ledger(entries, full.encoded(), root=world.root.public).size == 1


def test_a_known_witness_is_counted_once(world: World, keys: list[Ed25519PrivateKey]) -> None:
    head = world.ledger.head()
    assert head is not None
    line, one = cosign(head, "w", keys[0], AT), witness("w", keys[0])
    assert len(cosignatures(with_signatures(head, [line, line]), [one, one])) == 1


def test_a_false_cosignature_of_a_known_witness_is_told(world: World, keys: list[Ed25519PrivateKey]) -> None:
    head = world.ledger.head()
    assert head is not None
    world.step()
    later = world.ledger.head()
    assert later is not None
    line, one = cosign(head, "w", keys[0], AT), witness("w", keys[0])
    with pytest.raises(Flaw, match="does not verify"):
        cosignatures(with_signatures(later, [line]), [one])
    for at in range(0, 72, 5):
        changed = bytes(value ^ (place == at) for place, value in enumerate(line.signature))
        false = note.NoteSignature(line.name, line.key_hash, changed)
        with pytest.raises(Flaw, match="cosignature of w"):
            cosignatures(with_signatures(head, [false]), [one])
    short = note.NoteSignature(line.name, line.key_hash, line.signature[:-1])
    with pytest.raises(Flaw):
        cosignatures(with_signatures(head, [short]), [one])


def test_a_verifier_key_is_read_and_checked(keys: list[Ed25519PrivateKey]) -> None:
    one = witness("witness.example.com/w1", keys[0])
    assert Witness.parsed(one.encoded() + "\n") == one
    name, key_hash, key = one.encoded().split("+", 2)
    wrong_type = base64.b64encode(b"\x01" + one.ed25519).decode()
    for line in (f"{name}+00000000+{key}", f"{name}+{key_hash}+{wrong_type}", f"x+{key_hash}+{key}", "", f"+{key}"):
        with pytest.raises(UsageError):
            Witness.parsed(line)


def test_cosignatures_that_were_published_stay(world: World, keys: list[Ed25519PrivateKey], tmp_path: Path) -> None:
    store, head = Store(tmp_path / "www"), world.ledger.head()
    assert head is not None
    publish(world.ledger, store, head=with_signatures(head, [cosign(head, "w", keys[0], AT)]))
    publish(world.ledger, store)
    published = note.parsed((tmp_path / "www/checkpoint").read_text(), "head")
    assert len(cosignatures(published, [witness("w", keys[0])])) == 1
