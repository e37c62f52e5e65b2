"""The repository's Markdown pages as their tests need them: code blocks, links, headings, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from docs.describe import slug

_SPAN_COMMAND = re.compile(r"anchor [a-z]+( .*)?")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line it begins on."""

    path: Path
    line: int
    language: str
    text: str

    @property
    def id(self) -> str:
        """For the names of tests."""
        return f"{self.path.name}:{self.line}"


def blocks(path: Path, *languages: str) -> list[Block]:
    """The fenced blocks of a page, those in one of `languages`."""
    found = [
        Block(path, token.map[0] + 1 if token.map else 0, token.info.strip(), token.content)
        for token in _tokens(path)
        if token.type == "fence"
    ]
    return [block for block in found if not languages or block.language in languages]


def links(path: Path) -> list[str]:
    """Where the links and images of a page lead."""
    inline = [child for token in _tokens(path) for child in token.children or ()]
    targets = [child.attrGet("href") or child.attrGet("src") for child in inline]
    return [str(target) for target in targets if target]


def anchors(path: Path) -> set[str]:
    """The fragments that a page offers: its headings, as GitHub names them."""
    tokens = _tokens(path)
    titles = [after.content for before, after in pairwise(tokens) if before.type == "heading_open"]
    return {slug(title) for title in titles}


def commands(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Every `anchor …` shown, as (what is shown, its arguments): in shell blocks, and in code between words."""
    for block in blocks(path, "sh", "console"):
        for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            # What stands before are settings of environment variables.
            words = [word for word in words if not re.fullmatch(r"[A-Z_]+=.*", word)]
            shown = block.language == "sh" or line.startswith("$ ")
            if shown and words[:1] == ["anchor"]:
                yield line, words[1 : words.index(">") if ">" in words else None]
    for token in _tokens(path):
        for child in token.children or ():
            if child.type == "code_inline" and _SPAN_COMMAND.fullmatch(child.content):
                yield child.content, shlex.split(child.content)[1:]


def _tokens(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
