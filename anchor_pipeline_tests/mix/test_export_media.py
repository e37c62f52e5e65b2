"""Images and sounds leave a mix with their credentials, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from anchor_pipeline.cli_export import export
from anchor_pipeline.corpus.recalls import Target
from anchor_pipeline.custody.check_ledger import LedgerCheck
from anchor_pipeline.custody.credentials.authority import begin_authority, leaf_of, read_authority
from anchor_pipeline.custody.credentials.c2pa_library import LABEL, carries_manifest, read
from anchor_pipeline.custody.credentials.media import Taken, with_credential
from anchor_pipeline.custody.credentials.statement import check_statement
from anchor_pipeline.custody.credentials.trust import released_trust
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.release_files import AUTHORITY, CREDENTIALS, DOCUMENTS, LEDGER
from anchor_pipeline.errors import AnchorError, DamagedData, Refused, UsageError
from anchor_pipeline.graph.graph import open_graph
from anchor_pipeline.mix.export_credentials import carried_credentials
from anchor_pipeline.mix.export_media import export_media
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.project import load_project
from anchor_pipeline.recall.plan import make_plan
from anchor_pipeline.workplace import Workplace
from anchor_pipeline_tests.mix.media_release import media_release, picture
from anchor_pipeline_tests.mix.releases import documents, world
from anchor_pipeline_tests.projects import small_project

pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install 'anchor-pipeline[c2pa]'")
Image = pytest.importorskip("PIL.Image", reason="pillow is not installed: pip install 'anchor-pipeline[media]'")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    shutil.copytree(media_release(folder / "project").location, folder / "release")
    export_media(folder / "release", folder / "out", lambda: leaf_of(folder / "project/keys"))
    return folder


def _index(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]


def _copy(place: Path, target: Path) -> Path:
    return Path(shutil.copytree(place / "release", target))


def _refused(place: Path, release: Path, out: Path, **other: Any) -> str:
    with pytest.raises(AnchorError) as refused:
        export_media(release, out, other.pop("leaf", lambda: leaf_of(place / "project/keys")), **other)
    assert not out.exists(), "nothing is left behind"
    assert [path.name for path in out.parent.iterdir() if "unfinished" in path.name] == []
    return str(refused.value)


def test_the_index_names_every_file_with_its_digest_and_credential(place: Path) -> None:
    index = _index(place / "out")
    assert len(index) == 19
    named = {"index.jsonl", "authority.pem"}
    for one in index:
        assert hashlib.sha256((place / "out" / one["file"]).read_bytes()).hexdigest() == one["sha256"]
        named.add(one["file"])
        if "file" in one["credential"]:
            beside = place / "out" / one["credential"]["file"]
            assert hashlib.sha256(beside.read_bytes()).hexdigest() == one["credential"]["sha256"]
            named.add(one["credential"]["file"])
    assert {str(path.relative_to(place / "out")) for path in (place / "out").rglob("*") if path.is_file()} == named


def test_synthetic_files_carry_their_manifest_inside_where_the_type_allows(place: Path) -> None:
    authority = read_authority(place / "project/keys")
    kinds = {}
    for one in _index(place / "out"):
        if one["authorship"] != "synthetic":
            continue
        path = place / "out" / one["file"]
        inside = "file" not in one["credential"]
        kinds[path.suffix] = inside
        store = None if inside else (place / "out" / one["credential"]["file"]).read_bytes()
        media = {".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".bmp": "image/bmp"}
        found = read(store, path.read_bytes(), media.get(path.suffix, "audio/wav"), authority, one["file"])
        said = found.assertions[LABEL]
        assert (said["doc_id"], said["shard"], said["digest"]) == (one["doc_id"], one["shard"], one["digest"])
        assert said["mix"] == open_mix(place / "release").manifest.digest
        (parent,) = (label for label in found.store if label != found.label)
        assert found.store[parent]["assertion_store"][LABEL]["generator"]["name"] in ("brush", "reed")
        damaged = bytearray(path.read_bytes())
        damaged[-30] ^= 1
        with pytest.raises(Flaw):
            read(store, bytes(damaged), media.get(path.suffix, "audio/wav"), authority, one["file"])
    assert kinds == {".png": True, ".jpg": True, ".wav": True, ".gif": False, ".bmp": False}


def test_what_is_seen_is_as_it_was(place: Path) -> None:
    (render,) = (one for one in _index(place / "out") if one["doc_id"] == "renders/r0.png")
    exported = Image.open(io.BytesIO((place / "out" / render["file"]).read_bytes()))
    assert exported.tobytes() == Image.open(io.BytesIO(picture(50))).tobytes()


def test_files_of_people_are_unchanged_and_their_statement_verifies(place: Path) -> None:
    ledger = LedgerCheck()
    for line in (place / "release" / LEDGER).read_bytes().splitlines():
        ledger.take(line)
    trust = released_trust(ledger.keys, (place / "release" / AUTHORITY).read_bytes())
    people = [one for one in _index(place / "out") if one["authorship"] != "synthetic"]
    assert len(people) == 13
    for one in people:
        check_statement((place / "out" / one["credential"]["file"]).read_bytes(), one["shard"], trust)
        if one["doc_id"].startswith("photos/"):
            raw = place / "project/raw" / one["doc_id"]
            assert (place / "out" / one["file"]).read_bytes() == raw.read_bytes()


def test_no_document_can_name_a_place_outside(place: Path) -> None:
    odd = [one for one in _index(place / "out") if one["source"] == "odd"]
    assert [one["doc_id"] for one in odd if "escaped" in one["doc_id"]]
    for one in odd:
        assert one["file"] == f"media/{one['digest'][:2]}/{one['digest']}-{one['shard'][:8]}.png"
    assert not list(place.parent.rglob("*escaped*"))


@pytest.mark.parametrize("stripped", [CREDENTIALS, AUTHORITY, DOCUMENTS])
def test_a_release_that_was_stripped_is_not_exported(place: Path, tmp_path: Path, stripped: str) -> None:
    release = _copy(place, tmp_path / "release")
    (release / stripped).unlink()
    _refused(place, release, tmp_path / "out")


def test_one_stripped_credential_is_missed_even_by_itself(place: Path, tmp_path: Path) -> None:
    """`open_mix` refuses such a release before; the export does not rest on that."""
    release = _copy(place, tmp_path / "release")
    opened = open_mix(release)
    lines = (release / CREDENTIALS).read_bytes().splitlines(keepends=True)
    for at in range(len(lines)):
        (release / CREDENTIALS).write_bytes(b"".join(lines[:at] + lines[at + 1 :]))
        with pytest.raises(Refused, match="without its credential"):
            carried_credentials(opened, set())
    (release / CREDENTIALS).write_bytes(b"".join(lines))
    with gzip.open(release / DOCUMENTS) as file:
        shards = {json.loads(line)["shard"] for line in file}
    assert len(carried_credentials(opened, {"photos/p0.png"}).shards) == 1
    assert len(shards) == len(lines)


def test_a_mix_without_custody_is_not_exported(place: Path, tmp_path: Path) -> None:
    release = Path(world(tmp_path / "made", documents(20)).release().location)
    assert "without custody" in _refused(place, release, tmp_path / "out")


def test_the_leaf_of_another_authority_signs_nothing(place: Path, tmp_path: Path) -> None:
    begin_authority(tmp_path / "keys", "example.org/pictures")
    told = _refused(place, place / "release", tmp_path / "out", leaf=lambda: leaf_of(tmp_path / "keys"))
    assert "nothing is exported" in told


def test_another_root_than_the_trusted_one_is_refused(place: Path, tmp_path: Path) -> None:
    from anchor_pipeline.custody.keys import PrivateKey

    (tmp_path / "root.pub.json").write_bytes(PrivateKey.generate("root").public.encoded())
    with pytest.raises((DamagedData, Refused)):
        export_media(place / "release", tmp_path / "out", _nobody, root=tmp_path / "root.pub.json")


def test_what_is_there_is_not_written_over(place: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        export_media(place / "release", tmp_path, _nobody)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_file_with_a_manifest_of_its_maker_keeps_it(place: Path) -> None:
    authority, leaf = read_authority(place / "project/keys"), leaf_of(place / "project/keys")
    carried = carried_credentials(open_mix(place / "release"), {"renders/r0.png"})
    (shard,) = carried.shards.values()
    sidecar = carried.credential_of(shard).data
    said = {"doc_id": "renders/r0.png", "digest": "0" * 64, "mix": "0" * 64}
    taken = Taken(picture(50), "image/png", "image", said, shard, sidecar)
    assert not carries_manifest(taken.content, "image/png", authority)
    once, none = with_credential(taken, leaf, authority)
    assert none is None
    again = Taken(once, "image/png", "image", said, shard, sidecar)
    twice, beside = with_credential(again, leaf, authority)
    assert twice == once
    assert beside is not None
    read(beside, once, "image/png", authority, "its own and ours")


def test_the_command_says_what_came_of_it(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANCHOR_KEYS", str(place / "project/keys"))
    done = CliRunner().invoke(export, [str(place / "release"), str(tmp_path / "out"), "--media"])
    assert done.exit_code == 0, done.output
    assert "19 files; 4 with a C2PA manifest inside, 2 with one beside them" in done.output
    other = CliRunner().invoke(export, [str(place / "release"), str(tmp_path / "more")])
    assert isinstance(other.exception, UsageError)


def test_an_export_that_is_recorded_can_be_recalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, out = tmp_path / "project", tmp_path / "out"
    release = media_release(project)
    monkeypatch.setenv("ANCHOR_KEYS", str(project / "keys"))
    done = CliRunner().invoke(export, [release.location, str(out), "--media", "--project", str(project)])
    assert done.exit_code == 0, done.output
    assert "not recorded" not in done.output
    place = Workplace(load_project(project))
    with open_graph(place.store) as graph:
        plan = make_plan(graph, place.store, Target(by="source", value="waves"), "consent withdrawn")
    (found,) = plan.found.exports
    assert (found.release, found.name) == (release.digest, f"exports{out}")
    small_project(tmp_path / "other")
    other = CliRunner().invoke(
        export, [release.location, str(tmp_path / "more"), "--media", "--project", str(tmp_path / "other")]
    )
    assert isinstance(other.exception, UsageError)
    assert not (tmp_path / "more").exists()


def _nobody() -> Any:
    raise AssertionError("nothing is to be signed")
