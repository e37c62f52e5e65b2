"""Records of recalls: one spelling, two places, and nothing that anybody puts there is believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.corpus.licences import admits, needs_licence
from anchor_pipeline.corpus.recall_files import RecallFiles, tombstones_of
from anchor_pipeline.corpus.recalls import (
    Lift,
    RecallRecord,
    Target,
    generator_is,
    ids_among,
    parse_record,
    plain,
    receipt_releases,
)
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData, Unavailable
from anchor_pipeline_tests.recall.worlds import record

AT = f"{datetime(2026, 2, 3, tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def files(tmp_path: Path) -> RecallFiles:
    (tmp_path / "project").mkdir()
    return RecallFiles(Store(tmp_path / "store"), tmp_path / "project")


def kept(files: RecallFiles, value: str = "a") -> RecallRecord:
    packed, tombstones = tombstones_of(["0" * 64, "f" * 64])
    made = record(Target(by="source", value=value), tombstones=tombstones)
    files.add(made, packed)
    return made


def test_the_same_record_has_the_same_id_and_reads_back(files: RecallFiles) -> None:
    made = kept(files)
    assert parse_record(made.encoded(), made.id, "here") == made
    assert [one.record for one in files.all()] == files.standing() == [made]
    assert files.tombstones(made) == ["0" * 64, "f" * 64]


@pytest.mark.parametrize("lost", ["store", "project"])
def test_what_one_place_has_lost_comes_back_from_the_other(files: RecallFiles, lost: str) -> None:
    made = kept(files)
    folder = {"store": files.store.root, "project": files.root}[lost] / "recalls"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(folder)
    assert files.standing() == [made]
    files.tombstones(made)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_lift_in_either_place_lifts(files: RecallFiles) -> None:
    made = kept(files)
    lift = Lift(format=1, recall=made.id, reason="was a mistake", at=AT, by="steward")
    files.lift(lift)
    files.store.path(f"recalls/{made.id}.lift.json").unlink()
    assert files.standing() == []
    assert files.all()[0].lift == lift
    assert files.store.exists(f"recalls/{made.id}.lift.json")


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "not json": lambda data: b"\xff\xfe{",
    "nested": lambda data: b"[" * 100_000,
    "another spelling": lambda data: json.dumps(json.loads(data)).encode(),
    "another reason": lambda data: data.replace(b"consent", b"Consent"),
    "more fields": lambda data: data.replace(b'"by":"steward"', b'"by":"steward","x":1'),
    "a line of its own": lambda data: data.replace(b"consent", b"con\\nsent"),
    "a colour": lambda data: data.replace(b"consent", b"\\u001b[31mconsent"),
    "a huge number": lambda data: data.replace(b'"count":2', b'"count":99999999999999999999'),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_damaged_record_is_mended_or_refused_and_never_passed_over(files: RecallFiles, how: str) -> None:
    made = kept(files)
    paths = [folder / f"recalls/{made.id}.json" for folder in (files.store.root, files.root)]
    paths[0].write_bytes(HOSTILE[how](made.encoded()))
    assert files.standing() == [made]
    assert paths[0].read_bytes() == made.encoded()
    for path in paths:
        path.write_bytes(HOSTILE[how](made.encoded()))
    with pytest.raises(DamagedData, match="not the record of a recall"):
        files.all()


def test_a_record_under_another_name_is_refused(files: RecallFiles) -> None:
    made = kept(files)
    (files.root / "recalls" / ("0" * 12 + ".json")).write_bytes(made.encoded())
    with pytest.raises(DamagedData, match="not the one that its name stands for"):
        files.all()


def test_other_files_are_nobodys_business() -> None:
    names = ["README.md", "0123456789ab.json", "0123456789ab.lift.json", "0123456789AB.json", "x.json", ".hidden"]
    assert ids_among(names) == ["0123456789ab"]


def test_a_list_that_unpacks_to_more_than_it_says_is_refused(files: RecallFiles) -> None:
    made = kept(files)
    packed, _ = tombstones_of([f"{number:064x}" for number in range(50_000)])
    for folder in (files.store.root, files.root):
        (folder / f"recalls/{made.id}.tombstones.gz").write_bytes(packed)
    with pytest.raises(DamagedData, match="not the list of digests"):
        files.tombstones(made)


def test_a_folder_that_cannot_be_written_is_told_and_the_store_has_the_record(files: RecallFiles) -> None:
    (files.root / "recalls").write_text("a file in the way")
    with pytest.raises(Unavailable, match="the store has it"):
        kept(files)
    assert files.store.list("recalls")


@given(st.binary(max_size=200))
def test_a_receipt_that_is_none_names_nothing(data: bytes) -> None:
    assert all(isinstance(one, str) for one in receipt_releases(data))


@given(st.text(max_size=300))
def test_plain_text_has_one_line_and_no_control_characters(text: str) -> None:
    shown = plain(text)
    assert shown == plain(shown)
    assert all(one.isprintable() or one == " " or not one.isascii() for one in shown)
    assert "\n" not in shown
    assert "\x1b" not in shown


ATOMS = ("MIT", "CC0-1.0", "BSD-3-Clause", "Apache-2.0")
EXPRESSIONS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(("AND", "OR")), inner),
    max_leaves=6,
)


@given(expression=EXPRESSIONS, licence=st.sampled_from(ATOMS))
def test_a_licence_is_needed_where_the_others_do_not_suffice(expression: str, licence: str) -> None:
    others = [one for one in ATOMS if one != licence]
    assert needs_licence(expression, licence) == (not admits(others, expression))


@pytest.mark.parametrize(
    ("expression", "licence", "needed"),
    [
        ("MIT", "mit", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0 OR MIT", "GPL-2.0-only", False),
        ("GPL-2.0+", "GPL-2.0", True),
        ("MIT OR CC0-1.0 AND Apache-2.0", "CC0-1.0", False),
        ("MIT OR CC0-1.0", "MIT OR CC0-1.0", True),
        ("LicenseRef-own", "MIT", False),
        ("not an ( expression", "expression", False),
        ("", "MIT", False),
    ],
)
def test_needed_licences_by_example(expression: str, licence: str, needed: bool) -> None:
    assert needs_licence(expression, licence) == needed


def test_a_generator_is_named_with_or_without_its_version() -> None:
    assert generator_is("scribe@1", "scribe")
    assert generator_is("scribe@1", "scribe@1")
    assert not generator_is("scribe@1", "scribe@2")
    assert not generator_is("scribe@1", "scrib")
