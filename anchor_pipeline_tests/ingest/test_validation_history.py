"""The Data Docs keep every validation that had other results: nothing that was seen is lost or altered."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.ingest.data_docs import docs_page, newest_validation
from anchor_pipeline.ingest.validation_history import Past, history, record_sighting, sightings
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.ingest.metadata_samples import HOSTILE, frame, judge, load
from anchor_pipeline_tests.ingest.test_data_docs import Page, site

SOUND: dict[str, Any] = {}
BROKEN: dict[str, Any] = {"tokens": [0, *range(1, 20)]}


def build(folder: Path, store: Store, cycle: str | None, columns: dict[str, Any]) -> str:
    """One build of a cycle that finds these rows; gives the key of its validation."""
    rows = frame("letters", "anchor", **columns)
    key = "broken" if columns else "sound"
    judge(load_project(folder), "letters", rows, store, key=key, cycle=cycle)
    newest = newest_validation(store, "letters")
    assert newest is not None
    return newest.key


def test_every_validation_keeps_its_page_and_resolved_failures_stay_visible(tmp_path: Path) -> None:
    load(tmp_path)
    store = Store(tmp_path / "store")
    broken = build(tmp_path, store, "2020", BROKEN)
    before = site(store)
    sound = build(tmp_path, store, "2021", SOUND)
    assert sound != broken
    kept = {name: data for name, data in before.items() if name.startswith("letters/")}
    assert len(kept) == 3
    assert kept.items() <= site(store).items()
    past = Page(before[f"letters/{broken}.html"].decode())
    assert "1 of 11 expectations fails and blocks" in past.text
    assert f"1 of {20} rows unexpected" in past.text
    page = Page(store.read("data_docs/letters.html").decode())
    assert "All 11 expectations hold" in page.text
    links = [str(attrs["href"]) for tag, attrs in page.tags if tag == "a"]
    assert [link for link in links if link.endswith(".html") and "/" in link] == [
        f"letters/{sound}.html",
        f"letters/{broken}.html",
    ]
    for name, data in site(store).items():
        for tag, attrs in Page(data.decode()).tags if name.endswith(".html") else []:
            target = str(attrs.get("href") or "").partition("#")[0] if tag == "a" else ""
            assert (store.path("data_docs") / name).parent.joinpath(target).exists(), (name, target)


def test_the_history_names_cycles_in_the_order_in_which_builds_saw_them(tmp_path: Path) -> None:
    load(tmp_path)
    store = Store(tmp_path / "store")
    seen = [("2021", BROKEN), ("2019", BROKEN), ("2020", SOUND), ("2021", SOUND), ("2020", BROKEN), (None, SOUND)]
    keys = [build(tmp_path, store, cycle, columns) for cycle, columns in seen]
    assert history(sightings(store, "letters")) == [
        Past(keys[0], ("2021", "2019", "2020")),
        Past(keys[2], ("2020", "2021")),
    ]
    once = site(store)
    build(tmp_path, store, "2020", BROKEN)
    assert len(site(store)) == len(once), "a cycle that sees what it last saw is not noted again"


def test_many_cycles_are_told_in_short_and_old_validations_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tmp_path)
    store = Store(tmp_path / "store")
    for year in range(2000, 2052):
        build(tmp_path, store, str(year), SOUND)
    assert "2000, …, 2051 (52 cycles)" in store.read("data_docs/letters.html").decode()
    monkeypatch.setattr("anchor_pipeline.ingest.data_docs._MOST_SHOWN", 1)
    build(tmp_path, store, "2052", BROKEN)
    assert "1 older validation lies beside these" in Page(store.read("data_docs/letters.html").decode()).text


def test_a_rebuild_that_sees_the_same_writes_nothing(tmp_path: Path) -> None:
    load(tmp_path)
    store = Store(tmp_path / "store")
    build(tmp_path, store, "2020", BROKEN)
    before = {path: path.stat().st_mtime_ns for path in store.path("data_docs").rglob("*")}
    build(tmp_path, store, "2020", BROKEN)
    build(tmp_path, store, None, BROKEN)
    assert {path: path.stat().st_mtime_ns for path in store.path("data_docs").rglob("*")} == before


def test_another_steward_is_no_other_validation_but_the_newest_page_names_her(tmp_path: Path) -> None:
    project, store = load(tmp_path), Store(tmp_path / "store")
    rows = frame("tickets", "enterprise")
    judge(project, "tickets", rows, store, cycle="2020")
    text = (tmp_path / "project.yaml").read_text()
    (tmp_path / "project.yaml").write_text(text.replace("steward@example.org", "harbour@example.org"))
    judge(load_project(tmp_path), "tickets", rows, store, cycle="2020")
    assert len(history(sightings(store, "tickets"))) == 1
    assert "harbour@example.org" in store.read("data_docs/tickets.html").decode()


def test_a_check_links_to_the_page_of_its_validation_at_its_expectation(tmp_path: Path) -> None:
    load(tmp_path)
    store = Store(tmp_path / "store")
    key = build(tmp_path, store, "2020", BROKEN)
    newest = newest_validation(store, "letters")
    assert newest is not None
    page = docs_page(store, "letters", key)
    assert page == f"data_docs/letters/{key}.html"
    ids = [attrs.get("id") for _, attrs in Page(store.read(page).decode()).tags]
    for result in newest.results:
        assert ids.count(result.name) == 1
        assert docs_page(store, "letters", key, result.name) == f"{page}#{result.name}"
    store.path(page).unlink()
    assert docs_page(store, "letters", key) == "data_docs/letters.html"
    build(tmp_path, store, "2020", BROKEN)
    assert docs_page(store, "letters", key) == page, "a page that was deleted is made again"


def test_damaged_and_foreign_files_do_not_hide_the_rest(tmp_path: Path) -> None:
    load(tmp_path)
    store = Store(tmp_path / "store")
    broken = build(tmp_path, store, "2020", BROKEN)
    store.write(f"data_docs/letters/{broken}.json", b"{")
    store.write("data_docs/letters/seen/notes.txt", b"")
    store.write("data_docs/letters/seen/x.y.z.json", b"")
    build(tmp_path, store, "2021", SOUND)
    page = Page(store.read("data_docs/letters.html").decode())
    assert "its record cannot be read" in page.text
    assert f"letters/{broken}.html" in [attrs.get("href") for _, attrs in page.tags]


def test_builds_at_the_same_time_do_not_lose_each_other(tmp_path: Path) -> None:
    load(tmp_path)
    store = Store(tmp_path / "store")
    build(tmp_path, store, "2000", SOUND)
    years = [str(year) for year in range(2001, 2013)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda year: build(tmp_path, Store(store.root), year, SOUND), years))
    (past,) = history(sightings(store, "letters"))
    assert sorted(past.cycles) == ["2000", *years]
    assert "(13 cycles)" in store.read("data_docs/letters.html").decode()


def test_a_cycle_that_is_noted_while_the_page_is_written_is_on_it(tmp_path: Path) -> None:
    load(tmp_path)

    class Meanwhile(Store):
        """Another process notes its cycle after this one has looked, and before it writes the page."""

        def write(self, relative: str, data: bytes) -> Path:
            if relative == "data_docs/letters.html":
                (noted,) = [one for one in sightings(self, "letters") if one.cycle == "2020"]
                record_sighting(Store(self.root), "letters", noted.key, "2021")
            return super().write(relative, data)

    store = Meanwhile(tmp_path / "store")
    build(tmp_path, store, "2020", SOUND)
    assert "<td>2020, 2021</td>" in store.read("data_docs/letters.html").decode()


def test_two_that_take_the_same_number_are_both_noted(tmp_path: Path) -> None:
    class Meanwhile(Store):
        """Another process notes its cycle between this one's look and its note."""

        def write_new(self, relative: str, data: bytes) -> bool:
            Store(self.root).write_new("data_docs/s/seen/000001.2021.b.json", b"{}")
            return super().write_new(relative, data)

    assert record_sighting(Meanwhile(tmp_path), "s", "a", "2020")
    assert [(one.number, one.cycle) for one in sightings(Store(tmp_path), "s")] == [(1, "2020"), (1, "2021")]


