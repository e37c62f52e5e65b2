"""The words of a text: the kernel finds what plain Python finds, in any UTF-8."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anchor_pipeline.corpus.characters import LOWER, is_cjk, is_invisible, is_wide_mark, is_wide_space
from anchor_pipeline.facts.words import words_of

MASK = (1 << 64) - 1


def reference_words(text: str) -> list[tuple[str, bool]]:
    """(word, whether it is punctuation), character by character."""
    found: list[tuple[str, bool]] = []
    word = ""
    for place, char in enumerate(text):
        if ord(char) > 127 and is_invisible(ord(char)):
            continue
        after = text[place + 1 : place + 2]
        kind = kind_of(char)
        if char in "'’":
            char, kind = "'", "word" if word and re.match(r"[A-Za-z0-9_]", after) else "mark"
        if kind == "word":
            code = ord(char)
            word += chr(LOWER[code]) if code < len(LOWER) else char
            continue
        if word:
            found.append((word, False))
            word = ""
        if kind != "space":
            found.append((char, kind == "mark"))
    return [*found, (word, False)] if word else found


def kind_of(char: str) -> str:
    code = ord(char)
    if code < 128:
        return "space" if char.isspace() else "word" if char.isalnum() or char == "_" else "mark"
    if is_wide_space(code):
        return "space"
    return "cjk" if is_cjk(code) else "mark" if is_wide_mark(code) else "word"


def reference_hash(word: str, mark: bool) -> int:
    value = 0xCBF29CE484222325
    for char in word:
        value = ((value ^ ord(char)) * 0x100000001B3) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    value ^= value >> 31
    return value | 1 if mark else value & ~1


def kernel(texts: list[str | None]) -> list[list[int]]:
    hashes, starts = words_of(pa.array(texts, pa.string()))
    return [hashes[starts[row] : starts[row + 1]].tolist() for row in range(len(texts))]


anything = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("aB'’ .é漢字\u200b\u00adШ😀_7")))


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.none() | anything, max_size=8))
@example(["Don't", "’tis", "rock'n'roll's'", "a\u200bb c", "漢字kanji漢", "ÉCOLE école", "x'\u200by"])
def test_the_kernel_finds_what_plain_python_finds(texts: list[str | None]) -> None:
    expected = [[reference_hash(*word) for word in reference_words(text or "")] for text in texts]
    assert kernel(texts) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", ["hello", ",", "world", "!"]),
        ("don't — stop", ["don't", "—", "stop"]),
        ("他说 hi", ["他", "说", "hi"]),
        ("co\u00adoperate", ["cooperate"]),
        ("ΑΒΓ αβγ", ["αβγ", "αβγ"]),
        ("", []),
        (" \n\t", []),
        ("👩‍👩‍👧", ["👩", "👩", "👧"]),
    ],
)
def test_words_are_what_a_reader_would_call_so(text: str, words: list[str]) -> None:
    assert [word for word, _ in reference_words(text)] == words
    assert kernel([text]) == [[reference_hash(*word) for word in reference_words(text)]]


def test_a_slice_and_chunks_give_the_words_of_their_own_rows() -> None:
    texts = pa.array(["one two", "three", None, "four five"])
    whole = kernel(texts.to_pylist())
    hashes, starts = words_of(texts.slice(1, 2))
    assert [hashes[starts[i] : starts[i + 1]].tolist() for i in range(2)] == whole[1:3]
