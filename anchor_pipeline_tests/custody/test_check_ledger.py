"""Every way to be wrong that the specification names is found, and named; what is merely unusual passes."""

from __future__ import annotations

import pytest

from anchor_pipeline.custody import note
from anchor_pipeline.custody.check_ledger import lines_of
from anchor_pipeline.custody.flaws import CODES, Flaw
from anchor_pipeline_tests.custody import verdicts
from anchor_pipeline_tests.custody.cases import Case, all_cases
from anchor_pipeline_tests.custody.forge import ORIGIN, checked, key, long, sound

CASES = list(all_cases())
OF_RELEASES = {
    "manifest", "file_missing", "file_digest", "file_unlisted", "documents_root", "verdict", "completion_missing",
    "credential_missing", "credential_invalid", "credentials_digest", "stamp",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_on(case: Case) -> None:
    assert verdicts.first(case) == (case.code or verdicts.SOUND), case.why


def test_every_code_of_a_ledger_has_a_case() -> None:
    assert {case.code for case in CASES} - {""} == CODES.keys() - OF_RELEASES
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.why for case in CASES)


def test_what_a_check_tells() -> None:
    forge = long()
    check, entries = checked(forge.data(), forge.head(), key("root").public)
    assert check.origin == ORIGIN
    assert check.size == len(entries) == len(forge.lines)
    assert [entry.index for entry in entries] == list(range(len(entries)))
    assert entries[-1].leaf.hex() == forge.leaf
    assert entries[-1].key == key("pipeline").public
    assert {entry.name for entry in entries} == {
        "genesis", "intent", "completion", "failure", "abandoned", "approval", "key", "authority", "root",
    }  # fmt: skip
    assert check.unfinished == {}
    assert check.keys.root == key("root", 1).public


def test_unfinished_steps_are_told() -> None:
    forge = sound()
    forge.intent(step="plan")
    check, _ = checked(forge.data(), forge.head())
    assert [entry.index for entry in check.unfinished.values()] == [6]


def test_a_flaw_says_where() -> None:
    forge = sound()
    forge.lines[3] = forge.lines[3].replace(b"payloadType", b"payloadTyp")
    with pytest.raises(Flaw, match=r"entry 3: not of the shape that the format asks for \(no envelope"):
        checked(forge.data())


@pytest.mark.parametrize("size", [1, 2, 5000, 1 << 20])
def test_a_file_may_come_in_pieces(size: int) -> None:
    data = sound().data()[:20_000]
    data = data[: data.rindex(b"\n") + 1]
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    assert list(lines_of(pieces)) == data.split(b"\n")[:-1]


def test_a_line_without_end_is_not_gathered() -> None:
    read = 0

    def endless() -> object:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 10_000

    with pytest.raises(Flaw, match="more than 65,535 bytes"):
        list(lines_of(endless()))  # type: ignore[arg-type]
    assert read < 10


def test_without_a_pinned_root_the_ledger_vouches_for_itself() -> None:
    check, _ = checked(sound().data())
    assert check.keys.root == key("root").public


def test_every_head_of_a_ledger_is_a_beginning_of_it() -> None:
    forge = sound()
    for size in range(1, 7):
        checked(forge.data(), forge.head(), pin=forge.head(size=size))
    with pytest.raises(Flaw, match="older than one seen"):
        checked(forge.data(), pin=note.signed(ORIGIN, 7, bytes(32), key("pipeline")).encoded())
