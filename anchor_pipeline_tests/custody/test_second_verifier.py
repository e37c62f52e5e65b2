"""The verifier of docs/spec says what the package's says. It shares no code with it."""

from __future__ import annotations

import ast
import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from anchor_pipeline.custody.canonical import canonical_json
from anchor_pipeline.custody.documents import DocumentsRoot, check_proof, proof_bytes, prove
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline_tests.custody import verdicts
from anchor_pipeline_tests.custody.cases import Case, all_cases
from anchor_pipeline_tests.custody.cases_releases import LISTED, good
from anchor_pipeline_tests.custody.forge import ORIGIN, key, sound
from docs.spec import verifier

SCRIPT = Path(verifier.__file__)


@pytest.mark.parametrize("case", list(all_cases()), ids=lambda case: case.name)
def test_the_verdict_on(case: Case) -> None:
    assert verdicts.second(case) == (case.code or verdicts.SOUND), case.why


def test_it_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    found = set()
    for node in ast.walk(ast.parse(SCRIPT.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add((node.module or "").split(".")[0])
    assert found - sys.stdlib_module_names == {"cryptography"}


def run(*arguments: object) -> tuple[int, str]:
    command = [sys.executable, "-I", str(SCRIPT), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_the_command_says_a_line_for_each_claim(tmp_path: Path) -> None:
    forge = sound()
    (tmp_path / "ledger.jsonl").write_bytes(forge.data())
    (tmp_path / "checkpoint").write_text(forge.head())
    (tmp_path / "pin").write_text(forge.head(size=2))
    (tmp_path / "root.pub.json").write_bytes(key("root").public.encoded())
    code, told = run(tmp_path, "--root", tmp_path / "root.pub.json", "--pin", tmp_path / "pin")
    assert code == 0
    assert [line.split()[:2] for line in told.splitlines()] == [["ok", "ledger"], ["ok", "root"], ["ok", "unfinished"]]
    assert ORIGIN in told
    code, told = run(tmp_path)
    assert code == 0
    assert "open  root" in told
    (tmp_path / "ledger.jsonl").write_bytes(forge.data()[:-1])
    code, told = run(tmp_path)
    assert (code, told.split()[:2]) == (1, ["WRONG", "truncated"])
    (tmp_path / "ledger.jsonl").unlink()
    assert run(tmp_path)[1].split()[:2] == ["WRONG", "file_missing"]


def test_the_command_checks_a_release(tmp_path: Path) -> None:
    files = good()
    folder = verdicts.unpacked(files, tmp_path / "mix")
    code, told = run(folder, "--root", folder / "custody/root.pub.json")
    proved = ["manifest", "files", "verdict", "ledger", "root", "unfinished", "completion", "documents", "credentials"]
    assert (code, [line.split()[:2] for line in told.splitlines()]) == (0, [["ok", one] for one in proved])
    (folder / "RECALLED.json").write_text("whatever it says")
    code, told = run(folder, "--root", folder / "custody/root.pub.json")
    assert (code, [line.split()[1] for line in told.splitlines() if not line.startswith("ok")]) == (1, ["recalled"])
    (folder / "REPORT.html").write_text("better")
    code, told = run(folder)
    assert (code, "WRONG file_digest" in told) == (1, True)


def ids_and_proof(wanted: str) -> tuple[DocumentsRoot, dict[str, object]]:
    lines = gzip.decompress(good()[LISTED]).split(b"\n")[:-1]
    proof = prove(lines, "a" * 64, wanted, "list")
    return DocumentsRoot(len(lines), str(proof["root"])), proof


@pytest.mark.parametrize("wanted", ["books/0", "made/5", "books/ünïcode/𝔘", "", "books/00", "zzz", "made/2x"])
def test_proofs_hold_and_changed_ones_do_not(wanted: str) -> None:
    stated, proof = ids_and_proof(wanted)
    held = check_proof(proof, "a" * 64, stated)
    assert verifier.check_proof(proof_bytes(proof))["included"] == held
    chance, data = random.Random(wanted), canonical_json(proof)
    for _ in range(200):
        at = chance.randrange(len(data))
        changed = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        try:
            found = verifier.check_proof(changed)
        except verifier.Flaw:
            with pytest.raises((Flaw, ValueError)):
                check_proof(json.loads(changed), "a" * 64, stated)
        else:
            # Which mix it is about is for a manifest to say; and what is true of one id may be true of another.
            assert (found["mix"], found["doc_id"]) != ("a" * 64, wanted)


def test_the_command_holds_a_proof_against_a_release(tmp_path: Path) -> None:
    folder = verdicts.unpacked(good(), tmp_path / "mix")
    mix = json.loads((folder / "MANIFEST.json").read_text())["digest"]
    lines = gzip.decompress((folder / LISTED).read_bytes()).split(b"\n")[:-1]
    (tmp_path / "proof").write_bytes(proof_bytes(prove(lines, mix, "made/2", "list")))
    (tmp_path / "other").write_bytes(proof_bytes(prove(lines[1:], mix, "made/2", "list")))
    assert run(tmp_path / "proof", "--mix", folder)[0] == 0
    assert run(tmp_path / "other", "--mix", folder)[0] == 1
    assert run(tmp_path / "other")[0] == 0
