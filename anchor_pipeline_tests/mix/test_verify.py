"""`verify_mix` tells every problem of a release, and raises nothing whatever it is given."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anchor_pipeline.errors import DamagedData
from anchor_pipeline.mix.checks import Check, check_hashes, check_verdict, read_manifest
from anchor_pipeline.mix.folder import LocalFolder
from anchor_pipeline.mix.manifest import Manifest, Share
from anchor_pipeline.mix.release import Release
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline_tests.mix.releases import World, documents, world
from anchor_pipeline_tests.mix.test_open_refuses import DAMAGES, every_file, resealed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("verify"), documents(300, media=True))


@pytest.fixture(scope="module")
def released(made: World) -> Release:
    return made.release(part_bytes=40_000, extra={"REPORT.html": b"<p>fine</p>"})


@pytest.fixture
def copy(released: Release, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released.path, tmp_path / "copy"))


def bad(path: Path) -> dict[str, str]:
    return {check.what: check.detail for check in verify_mix(path) if not check.ok}


def test_a_whole_release_verifies(released: Release) -> None:
    checks = verify_mix(released.path)
    assert [check for check in checks if not check.ok] == []
    assert {"MANIFEST.json", "files", "VERDICT.json", "content", "selection", "shares"} <= {c.what for c in checks}
    assert {entry.path for entry in released.manifest.entries} <= {check.what for check in checks}
    assert all(check.detail for check in checks)
    assert verify_mix(released.path.parent) == checks


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_any_file_is_told_by_name(released: Release, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    for number, name in enumerate(every_file(released)):
        folder = Path(shutil.copytree(released.path, tmp_path / str(number) / "mix"))
        damage(folder / name)
        assert name in str(bad(folder)) or name == "MANIFEST.json"
        assert bad(folder)


def test_all_problems_are_told(copy: Path, released: Release) -> None:
    first, second = (copy / part.path for part in released.manifest.parts[:2])
    first.unlink()
    second.write_bytes(second.read_bytes()[:-100])
    (copy / "REPORT.html").write_bytes(b"<p>fake</p>")
    (copy / "stray").write_bytes(b"")
    found = bad(copy)
    for name in (released.manifest.parts[0].path, released.manifest.parts[1].path, "REPORT.html", "shares"):
        assert name in found
    assert len([check for check in verify_mix(copy) if check.what == "files" and not check.ok]) == 3


def rewritten(copy: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Alter rows of the first part, and state the new file's digest, as a forger would."""
    manifest = Manifest.model_validate_json((copy / "MANIFEST.json").read_bytes())
    part = manifest.parts[0]
    table = pq.read_table(copy / part.path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), copy / part.path)
    data = (copy / part.path).read_bytes()
    new = part.model_copy(update={"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)})
    resealed(copy, parts=(new, *manifest.parts[1:]))


def test_altered_text_is_told_by_part_and_row(copy: Path, released: Release) -> None:
    row = next(
        n for n, row in enumerate(pq.read_table(copy / released.manifest.parts[0].path).to_pylist()) if row["text"]
    )
    rewritten(copy, lambda rows: rows[row].update(text="something else"))
    found = bad(copy)
    assert set(found) == {"content"}
    assert f"{released.manifest.parts[0].path} row {row}" in found["content"]


def test_another_document_is_not_the_one_judged(copy: Path) -> None:
    rewritten(copy, lambda rows: rows[1].update(doc_id="crawl/other"))
    assert set(bad(copy)) == {"selection"}


def test_altered_metadata_shows_in_the_shares(copy: Path) -> None:
    rewritten(copy, lambda rows: [row.update(kind="anchor") for row in rows])
    assert set(bad(copy)) == {"shares"}


def test_altered_tokens_are_told(copy: Path, released: Release) -> None:
    rewritten(copy, lambda rows: rows[0].update(tokens=10**6))
    assert set(bad(copy)) == {f"{released.manifest.parts[0].path} rows", "shares"}


@pytest.mark.parametrize("tokens", [-(2**62), -1])
def test_tokens_that_are_no_amount_are_told(copy: Path, released: Release, tokens: int) -> None:
    rewritten(copy, lambda rows: [row.update(tokens=tokens) for row in rows])
    assert {f"{released.manifest.parts[0].path} rows", "shares"} <= set(bad(copy))


def test_a_part_without_its_columns_is_told(copy: Path, released: Release) -> None:
    path = copy / released.manifest.parts[0].path
    pq.write_table(pq.read_table(path).drop_columns(["epoch"]), path)
    assert f"{released.manifest.parts[0].path} rows" in bad(copy)


def test_shares_that_the_rows_do_not_have_are_told(copy: Path, released: Release) -> None:
    shares = {**released.manifest.shares}
    kinds = {**shares["text"]["kind"], "anchor": Share(tokens=1, documents=1, share="0.900000")}  # type: ignore[arg-type]
    shares["text"] = {**shares["text"], "kind": kinds}
    resealed(copy, shares=shares)
    assert "'anchor'" in bad(copy)["shares"]


@pytest.mark.parametrize(
    "path", ["../../outside", "/etc/passwd", "data/../../x", "data\\x", "", "data/train-00000-of-00002.parquet"]
)
@pytest.mark.parametrize("where", ["parts", "files"])
def test_paths_that_lead_elsewhere_are_damage(copy: Path, path: str, where: str) -> None:
    manifest = json.loads((copy / "MANIFEST.json").read_bytes())
    manifest[where][0]["path"] = path
    (copy / "MANIFEST.json").write_text(json.dumps(manifest))
    found = bad(copy)
    assert set(found) == {"MANIFEST.json"}
    assert f"{where}" in found["MANIFEST.json"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"format": 1}',
        b"[" * 100_000,
        b'{"a":' * 5000,
        b"1e999999",
        b"\0" * 64,
    ],
)
@pytest.mark.parametrize("name", ["MANIFEST.json", "VERDICT.json"])
def test_garbage_is_reported(copy: Path, data: bytes, name: str) -> None:
    (copy / name).write_bytes(data)
    assert name in bad(copy)


@pytest.mark.parametrize("name", ["nothing", ".", "file"])
def test_what_is_no_release_is_reported(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert set(bad(tmp_path / name)) == {"MANIFEST.json"}
    assert set(bad(Path(f"unknown://{name}"))) == {"MANIFEST.json"}


def test_a_linked_folder_of_parts_is_damage(copy: Path) -> None:
    (copy / "data").rename(copy.parent / "moved")
    (copy / "data").symlink_to(copy.parent / "moved")
    assert "link" in bad(copy)["files"]


def test_no_flipped_bit_goes_unseen(copy: Path, released: Release) -> None:
    """A bit in each of a few hundred places over all files."""
    draw = random.Random(7)
    for name in every_file(released):
        path = copy / name
        data = path.read_bytes()
        for _ in range(400 if name.endswith(".json") else 12):
            place = draw.randrange(len(data))
            changed = bytearray(data)
            changed[place] ^= 1 << draw.randrange(8)
            path.write_bytes(changed)
            if name.endswith(".json"):
                assert any(not check.ok for check in verify_quickly(copy)), (name, place)
            else:
                assert name in bad(copy), (name, place)
        path.write_bytes(data)


def verify_quickly(copy: Path) -> list[Check]:
    """The checks that do not read the parts."""
    folder = LocalFolder(copy)
    try:
        manifest = read_manifest(folder)
    except DamagedData as error:
        return [Check("MANIFEST.json", False, str(error))]
    return [*check_hashes(folder, manifest.files), *check_verdict(folder, manifest)]
