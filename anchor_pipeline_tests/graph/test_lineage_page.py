"""The page of the lineage graph in a real Chromium, from a file, without network."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.graph.page import lineage_page
from anchor_pipeline.graph.picture import Count, Edge, Node, Picture, checked
from anchor_pipeline_tests.custody.verifier.browser import launched
from anchor_pipeline_tests.graph.pictures import made_up

_TEXTS = """() => [...document.querySelectorAll("#sections tr, #lines tr")].filter(row => !row.closest("details"))
  .map(row => [...row.cells].filter(cell => !cell.querySelector("details")).map(cell => cell.textContent.trim()))"""
_DRAWN = """() => [...document.querySelectorAll("#picture *")].map(one => [one.tagName.toLowerCase(),
  ...[...one.attributes].map(one => `${one.name}=${one.value}`).sort(), one.children.length ? "" : one.textContent])"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with launched() as browser:
        yield browser


class Opened:
    """A page, and everything that its console said."""

    def __init__(self, chromium: Any, folder: Path, page: bytes, **context: Any) -> None:
        self.context = chromium.new_context(offline=True, **{"viewport": {"width": 1280, "height": 900}, **context})
        self.file = folder / "lineage.html"
        self.file.write_bytes(page)
        self.said: list[str] = []
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(self.file.as_uri())

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
        assert self.said == []

    def boxes(self) -> list[str]:
        """The first line of every box."""
        found: list[str] = self.page.locator("#picture .box .label").all_text_contents()
        return found

    def await_summary(self, text: str) -> None:
        """Wait until it says so; the page's policy forbids Playwright to wait with a script."""
        self.page.locator("#summary", has_text=text).wait_for()

    def summary(self) -> str:
        return str(self.page.locator("#summary").text_content())


def keys(picture: Picture, label: str) -> str:
    """The key of a node by its label."""
    return next(node.key for node in picture.nodes if node.label == label)


@pytest.mark.parametrize("sources", [3, 300])
@pytest.mark.parametrize("asked", [True, False])
def test_the_script_draws_what_the_page_came_with(chromium: Any, tmp_path: Path, sources: int, asked: bool) -> None:
    page = lineage_page(made_up(sources, asked=asked), "bank")
    found = []
    for script in (False, True):
        with Opened(chromium, tmp_path, page, java_script_enabled=script) as opened:
            # Without JavaScript the tables are open to whoever reads the file; Playwright still evaluates.
            found.append([opened.page.evaluate(_DRAWN), opened.page.evaluate(_TEXTS), opened.summary()])
            assert opened.page.locator("#tools").is_visible() is script
    assert found[0][0] == found[1][0]
    assert found[0][1] == found[1][1]
    assert found[0][2] == found[1][2]


