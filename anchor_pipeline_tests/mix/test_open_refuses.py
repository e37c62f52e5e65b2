"""`open_mix` refuses what is not whole, was not judged, or was refused, whatever the damage."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.errors import DamagedData, Refused, UsageError
from anchor_pipeline.mix.manifest import Manifest
from anchor_pipeline.mix.read import open_mix
from anchor_pipeline.mix.release import Release
from anchor_pipeline_tests.mix.releases import World, documents, finding, world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("read"), documents(300, media=True))


@pytest.fixture(scope="module")
def released(made: World) -> Release:
    return made.release(part_bytes=40_000, extra={"REPORT.html": b"<p>fine</p>"})


@pytest.fixture
def copy(released: Release, tmp_path: Path) -> Path:
    return Path(shutil.copytree(released.path, tmp_path / "copy"))


@pytest.mark.parametrize("name", ["nothing", "."])
def test_what_is_no_release_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DamagedData, match="not a released mix"):
        open_mix(tmp_path / name)


def every_file(released: Release) -> list[str]:
    return ["MANIFEST.json", *(entry.path for entry in released.manifest.entries)]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def link(path: Path) -> None:
    elsewhere = path.parent.parent.parent / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def garbage(path: Path) -> None:
    path.write_bytes(b"\xff{[" * (path.stat().st_size // 3 + 1))


DAMAGES: list[Callable[[Path], None]] = [Path.unlink, flip, truncate, empty, grow, link, garbage]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_any_file_is_refused(released: Release, tmp_path: Path, damage: Callable[[Path], None]) -> None:
    for number, name in enumerate(every_file(released)):
        if damage is link and name == "MANIFEST.json":
            continue
        folder = Path(shutil.copytree(released.path, tmp_path / str(number) / "mix"))
        damage(folder / name)
        with pytest.raises(DamagedData, match=name):
            open_mix(folder)
        # What the cheaper verification does not look at is the inside of the parts, and nothing else.
        if not (name.startswith("data/") and damage is flip):
            with pytest.raises(DamagedData, match=name):
                open_mix(folder, verify="quick")


@pytest.mark.parametrize("name", ["data/train-00099-of-00100.parquet", "extra.txt", "data/x/y"])
def test_a_file_too_many_is_refused(copy: Path, name: str) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_bytes(b"")
    for verify in ("full", "quick"):
        with pytest.raises(DamagedData, match="does not belong there"):
            open_mix(copy, verify=verify)


def test_swapped_parts_are_refused(copy: Path, released: Release) -> None:
    one, other = (copy / part.path for part in released.manifest.parts[:2])
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    with pytest.raises(DamagedData):
        open_mix(copy)


def resealed(folder: Path, **changed: Any) -> None:
    """Alter the manifest and give it the right digest again, as a forger would."""
    manifest = Manifest.model_validate_json((folder / "MANIFEST.json").read_bytes()).model_copy(update=changed)
    manifest = manifest.model_copy(update={"digest": manifest.computed_digest()})
    (folder / "MANIFEST.json").write_bytes(manifest.encoded())


def test_rows_that_were_not_judged_are_refused(copy: Path, released: Release) -> None:
    """Two parts change places, and all digests of files agree: the verdict was for another order."""
    parts = list(released.manifest.parts)
    one, other = (copy / part.path for part in parts[:2])
    one.rename(copy / "x")
    other.rename(one)
    (copy / "x").rename(other)
    parts[:2] = [
        parts[1].model_copy(update={"path": parts[0].path}),
        parts[0].model_copy(update={"path": parts[1].path}),
    ]
    resealed(copy, parts=tuple(parts))
    with pytest.raises(DamagedData, match="selection"):
        open_mix(copy)


def test_a_verdict_for_something_else_is_refused(copy: Path, released: Release) -> None:
    for changed in ({"stage": "sft"}, {"cycle": "2020"}, {"project": "other"}, {"as_of": "2000-01-01T00:00:00+00:00"}):
        resealed(copy, **{**released.manifest.model_dump(include=set(changed)), **changed})
        with pytest.raises(DamagedData, match="about something else"):
            open_mix(copy)
    for name in ("policy", "selection", "corpus"):
        resealed(copy, digests=released.manifest.digests.model_copy(update={name: "c" * 64}))
        with pytest.raises(DamagedData, match=f"; {name} .*c{{64}}"):
            open_mix(copy)


def with_verdict(made: World, copy: Path, **changed: Any) -> None:
    """Put another verdict into a release, with all digests right."""
    verdict = made.verdict(**changed)
    (copy / "VERDICT.json").write_bytes(verdict.json_bytes)
    manifest = Manifest.model_validate_json((copy / "MANIFEST.json").read_bytes())
    sha = hashlib.sha256(verdict.json_bytes).hexdigest()
    files = tuple(
        file.model_copy(update={"sha256": sha, "bytes": len(verdict.json_bytes)})
        if file.path == "VERDICT.json"
        else file
        for file in manifest.files
    )
    resealed(copy, files=files, digests=manifest.digests.model_copy(update={"verdict": verdict.digest}))


@pytest.mark.parametrize("verify", ["full", "quick"])
@pytest.mark.parametrize("changed", [{"status": "fail"}, {"findings": (finding(status="insufficient"),)}])
def test_a_refused_mix_is_refused(made: World, copy: Path, changed: dict[str, Any], verify: Any) -> None:
    with_verdict(made, copy, **changed)
    with pytest.raises(Refused, match="must not be used"):
        open_mix(copy, verify=verify)


def test_a_release_without_verdict_is_refused(copy: Path, released: Release) -> None:
    (copy / "VERDICT.json").unlink()
    resealed(copy, files=tuple(file for file in released.manifest.files if file.path != "VERDICT.json"))
    with pytest.raises(DamagedData, match="no verdict"):
        open_mix(copy)


def test_an_unknown_format_is_refused(copy: Path) -> None:
    resealed(copy, format=3)
    with pytest.raises(DamagedData, match="format 3"):
        open_mix(copy)


def test_a_manifest_in_another_spelling_is_refused(copy: Path) -> None:
    path = copy / "MANIFEST.json"
    path.write_bytes(path.read_bytes().replace(b'"rows":', b'"rows": '))
    with pytest.raises(DamagedData, match="altered"):
        open_mix(copy)


def test_an_unknown_verification_is_refused(released: Release) -> None:
    with pytest.raises(UsageError, match="'full' or 'quick'"):
        open_mix(released.path, verify="none")  # type: ignore[arg-type]
