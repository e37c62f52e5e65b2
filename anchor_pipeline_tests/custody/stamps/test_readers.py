"""Three readers of stamps, three times the same verdict: on cases made for it, on changed ones, and on anything."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline_tests.custody.stamps import vectors
from anchor_pipeline_tests.custody.stamps.cases import DIGEST, Case, cases
from anchor_pipeline_tests.custody.stamps.readers import FLAW, Given, first, second, third
from anchor_pipeline_tests.custody.stamps.token_forge import MAGIC

CASES = list(cases())
SOUND = [case for case in CASES if case.state != FLAW and case.name not in ("ots-deep", "ots-long")]
CHANGES = 4_000


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_verdict_on(case: Case) -> None:
    assert (first(case.given), second(case.given)) == (case.state, case.state), case.why


def test_the_page_says_the_same(tmp_path: Path) -> None:
    told = third(tmp_path, [case.given for case in CASES])
    assert {case.name: one["state"] for case, one in zip(CASES, told, strict=True)} == {
        case.name: case.state for case in CASES
    }


def changed(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """A byte, a few, a piece less, a piece of another, twice the same piece."""
    at, size = chance.randrange(len(data)), chance.randrange(1, 12)
    match chance.randrange(6):
        case 0 | 1:
            return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        case 2:
            return data[:at] + chance.randbytes(size) + data[at + size :]
        case 3:
            return data[:at] + data[at + size :]
        case 4:
            return data[:at] + other[at : at + size * 4] + data[at + size * 4 :]
        case _:
            return data[:at] + data[at : at + size] * 2 + data[at + size :]


def test_changed_stamps_are_told_alike(tmp_path: Path) -> None:
    chance, made = random.Random(7), list[Given]()
    while len(made) < CHANGES:
        one, other = chance.choice(SOUND).given, chance.choice(SOUND).given
        data = changed(one.data, other.data, chance)
        made.append(Given(one.kind, data, one.digest))
    said = [
        (first(one), second(one), str(told["state"])) for one, told in zip(made, third(tmp_path, made), strict=True)
    ]
    odd = [(made[place], verdicts) for place, verdicts in enumerate(said) if len(set(verdicts)) > 1]
    assert odd == []
    assert Counter(verdicts[0] for verdicts in said)[FLAW] > CHANGES / 2


def test_no_changed_byte_lets_a_stamp_say_anything_else(tmp_path: Path) -> None:
    """Every byte of one stamp by an authority: it is refused, or not verified, or says the very same."""
    true = next(case.given for case in CASES if case.name == "tsr-p256-sha256")
    flips = [true.data[:at] + bytes([true.data[at] ^ 1]) + true.data[at + 1 :] for at in range(len(true.data))]
    same, *told = third(tmp_path, [true, *(Given("tsr", data, DIGEST) for data in flips)])
    assert same["state"] == "authority"
    assert [one for one in told if one["state"] == "authority" and one != same] == []
    assert sum(one["state"] == FLAW for one in told) > 0.7 * len(told)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_after_the_beginning_of_a_proof_are_read_or_refused(data: bytes) -> None:
    one = Given("ots", MAGIC + b"\x08" + DIGEST + data, DIGEST)
    assert first(one) == second(one)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused_as_a_token(data: bytes) -> None:
    one = Given("tsr", data, DIGEST)
    assert first(one) == second(one) == FLAW


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_changed_stamps_raise_nothing_else(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(SOUND)).given
    at = data.draw(st.integers(0, len(one.data) - 1))
    put = data.draw(st.binary(max_size=8))
    changed = Given(one.kind, one.data[:at] + put + one.data[at + len(put) :], one.digest)
    assert first(changed) == second(changed)


def test_static_vectors_get_the_verdict_that_is_written_down(tmp_path: Path) -> None:
    kept = vectors.read()
    told = third(tmp_path, [case.given for case in kept])
    found = {
        case.name: (first(case.given), second(case.given), one["state"]) for case, one in zip(kept, told, strict=True)
    }
    assert found == {case.name: (case.state,) * 3 for case in kept}
    assert len(kept) > 100