@pytest.mark.parametrize("sources", [3, 300, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_of_any_size_open_without_an_error(
    chromium: Any, tmp_path: Path, sources: int, width: int, scheme: str
) -> None:
    page = lineage_page(made_up(sources), "bank")
    assert len(page) < 3_000 * sources + 150_000
    begun = time.perf_counter()
    with Opened(chromium, tmp_path, page, viewport={"width": width, "height": 900}, color_scheme=scheme) as opened:
        assert time.perf_counter() - begun < 30
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        # The selected release is in sight, however narrow the screen.
        box, stage = (opened.page.locator(one).bounding_box() for one in ("#picture .focus > rect", "#stage"))
        left = box["x"] - stage["x"]
        assert 0 <= left <= width - 148
        assert opened.page.locator("#picture .box").count() <= 7 * 32


def test_a_click_selects_what_belongs_to_a_node_and_the_address_keeps_it(chromium: Any, tmp_path: Path) -> None:
    picture = made_up(30)
    other = next(node for node in picture.nodes if node.name == "sft/2023" and node.column == "mix")
    assert other.sources is not None
    with Opened(chromium, tmp_path, lineage_page(picture, "bank")) as opened:
        opened.page.locator(f'#picture [data-key="{other.key}"]').click()
        assert opened.page.url.endswith(f"#select={other.key}")
        assert "Selected: sft 2023" in opened.summary()
        on = opened.page.locator('#sections section:has(h3:text-is("Sources")) tr[id]')
        labels = {row.split("\t")[0] for row in on.all_inner_texts() if row.rstrip().endswith("yes")}
        made_from = {edge.tail[1] for edge in picture.edges if edge.kind == "parent" and edge.head[1] in other.sources}
        assert labels == {f"source-{name}" for name in other.sources | made_from}
        assert labels < {node.label for node in picture.column("source")}
        before = opened.page.evaluate(_TEXTS)
        opened.page.reload()
        assert opened.page.evaluate(_TEXTS) == before
        opened.page.go_back()
        assert "Selected" not in opened.summary()


def test_the_keyboard_does_it_all(chromium: Any, tmp_path: Path) -> None:
    picture = made_up(300)
    with Opened(chromium, tmp_path, lineage_page(picture, "bank")) as opened:
        fold = opened.page.locator('#picture [data-key="fold-source-other"]')
        fold.focus()
        opened.page.keyboard.press("Enter")
        assert "more=source-other%3A50" in opened.page.url
        shown = [label for label in opened.boxes() if label.startswith("source-")]
        assert len(shown) == 16 + 50
        assert opened.page.evaluate("document.activeElement.getAttribute('data-key').length") == 16
        opened.page.keyboard.press("ArrowRight")
        label = opened.page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert re.match(r"20\d\d: corpus", label)
        opened.page.keyboard.press("Enter")
        assert "Selected: 20" in opened.summary()


def test_what_is_folded_is_filled_in_when_it_is_opened(chromium: Any, tmp_path: Path) -> None:
    with Opened(chromium, tmp_path, lineage_page(made_up(300), "bank")) as opened:
        details = opened.page.locator("#sections details").nth(2)
        details.locator("summary").click()
        number = int(str(details.locator("summary").text_content()).split()[1])
        details.locator("tbody tr").nth(number - 1).wait_for()
        assert details.locator("tbody tr").count() == number
        details.locator("tbody tr a").first.click()
        assert "Selected: source-" in opened.summary()


def test_names_are_found_and_the_rest_is_counted(chromium: Any, tmp_path: Path) -> None:
    with Opened(chromium, tmp_path, lineage_page(made_up(300, asked=False), "bank")) as opened:
        opened.page.fill("#find", "SOURCE-s29")
        opened.await_summary("names hold")
        assert "11 names hold “SOURCE-s29”" in opened.summary()
        drawn = [label for label in opened.boxes() if label.startswith("source-")]
        assert sorted(drawn) == sorted(["source-s29", *(f"source-s29{digit}" for digit in range(10))])
        assert "… 289 more sources" in opened.boxes()
        opened.page.fill("#find", "nothing like it")
        opened.await_summary("0 names")
        opened.page.locator("#clear").click()
        assert "names hold" not in opened.summary()


HOSTILE = (
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "{{ 7*7 }}",
    "' onfocus='alert(1)", "</style><style>*{display:none}", "\u202egnp.exe", "שלום עולם", "\ud800", "a\x00b\nc",
    "W" * 300, "<!--", "javascript:alert(1)", "&lt;b&gt;", "__proto__", "constructor",
)  # fmt: skip


@pytest.mark.parametrize("script", [True, False])
def test_hostile_names_do_nothing(chromium: Any, tmp_path: Path, script: bool) -> None:
    nodes = [Node("source", name, name, Count(1, {"text": 1}), note=name, picked=Count(1)) for name in HOSTILE]
    nodes.append(Node("corpus", "2020", "2020", Count(1), note=HOSTILE[0]))
    edges = [Edge(("source", name), ("corpus", "2020"), "assembled", Count(1)) for name in HOSTILE]
    picture = replace(checked(Picture(HOSTILE[0], tuple(nodes), tuple(edges))), focus=("source", HOSTILE[1]))
    page = lineage_page(picture, HOSTILE[2], about=HOSTILE[3])
    dialogs: list[str] = []
    with Opened(chromium, tmp_path, page, java_script_enabled=script) as opened:
        opened.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        if script:
            opened.page.locator("#picture .box").nth(3).click()
            opened.page.fill("#find", HOSTILE[1])
            opened.await_summary("hold “<img")
            opened.page.goto(f"{opened.file.as_uri()}#select=__proto__&more=constructor:9,source-path:1&find=%3Cb%3E")
        assert opened.page.locator("script").count() == 2
        assert opened.page.locator("img, iframe, b").count() == 0
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert opened.page.locator("#picture [onload], [onerror], [onfocus]").count() == 0
    assert dialogs == []


def test_the_page_may_run_one_script_and_load_nothing() -> None:
    page = lineage_page(made_up(3), "bank").decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert re.fullmatch(
        r"default-src &#39;none&#39;; script-src &#39;sha256-[^']{44}&#39;; style-src &#39;sha256-[^']{44}&#39;; "
        r"base-uri &#39;none&#39;; form-action &#39;none&#39;|default-src 'none'; script-src 'sha256-[^']{44}'; "
        r"style-src 'sha256-[^']{44}'; base-uri 'none'; form-action 'none'",
        policy[1],
    )
    assert set(re.findall(r"(?:src|href|action)=(.{2})", page.partition("<script>")[0])) == {'"#'}
    assert not re.search(r"\b(?:innerHTML|insertAdjacentHTML|document\.write|eval|fetch|XMLHttpRequest|import)\b", page)
