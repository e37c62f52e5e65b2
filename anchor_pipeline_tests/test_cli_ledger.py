"""`anchor ledger` on a small project with custody."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_pipeline.custody import note
from anchor_pipeline.custody.custodian import Custodian, custodian_of
from anchor_pipeline.custody.log_proof import parsed_proof
from anchor_pipeline.custody.witness import Witness, cosign, with_signatures
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.custody.ledgers.world import intent_of, outcome
from anchor_pipeline_tests.custody.stamps.services import calendar
from anchor_pipeline_tests.custody.tile_reader import TileReader
from anchor_pipeline_tests.projects import PROJECT


@pytest.fixture
def project(tmp_path: Path, anchor: Run) -> Path:
    """A project whose custody has begun and has taken down a step."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "project.yaml").write_text(f"{PROJECT}custody:\n  origin: example.org/small\n")
    code, _, err = anchor("keys", "init", folder)
    assert code == 0, err
    step(folder)
    return folder


def custodian(project: Path) -> Custodian:
    found = custodian_of(load_project(project))
    assert found is not None
    return found


def step(project: Path) -> None:
    watched, intent = custodian(project).observer(), intent_of()
    watched.opened(intent)
    watched.completed(intent, outcome())


def test_status_says_what_is_there_and_what_did_not_end(project: Path, anchor: Run) -> None:
    watched = custodian(project).observer()
    watched.opened(intent_of("mix/lawful"))
    code, out, _ = anchor("ledger", "status", project)
    assert code == 0
    assert "entries     4" in out
    assert "last head   4 entries" in out
    assert "mix/lawful since" in out
    assert "runs now" in out
    del watched
    code, out, _ = anchor("ledger", "status", project, "--json")
    told = json.loads(out)
    assert (told["origin"], told["entries"], told["head"]["size"]) == ("example.org/small", 4, 4)
    assert [(one["step"], one["running"]) for one in told["unfinished"]] == [("mix/lawful", False)]


def test_verify_checks_everything_and_keeps_the_head_it_saw(project: Path, anchor: Run, tmp_path: Path) -> None:
    pin = tmp_path / "seen"
    old = Path(custodian(project).storage.address).read_bytes()
    root = project / "keys/root.pub.json"
    code, out, err = anchor("ledger", "verify", project, "--root", root, "--pin", pin)
    assert (code, err) == (0, "")
    assert "example.org/small: 3 entries hold" in out
    step(project)
    assert anchor("ledger", "verify", project, "--pin", pin)[0] == 0
    Path(custodian(project).storage.address).write_bytes(old)
    code, _, err = anchor("ledger", "verify", project, "--pin", pin)
    assert code == 3
    assert "[head_rollback]" in err
    assert anchor("ledger", "verify", project, "--root", project / "keys/pipeline.pub.json")[0] == 3
    assert anchor("ledger", "verify", project, "--root", tmp_path / "nothing")[0] == 2


def test_entries_after_the_last_head_are_told(project: Path, anchor: Run) -> None:
    one = custodian(project)
    change = {"action": "add", "identity": "steward-anna", "replaces": None, "reason": "new"}
    key = one.signer.public.record() | {"identity": "steward-anna"}
    one.ledger.append("key", {**change, "key": key}, [one.keys.private("root")])
    code, out, _ = anchor("ledger", "verify", project)
    assert code == 0
    assert "1 came after it" in out


def test_publish_writes_what_a_web_server_can_serve(project: Path, anchor: Run, tmp_path: Path) -> None:
    code, out, err = anchor("ledger", "publish", project, "--to", tmp_path / "www")
    assert code == 0, err
    assert "3 entries published" in out
    assert sorted(path.name for path in (tmp_path / "www").iterdir()) == ["checkpoint", "tile"]
    assert len(TileReader(tmp_path / "www").entries()) == 3
    step(project)
    assert "5 entries published" in anchor("ledger", "publish", project, "--to", tmp_path / "www")[1]
    assert len(TileReader(tmp_path / "www").entries()) == 5
    assert anchor("ledger", "publish", project)[0] == 0
    assert len(TileReader(project / "store/custody/log").entries()) == 5


