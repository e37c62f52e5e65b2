"""The Data Docs: every source stays on the site, and the site needs nothing but a browser."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.data_docs import publish_index
from anchor_pipeline_tests.ingest.metadata_samples import HOSTILE, frame, judge, load


class Page(HTMLParser):
    """Collects tags and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def site(store: Store) -> dict[str, bytes]:
    """Every file of the site."""
    root = store.path("data_docs")
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_data_docs_keep_every_source_and_need_no_network(tmp_path: Path) -> None:
    project, store = load(tmp_path), Store(tmp_path / "store")
    judge(project, "letters", frame("letters", "anchor"), store, key="k")
    alone = store.read("data_docs/letters.html")
    bad = frame("tickets", "enterprise", licence=[HOSTILE] + ["MIT"] * 19, doc_id=[f"tickets/{HOSTILE}"] * 20)
    judge(project, "tickets", bad, store, key="k")
    assert store.read("data_docs/letters.html") == alone
    index = Page(store.read("data_docs/index.html").decode())
    assert [a["href"] for tag, a in index.tags if tag == "a"] == ["#content", "letters.html", "tickets.html"]
    assert "No blocking expectation fails; 3 of 4 sources need a look" in index.text
    assert index.text.count("not validated yet") == 2
    pages = [name for name in site(store) if name.endswith(".html")]
    assert len(pages) == 5  # the index, and two pages of each source that was validated
    for name in pages:
        raw = store.read(f"data_docs/{name}").decode()
        assert str(tmp_path) not in raw
        page = Page(raw)
        assert {"script", "link", "img", "iframe", "object"}.isdisjoint(tag for tag, _ in page.tags)
        assert not [a for _, a in page.tags if str(a.get("href", "")).startswith(("http", "//", "/"))]
        assert "default-src 'none'" in raw
    assert HOSTILE in Page(store.read("data_docs/tickets.html").decode()).text


def test_data_docs_are_the_same_whatever_the_order(tmp_path: Path) -> None:
    project = load(tmp_path)
    sources = [("letters", "anchor"), ("books", "licensed"), ("models", "synthetic")]
    sites: list[dict[str, bytes]] = []
    for order in (sources, sources[::-1]):
        store = Store(tmp_path / str(len(sites)))
        for name, kind in order:
            judge(project, name, frame(name, kind), store, key="k")
        sites.append(site(store))
    assert sites[0] == sites[1]


def test_a_damaged_record_is_shown_as_missing(tmp_path: Path) -> None:
    project, store = load(tmp_path), Store(tmp_path / "store")
    judge(project, "letters", frame("letters", "anchor"), store, key="k")
    store.write("data_docs/letters.json", b"{")
    publish_index(project, store)
    assert store.read("data_docs/index.html").decode().count("not validated yet") == 4
    judge(project, "letters", frame("letters", "anchor"), store, key="k")
    assert store.read("data_docs/index.html").decode().count("not validated yet") == 3


def test_processes_that_finish_together_do_not_lose_each_other(tmp_path: Path) -> None:
    """The other's record appears while this one writes an index made without it."""
    project, store = load(tmp_path), Store(tmp_path / "store")
    judge(project, "books", frame("books", "licensed"), store, key="k")
    other = store.read("data_docs/books.json")
    store.path("data_docs/books.json").unlink()

    class Meanwhile(Store):
        def write(self, relative: str, data: bytes) -> Path:
            written = super().write(relative, data)
            if relative == "data_docs/index.html":
                super().write("data_docs/books.json", other)
            return written

    judge(project, "letters", frame("letters", "anchor"), Meanwhile(store.root), key="k")
    assert store.read("data_docs/index.html").decode().count("not validated yet") == 2