def test_a_source_called_index_does_not_replace_the_index(tmp_path: Path) -> None:
    project = load(tmp_path)
    (tmp_path / "project.yaml").write_text((tmp_path / "project.yaml").read_text().replace("letters:", "index:"))
    project, store = load_project(tmp_path), Store(tmp_path / "store")
    judge(project, "index", frame("index", "anchor"), store, cycle="2020")
    assert "What Great Expectations says of every source" in store.read("data_docs/index.html").decode()
    assert "Source index" in Page(store.read("data_docs/index.source.html").decode()).text
    newest = newest_validation(store, "index")
    assert newest is not None
    assert docs_page(store, "index", newest.key) == f"data_docs/index/{newest.key}.html"


def test_hostile_ids_files_and_errors_are_shown_and_do_nothing(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        f"{{type: expect_column_values_to_match_regex, column: licence, regex: {json.dumps(HOSTILE + '[')}}},"
        "{type: expect_column_values_to_be_between, column: tokens, max_value: 18, unexpected_rows: quarantine}",
    )
    store = Store(tmp_path / "store")
    names = {"doc_id": [f"tickets/{HOSTILE}{i}" for i in range(20)], "raw_file": HOSTILE, "licence": HOSTILE}
    judge(project, "tickets", frame("tickets", "enterprise", **names), store, cycle="2020")
    newest = newest_validation(store, "tickets")
    assert newest is not None
    for name in ("index.html", "tickets.html", f"tickets/{newest.key}.html"):
        page = Page(store.read(f"data_docs/{name}").decode())
        assert {"script", "img", "iframe", "link"}.isdisjoint(tag for tag, _ in page.tags)
        assert name == "index.html" or f"tickets/{HOSTILE}18" in page.text
    assert "1 could not be evaluated: that is neither a pass nor a violation." in page.text
    assert "could not be evaluated: " in page.text.lower()
    assert "left out of every corpus, as expectation_tokens_be_between" in page.text
