"""Whatever a name holds, Markdown shows it as text."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from anchor_pipeline.disclosure.markdown import cell, heading, link, plain, table, visible

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])

HOSTILE = [
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "![x](https://example.org/x.png)",
    "a | b",
    "# heading",
    "1. one",
    "- item",
    "```",
    "`code` **bold** _it_ ~~gone~~ $x$ &amp;",
    "https://example.org @ann www.example.org",
    "two\nlines\r\n\n# three",
    "\u202eevil\u200b\x00",
    "---",
    "[x]: y",
    "\\",
]


def shown(markdown: str) -> tuple[list[str], str]:
    """The types of block tokens, and the text that a reader sees; anything but text within fails."""
    blocks, words = [], []
    for token in PARSER.parse(markdown):
        if token.type != "inline":
            blocks.append(token.type)
            continue
        assert {child.type for child in token.children or []} <= {"text", "text_special"}, markdown
        words.append("".join(child.content for child in token.children or []))
    return blocks, "\n".join(words)


@given(st.text(max_size=60))
@pytest.mark.parametrize("write", [plain, cell])
def test_any_text_is_shown_as_it_is(write: object, text: str) -> None:
    escaped = plain(text) if write is plain else f"a {cell(text)}"
    seen = visible(text) if write is plain else f"a {visible(text)}".strip()
    assert shown(escaped) == ((["paragraph_open", "paragraph_close"], seen) if seen else ([], ""))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(text: str) -> None:
    assert shown(plain(text)) == (["paragraph_open", "paragraph_close"], visible(text))
    assert shown(heading(2, text))[0] == ["heading_open", "heading_close"]
    assert "://" not in cell(text)
    assert "@" not in cell(text)


@given(st.lists(st.tuples(st.text(max_size=20), st.integers(0, 10**9)), min_size=1, max_size=4))
@example([("a|b\n|c|", 1)])
def test_a_table_keeps_its_shape(rows: list[tuple[str, int]]) -> None:
    blocks, words = shown(table(("name", "number"), rows))
    assert blocks.count("tr_open") == len(rows) + 1
    assert words.split("\n") == ["name", "number", *(one for n, k in rows for one in (visible(n), f"{k:,}"))]


def test_a_link_ends_where_it_should() -> None:
    [_, inline, _] = PARSER.parse(link("[x]", "https://example.org/a b)(<>?q=1"))
    children = inline.children or []
    assert children[0].attrGet("href") == "https://example.org/a%20b%29%28%3C%3E?q=1"
    assert "".join(child.content for child in children) == "[x]"
    assert (children[0].type, children[-1].type) == ("link_open", "link_close")


def test_what_is_unknown_says_so() -> None:
    assert table(("a",), [(None,)]) == "| a |\n| --- |\n| unknown |\n"
