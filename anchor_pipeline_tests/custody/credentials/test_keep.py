"""Credentials in the store: one for every shard, made once, and checked wherever shards are drawn from."""

from __future__ import annotations

import copy
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.custody.credentials.authority import begin_authority, leaf_of, read_authority, replace_authority
from anchor_pipeline.custody.credentials.c2pa_library import NoLibrary
from anchor_pipeline.custody.credentials.keep import refs_of
from anchor_pipeline.custody.credentials.shards import credential_name
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline.errors import DamagedData, Refused
from anchor_pipeline_tests.custody.credentials.place import DECLARATION, Place, trusting
from anchor_pipeline_tests.documents import document, snapshot_of

pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install 'anchor-pipeline[c2pa]'")


def test_every_shard_gets_the_credential_of_its_kind(place: Place) -> None:
    refs = place.ensure_all()
    assert [ref.kind for ref in refs] == ["in-toto", "in-toto", "c2pa", "c2pa"]
    assert place.problems() == {}
    assert refs_of(place.store, [ref.shard for ref in refs]) == sorted(refs, key=lambda ref: ref.shard)


def test_what_holds_is_kept_and_needs_no_leaf(place: Place) -> None:
    refs = place.ensure_all()

    def nobody() -> Any:
        raise AssertionError("no leaf is needed")

    assert [ref for source in ("people", "drafts", "rewrites") for ref in place.ensure(source, nobody)] == refs


def test_people_need_no_leaf_and_no_library(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "c2pa", None)
    place.ensure("people")
    assert place.problems(["people"]) == {}
    with pytest.raises(NoLibrary, match="pip install"):
        place.ensure("drafts")


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("people", {"steward": "bob@example.org"}),
        ("people", {"fields": {"licence": "MIT"}}),
        ("drafts", {"generator": {"name": "scribe", "version": "3"}}),
        ("drafts", {"steward": "bob@example.org"}),
    ],
)
def test_a_declaration_that_changed_is_noticed_and_the_next_ingest_says_so_anew(
    place: Place, source: str, change: dict[str, Any]
) -> None:
    place.ensure_all()
    changed = copy.deepcopy(DECLARATION)
    changed["sources"][source] |= change
    place.declare(changed)
    problems = place.problems()
    assert set(problems) == set(place.shards(source))
    assert all("then" in problem or "another generator" in problem for problem in problems.values())
    place.ensure(source)
    assert place.problems([source]) == {}


@pytest.mark.parametrize("kind", ["in-toto", "c2pa"])
def test_every_byte_that_is_damaged_in_the_store_is_noticed(place: Place, kind: Any) -> None:
    place.ensure("people")
    place.ensure("drafts")
    name = credential_name(place.shards("drafts")[0], kind)
    whole = place.store.read(name)
    for at in range(0, len(whole), 5 if kind == "c2pa" else 23):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        (place.store.root / name).write_bytes(damaged)
        assert place.problems(["drafts"]), at
    (place.store.root / name).write_bytes(whole)
    assert place.problems(["drafts"]) == {}


@pytest.mark.parametrize("stripped", [("c2pa",), ("in-toto",), ("c2pa", "in-toto")])
def test_a_credential_that_was_stripped_is_missed_and_made_again(place: Place, stripped: tuple[Any, ...]) -> None:
    place.ensure_all()
    (shard,) = place.shards("drafts")
    for kind in stripped:
        (place.store.root / credential_name(shard, kind)).unlink()
    assert "has no" in place.problems(["drafts"])[shard]
    with pytest.raises(DamagedData, match="build the source that it is of again"):
        refs_of(place.store, [shard])
    place.ensure("drafts")
    assert place.problems(["drafts"]) == {}


def test_a_statement_cannot_stand_in_for_the_credential_of_a_synthetic_shard(place: Place) -> None:
    """Stripping the sidecar and its mention needs the key."""
    place.ensure("people")
    (shard,), human = place.shards("drafts"), place.shards("people")[0]
    statement = place.store.read(credential_name(human, "in-toto"))
    place.store.write(credential_name(shard, "in-toto"), statement)
    assert "has no c2pa credential" in place.problems(["drafts"])[shard]


def test_credentials_swapped_between_shards_are_noticed(place: Place) -> None:
    place.ensure_all()
    one, other = (credential_name(shard, "in-toto") for shard in place.shards("people"))
    first, second = place.store.read(one), place.store.read(other)
    place.store.write(one, second)
    place.store.write(other, first)
    assert set(place.problems()) == set(place.shards("people"))


def test_after_a_key_is_revoked_its_credentials_do_not_count_and_are_made_anew(place: Place) -> None:
    place.ensure_all()
    place.pipeline = PrivateKey.generate("pipeline")
    place.trust = trusting(place.pipeline.public, place.trust.authority)
    assert len(place.problems()) == 4
    place.ensure_all()
    assert place.problems() == {}


