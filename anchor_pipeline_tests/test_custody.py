"""A project that declares custody: every step signed, every release provable from its folder alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from anchor_pipeline import steps
from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.custody.check_ledger import check_ledger
from anchor_pipeline.custody.custodian import Custodian, custodian_of
from anchor_pipeline.custody.key_files import read_public
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline.errors import AnchorError, DamagedData, Refused
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.release import Release
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.projects import PROJECT, rows, small_project, write_rows

pytest.importorskip("c2pa", reason="c2pa-python is not installed: pip install anchor-pipeline[c2pa]")

CUSTODY = "custody: {origin: example.org/small}\n"


def project(folder: Path) -> Custodian:
    """A small project whose ledger has begun."""
    path = small_project(folder, PROJECT + CUSTODY)
    custodian = custodian_of(load_project(path))
    assert custodian is not None
    begin_custody(custodian, ["pipeline", "steward"])
    return custodian


def release(folder: Path, cycle: str = "2020") -> Release:
    place = steps.Workplace(load_project(folder / "project.yaml"))
    when = place.project.calendar.at(cycle)
    steps.plan_all(place, ["lawful"], when)
    return steps.release(place, "lawful", when)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Custodian, Release]:
    folder = tmp_path_factory.mktemp("built")
    return project(folder), release(folder)


@pytest.fixture
def copied(built: tuple[Custodian, Release], tmp_path: Path) -> Path:
    """The release alone, somewhere else, to be tampered with."""
    return Path(shutil.copytree(built[1].location, tmp_path / "alone"))


def wrong(path: Path, root: Path | None = None) -> list[str]:
    found = verify_mix(path, root=None if root is None else read_public(root))
    return [check.what for check in found if not check.ok]


def test_a_release_is_proved_from_its_folder_alone_with_the_root_key(
    built: tuple[Custodian, Release], copied: Path
) -> None:
    root = built[0].keys.folder / "root.pub.json"
    assert wrong(copied, root) == []
    assert len(open_mix(copied, root=root)) == built[1].manifest.rows
    names = {check.what for check in verify_mix(copied, root=read_public(root))}
    assert {"custody ledger", "custody root", "custody completion", "custody documents", "custody credentials"} <= names


def test_every_step_is_in_the_ledger_begun_and_ended(built: tuple[Custodian, Release]) -> None:
    ledger = built[0].ledger
    head = ledger.head()
    assert head is not None
    checked = check_ledger(
        (entry.envelope for entry in ledger.entries()), head.encoded(), root=built[0].keys.public("root")
    )
    assert checked.unfinished == {}
    # Genesis, then three sources, corpus, selection and mix, each begun and ended.
    assert checked.size == 1 + 2 * 6


def test_without_keys_nothing_runs(tmp_path: Path) -> None:
    small_project(tmp_path, PROJECT + CUSTODY)
    with pytest.raises(AnchorError, match="anchor keys init"):
        release(tmp_path)
    assert not (tmp_path / "store/sources").exists()


def test_a_foreign_root_does_not_vouch_for_a_release(copied: Path, tmp_path: Path) -> None:
    other = tmp_path / "root.pub.json"
    other.write_bytes(PrivateKey.generate("root").public.encoded())
    assert wrong(copied, other) == ["custody root_not_pinned"]
    with pytest.raises(DamagedData, match="another root key"):
        open_mix(copied, root=other)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("custody/ledger.jsonl", "custody file_missing"),
        ("custody/checkpoint", "custody file_missing"),
        ("custody/documents.jsonl.gz", "custody file_missing"),
        ("custody/credentials.jsonl", "custody file_missing"),
    ],
)
def test_stripping_the_proof_is_noticed_by_every_reader(copied: Path, name: str, code: str) -> None:
    (copied / name).unlink()
    assert code in wrong(copied)
    with pytest.raises(DamagedData):
        open_mix(copied)


def test_a_quick_look_checks_the_ledger_and_that_the_lists_are_there(copied: Path) -> None:
    assert len(open_mix(copied, verify="quick")) == len(open_mix(copied))
    (copied / "custody/credentials.jsonl").unlink()
    with pytest.raises(DamagedData, match="credentials"):
        open_mix(copied, verify="quick")


def test_a_mix_with_another_manifest_is_not_the_one_in_the_ledger(copied: Path) -> None:
    path = copied / "MANIFEST.json"
    record = json.loads(path.read_text())
    record["revision"] = 7
    path.write_bytes(json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    assert "custody completion_missing" in wrong(copied)


def test_the_second_build_changes_no_release(tmp_path: Path) -> None:
    project(tmp_path)
    first = release(tmp_path)
    before = {path: path.read_bytes() for path in Path(first.location).rglob("*") if path.is_file()}
    assert release(tmp_path).reused
    assert {path: path.read_bytes() for path in Path(first.location).rglob("*") if path.is_file()} == before


def test_the_same_input_gives_the_same_mix_digest_whoever_signs(
    tmp_path: Path, built: tuple[Custodian, Release]
) -> None:
    project(tmp_path)
    assert release(tmp_path).digest == built[1].digest


def test_a_release_whose_proof_was_not_written_gets_it_from_the_next_build(tmp_path: Path) -> None:
    custodian = project(tmp_path)
    location = Path(release(tmp_path).location)
    shutil.rmtree(location / "custody")
    with pytest.raises(DamagedData, match="custody"):
        open_mix(location)
    release(tmp_path)
    assert wrong(location, custodian.keys.folder / "root.pub.json") == []


def test_a_correction_is_another_release_with_its_own_proof_and_the_old_one_stays_provable(tmp_path: Path) -> None:
    custodian = project(tmp_path)
    first = release(tmp_path)
    write_rows(tmp_path / "raw/gazette.jsonl", rows("gaz", 60, 9))
    second = release(tmp_path)
    root = custodian.keys.folder / "root.pub.json"
    assert second.revision == first.revision + 1
    assert wrong(Path(first.location), root) == wrong(Path(second.location), root) == []


def test_documents_are_proved_in_and_out(anchor: Run, copied: Path, tmp_path: Path) -> None:
    mix = open_mix(copied)
    inside = mix.polars().select("doc_id").collect()["doc_id"][0]
    for doc_id, said in ((inside, "is in"), ("gazette/none", "is not in"), ("", "is not in"), ("~", "is not in")):
        path = tmp_path / "proof.json"
        assert anchor("prove", copied, "--document", doc_id, "--output", path)[0] == 0
        code, out, _ = anchor("prove", copied, "--check", path)
        assert (code, said in out) == (0, True)
        forged = (
            path.read_text().replace('"included":true', '"included":?').replace('"included":false', '"included":true')
        )
        path.write_text(forged.replace('"included":?', '"included":false'))
        assert anchor("prove", copied, "--check", path)[0] == 3


def test_a_steward_approves_a_release_and_the_pipeline_may_not(anchor: Run, tmp_path: Path) -> None:
    custodian = project(tmp_path)
    location = release(tmp_path).location
    code, out, _ = anchor("approve", tmp_path, location, "--note", "looked at the report")
    assert (code, "approved by steward" in out) == (0, True)
    assert anchor("approve", tmp_path, location, "--as", "pipeline")[0] == 2
    head = custodian.ledger.head()
    assert head is not None
    check_ledger((entry.envelope for entry in custodian.ledger.entries()), head.encoded())


def test_a_revoked_key_signs_nothing_more(anchor: Run, tmp_path: Path) -> None:
    custodian = project(tmp_path)
    release(tmp_path)
    assert anchor("keys", "revoke", tmp_path, "pipeline", "--reason", "laptop lost")[0] == 0
    with pytest.raises(AnchorError, match="not in force"):
        release(tmp_path)
    assert anchor("keys", "add", tmp_path, "pipeline", "--reason", "new laptop")[0] == 1
    (custodian.keys.folder / "pipeline.key.json").unlink()
    assert anchor("keys", "add", tmp_path, "pipeline", "--reason", "new laptop")[0] == 0
    assert wrong(Path(release(tmp_path).location)) == []


def test_a_rotated_key_goes_on_and_what_the_old_one_signed_stays_good(anchor: Run, tmp_path: Path) -> None:
    custodian = project(tmp_path)
    first = release(tmp_path)
    assert anchor("keys", "rotate", tmp_path, "pipeline", "--reason", "yearly")[0] == 0
    write_rows(tmp_path / "raw/gazette.jsonl", rows("gaz", 60, 9))
    second = release(tmp_path)
    root = custodian.keys.folder / "root.pub.json"
    assert wrong(Path(first.location), root) == wrong(Path(second.location), root) == []


def test_keys_can_be_begun_once(anchor: Run, tmp_path: Path) -> None:
    small_project(tmp_path, PROJECT + CUSTODY)
    code, out, _ = anchor("keys", "init", tmp_path)
    assert (code, "root.pub.json" in out) == (0, True)
    assert (tmp_path / "keys/pipeline.key.json").stat().st_mode & 0o077 == 0
    code, _, err = anchor("keys", "init", tmp_path)
    assert (code, "has begun already" in err) == (1, True)


def test_a_refused_release_is_a_failure_in_the_ledger(tmp_path: Path) -> None:
    custodian = project(tmp_path)
    place = steps.Workplace(load_project(tmp_path / "project.yaml"))
    when = place.project.calendar.at("2020")
    steps.plan_all(place, ["greedy"], when)
    with pytest.raises(Refused):
        steps.release(place, "greedy", when)
    last = [entry.envelope for entry in custodian.ledger.entries()][-1]
    from anchor_pipeline.custody.envelope import opened
    from anchor_pipeline.custody.statements import Failure, read_statement

    name, failure = read_statement(opened(last, "last").payload, "last")
    assert name == "failure"
    assert isinstance(failure, Failure)
    assert failure.reason.startswith("Refused: greedy 2020")


def test_a_rotated_ledger_keeps_one_history_that_releases_carry(anchor: Run, tmp_path: Path) -> None:
    custodian = project(tmp_path)
    release(tmp_path)
    declared = tmp_path / "project.yaml"
    code, _, err = anchor("ledger", "rotate", tmp_path, "example.org/small/2")
    assert code == 0, err
    declared.write_text(declared.read_text().replace("example.org/small", "example.org/small/2"))
    write_rows(tmp_path / "raw/gazette.jsonl", rows("gaz", 60, 9))
    second = Path(release(tmp_path).location)
    root = custodian.keys.folder / "root.pub.json"
    assert wrong(second, root) == []
    assert "custody previous" in {check.what for check in verify_mix(second, root=read_public(root))}
    other = shutil.copytree(second, tmp_path / "cut")
    lines = (other / "custody/previous/0000/ledger.jsonl").read_bytes().splitlines(keepends=True)
    (other / "custody/previous/0000/ledger.jsonl").write_bytes(b"".join(lines[:-1]))
    assert wrong(other, root) == ["custody head_size"]
    assert second_verifier(second, root)[0] == 0
    code, said = second_verifier(other, root)
    assert code == 1
    assert "head_size" in said


def test_a_reader_who_keeps_the_last_head_notices_an_older_release(anchor: Run, tmp_path: Path) -> None:
    custodian = project(tmp_path)
    first, root, pin = release(tmp_path).location, custodian.keys.folder / "root.pub.json", tmp_path / "seen"
    assert anchor("verify", first, "--root", root, "--pin", pin)[0] == 0
    write_rows(tmp_path / "raw/gazette.jsonl", rows("gaz", 60, 9))
    second = release(tmp_path).location
    assert anchor("verify", second, "--root", root, "--pin", pin)[0] == 0
    kept = pin.read_bytes()
    code, out, _ = anchor("verify", first, "--root", root, "--pin", pin)
    assert (code, "were seen before" in out) == (3, True)
    assert pin.read_bytes() == kept
    assert anchor("verify", first, "--root", root)[0] == 0


def second_verifier(folder: Path, root: Path) -> tuple[int, str]:
    script = Path(__file__).resolve().parents[1] / "docs/spec/verifier.py"
    done = subprocess.run(
        [sys.executable, script, folder, "--root", root], check=False, stdout=subprocess.PIPE, text=True
    )
    return done.returncode, done.stdout