def test_witnesses_are_published_and_counted(project: Path, anchor: Run, tmp_path: Path) -> None:
    head, key = custodian(project).ledger.head(), Ed25519PrivateKey.generate()
    assert head is not None
    line = cosign(head, "witness.example/w", key, datetime(2026, 1, 2, tzinfo=UTC))
    (tmp_path / "cosigned").write_text(with_signatures(head, [line]).encoded())
    known = Witness("witness.example/w", key.public_key().public_bytes_raw()).encoded()
    asked = ("ledger", "verify", project, "--witness", known, "--least", "1")
    code, out, _ = anchor(*asked, "--head", tmp_path / "cosigned")
    assert code == 0
    assert "cosigned by witness.example/w at 2026-01-02 00:00:00 UTC" in out
    code, _, err = anchor(*asked)
    assert code == 3
    assert "cosigned by 0" in err
    assert anchor("ledger", "verify", project, "--witness", "nonsense")[0] == 2
    anchor("ledger", "publish", project, "--to", tmp_path / "www", "--head", tmp_path / "cosigned")
    assert anchor(*asked, "--head", tmp_path / "www/checkpoint")[0] == 0
    step(project)
    code, _, err = anchor("ledger", "publish", project, "--head", tmp_path / "cosigned")
    assert code == 2
    assert "the last one is of 5" in err


def test_prove_writes_a_proof_of_one_entry(project: Path, anchor: Run, tmp_path: Path) -> None:
    code, out, _ = anchor("ledger", "prove", project, 1)
    assert code == 0
    (entry,) = custodian(project).ledger.entries(1, 2)
    parsed_proof(out, "proof").check(entry.envelope)
    assert anchor("ledger", "prove", project, 1, "-o", tmp_path / "1.tlog-proof")[0] == 0
    assert (tmp_path / "1.tlog-proof").read_text() == out
    code, _, err = anchor("ledger", "prove", project, 9)
    assert code == 2
    assert "entries 0 to 2" in err


def test_rotate_begins_a_ledger_that_continues_this_one(project: Path, anchor: Run) -> None:
    code, out, err = anchor("ledger", "rotate", project, "example.org/small-2")
    assert code == 0, err
    assert "set `origin: example.org/small-2`" in out
    declared = project / "project.yaml"
    declared.write_text(declared.read_text().replace("origin: example.org/small", "origin: example.org/small-2"))
    step(project)
    code, out, err = anchor("ledger", "verify", project)
    assert code == 0, err
    assert "example.org/small: 3 entries hold" in out
    assert "example.org/small-2: 3 entries hold" in out
    assert "continues   example.org/small" in anchor("ledger", "status", project)[1]
    code, _, err = anchor("ledger", "rotate", project, "no name")
    assert code == 2
    assert "cannot name a ledger" in err


def test_stamps_are_made_and_their_state_is_told(project: Path, anchor: Run, tmp_path: Path) -> None:
    away = ("ledger", "stamp", project, "--calendar", "http://127.0.0.1:9/")
    code, out, _ = anchor(*away)
    assert code == 0, "a network that is down is no error"
    assert "3 entries  ots  pending: not stamped yet" in out
    with calendar() as one:
        here = ("ledger", "stamp", project, "--calendar", one.url)
        code, out, _ = anchor(*here)
        assert code == 0
        assert "no Bitcoin block has it yet" in out
        step(project)
        one.confirmed = True
        code, out, _ = anchor(*here, "--json")
        assert [(told["size"], told["status"]) for told in json.loads(out)] == [(3, "pending"), (5, "pending")]
        (tmp_path / "headers").write_text(f"850000 {one.header().hex()}\n")
        code, out, _ = anchor(*here, "--headers", tmp_path / "headers")
        assert "verified: it matches the header of Bitcoin block 850000 that was given" in out
    assert anchor(*away, "--headers", tmp_path / "nothing")[0] == 2


@pytest.mark.parametrize("command", ["status", "verify", "publish", "stamp"])
def test_a_project_without_custody_is_told_how_to_declare_it(command: str, tmp_path: Path, anchor: Run) -> None:
    (tmp_path / "project.yaml").write_text(PROJECT)
    code, _, err = anchor("ledger", command, tmp_path)
    assert code == 2
    assert "declares no custody" in err


def test_a_changed_entry_is_named(project: Path, anchor: Run) -> None:
    from anchor_pipeline_tests.custody.ledgers.world import World

    one = custodian(project)
    World(one.storage.address, one.keys.folder).alter(
        "UPDATE anchor_ledger_entries SET envelope = CAST(replace(CAST(envelope AS TEXT), 'A', 'B') AS BLOB)"
        " WHERE idx = 1"
    )
    code, _, err = anchor("ledger", "verify", project)
    assert code == 3
    assert "entry 1" in err
    head = one.ledger.head()
    assert head is not None
    assert note.parsed(head.encoded(), "head") == head