def test_after_the_authority_is_replaced_sidecars_are_made_anew(place: Place, tmp_path: Path) -> None:
    place.keys = tmp_path / "own"
    begin_authority(place.keys, "example.org/tests")
    place.trust = trusting(place.pipeline.public, read_authority(place.keys))
    place.ensure_all()
    replace_authority(place.keys, "example.org/tests")
    place.trust = trusting(place.pipeline.public, read_authority(place.keys))
    assert set(place.problems()) == {*place.shards("drafts"), *place.shards("rewrites")}
    place.ensure_all()
    assert place.problems() == {}


def test_without_an_authority_synthetic_shards_get_none_and_the_message_says_why(place: Place) -> None:
    place.trust = trusting(place.pipeline.public, None)
    with pytest.raises(Refused, match="names no authority"):
        place.ensure("drafts")


def test_a_leaf_of_another_authority_signs_nothing_that_is_kept(place: Place, tmp_path: Path) -> None:
    begin_authority(tmp_path / "other", "example.org/tests")
    with pytest.raises(Refused, match="no credential can be made"):
        place.ensure("drafts", lambda: leaf_of(tmp_path / "other"))
    assert not place.store.exists(credential_name(place.shards("drafts")[0], "c2pa"))


def test_a_parent_whose_credential_is_missing_is_a_problem_of_its_child_until_both_are_built(place: Place) -> None:
    place.ensure("rewrites")
    (problem,) = place.problems(["rewrites"]).values()
    assert place.shards("drafts")[0] in problem
    place.ensure("drafts")
    place.ensure("rewrites")
    assert place.problems(["rewrites", "drafts"]) == {}


def test_parents_that_are_read_later_are_told_by_the_next_ingest(place: Place) -> None:
    place.ensure_all()
    before = place.sidecar("rewrites")
    place.ensure("rewrites")
    assert place.sidecar("rewrites") == before, "nothing new is known"
    snapshot_of(place.store, "people", [document("people", name) for name in ("1", "7", "none")])
    place.ensure("people")
    place.ensure("rewrites")
    assert place.sidecar("rewrites") != before
    assert b'"parents_unknown":0' in place.sidecar("rewrites")


def test_a_shard_that_was_swapped_gets_no_credential(place: Place) -> None:
    (shard,) = place.shards("drafts")
    path = place.store.shard_path(shard)
    path.write_bytes(place.content("people"))
    with pytest.raises(DamagedData, match="another digest"):
        place.ensure("drafts")
    path.write_bytes(b"PAR1 is how it begins")
    with pytest.raises(DamagedData, match="cannot be read"):
        place.ensure("drafts")


def test_what_was_found_sound_is_not_checked_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.ensure_all()
    asked: dict[str, str] = {shard: source for source in ("people", "drafts") for shard in place.shards(source)}
    check = place.check()
    assert check(asked) == {}
    monkeypatch.setattr("anchor_pipeline.custody.credentials.keep.check_statement", _never)
    monkeypatch.setattr("anchor_pipeline.custody.credentials.keep.check_sidecar", _never)
    assert check(asked) == {}


def test_what_changed_since_it_was_found_sound_is_checked_again(place: Place) -> None:
    place.ensure_all()
    asked = dict.fromkeys(place.shards("people"), "people")
    check = place.check()
    assert check(asked) == {}
    place.store.write(credential_name(place.shards("people")[0], "in-toto"), b"{}")
    assert set(check(asked)) == {place.shards("people")[0]}


def test_shards_of_an_older_snapshot_still_have_their_credential(place: Place) -> None:
    place.ensure_all()
    old = place.shards("people")
    snapshot_of(place.store, "people", [document("people", "new")])
    assert place.check()(dict.fromkeys(old, "people")) == {}
    assert place.check()({"ab" * 32: "people"}) == {"ab" * 32: "has no in-toto credential"}
    assert place.check()({old[0]: "nowhere"}) == {old[0]: "is of no declared source"}


def test_a_second_run_amid_the_first_leaves_sound_credentials(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    write, amid = place.store.write, iter([True])

    def interrupted(relative: str, data: bytes) -> None:
        # The sidecar is there, the statement that names it is not.
        if relative.endswith(".intoto.json") and next(amid, False):
            place.ensure("drafts")
        write(relative, data)

    monkeypatch.setattr(place.store, "write", interrupted)
    place.ensure("drafts")
    assert next(amid, None) is None, "there was a second run"
    assert place.problems(["drafts"]) == {}


def test_runs_in_many_threads_leave_sound_credentials(place: Place) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(place.ensure, ["people", "drafts"] * 4))
    assert place.problems(["people", "drafts"]) == {}


def test_nothing_private_is_in_the_store(place: Place) -> None:
    place.ensure_all()
    secret = json.loads((place.keys / "authority.leaf.json").read_bytes())["key"].splitlines()[1].encode()
    written = [path.read_bytes() for path in (place.store.root / "custody").rglob("*") if path.is_file()]
    assert len(written) == 6
    assert not any(secret in data or b"PRIVATE KEY" in data for data in written)


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("checked again")
