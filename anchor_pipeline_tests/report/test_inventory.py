"""The inventory of real projects: numbers as in corpus and releases, gains as the planner itself finds them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml

from anchor_pipeline import steps
from anchor_pipeline.corpus.corpus import corpus_table
from anchor_pipeline.errors import Refused
from anchor_pipeline.mix.plan import make_plan
from anchor_pipeline.project import Project, load_project
from anchor_pipeline.report.inventory import Inventory, inventory
from anchor_pipeline.report.inventory_supply import supplies
from anchor_pipeline.report.inventory_text import lines
from anchor_pipeline.workplace import Workplace
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.projects import PROJECT, rows, small_project, write_rows


def planned(folder: Path, change: Any = None) -> tuple[Project, Inventory]:
    """A project whose declaration `change` may alter, planned for 2020; and its inventory."""
    text: dict[str, Any] = yaml.safe_load(PROJECT)
    if change is not None:
        change(text)
    project = load_project(small_project(folder, json.dumps(text, default=str)))
    place, cycle = Workplace(project), project.calendar.at("2020")
    steps.plan_all(place, list(project.stages), cycle)
    return project, inventory(project, cycle, place.store)


def entry(found: Inventory, source: str) -> Any:
    return next(one for one in found.entries if one.source == source)


def with_office(text: dict[str, Any]) -> None:
    """A first-party source without consent, and a licence that ends soon after the cycle."""
    text["sources"]["gazette"]["terms"] = {"expires": "2021-01-20", "uses": ["training"]}
    text["sources"]["office"] = {
        "kind": "enterprise", "domain": "sea", "uri": "raw/office.jsonl", "risk": "low",
        "fields": {"id": {"column": "id"}, "text": {"column": "text"}, "collected_at": {"column": "date"},
                   "authorship": "human", "licence": "MIT"},
        "value": {"metric": "answers", "weight": 3},
    }  # fmt: skip


def test_volume_freshness_and_licences_are_those_of_the_corpus(tmp_path: Path) -> None:
    project, found = planned(tmp_path)
    kept = pl.read_parquet(corpus_table(Workplace(project).store, "2020")).filter(pl.col("status") == "kept")
    assert [one.source for one in found.entries] == ["logbooks", "gazette"], "synthetic sources are not listed"
    for one in found.entries:
        own = kept.filter(pl.col("source") == one.source)
        assert (one.documents, one.tokens, one.bytes) == (own.height, own["tokens"].sum(), own["bytes"].sum())
        assert one.licences == {"CC0-1.0" if one.source == "logbooks" else "MIT": own.height}
        assert one.domains == ("sea",)
        assert (str(one.collected_to), one.days_old, one.fresh) == ("2020-06-01", 214, 1.0)
    assert entry(found, "gazette").steward is None
    assert (entry(found, "gazette").risk, entry(found, "gazette").risk_declared) == ("low", False)


def test_a_corpus_that_was_never_made_is_asked_for(tmp_path: Path) -> None:
    project = load_project(small_project(tmp_path))
    with pytest.raises(Refused, match=r"the corpus of 2020 was never assembled; make it with `anchor plan"):
        inventory(project, project.calendar.at("2020"), Workplace(project).store)


def test_use_in_mixes_is_that_of_the_released_rows(tmp_path: Path) -> None:
    project, before = planned(tmp_path)
    assert all(one.uses == () for one in before.entries)
    place, cycle = Workplace(project), project.calendar.at("2020")
    release = steps.release(place, "lawful", cycle)
    tokens: Counter[str] = Counter()
    for row in pq.read_table(release.path / "data").to_pylist():
        tokens[row["source"]] += row["tokens"]
    for one in inventory(project, cycle, place.store).entries:
        (use,) = one.uses
        assert (use.stage, use.cycle, use.revision, use.tokens) == ("lawful", "2020", 1, tokens[one.source])
        assert use.share == pytest.approx(tokens[one.source] / sum(tokens.values()), abs=1e-6)


def test_the_worth_of_a_token_is_the_planners_shadow_price(tmp_path: Path) -> None:
    project, found = planned(tmp_path)
    held, _ = supplies(project, project.calendar.at("2020"), Workplace(project).store)
    for supply in held:
        bindings = make_plan(supply.cells, supply.limits).bindings
        prices = {one.what: one.price for one in bindings if one.rule == "availability"}
        for one in found.entries:
            for worth in one.worth:
                if worth.stage == supply.stage:
                    assert worth.price == pytest.approx(prices.get(worth.supply, 0.0), abs=1e-6)
    stages = {worth.stage: worth.price for worth in entry(found, "gazette").worth}
    assert stages["lawful"] == 0, "its target is reached"
    assert stages["greedy"] > 1, "each human token admits machine tokens besides"


def test_a_gain_is_what_the_planner_admits_with_the_tokens_added(tmp_path: Path) -> None:
    project, found = planned(tmp_path)
    lacks = [one for one in found.advice if one.action == "collect"]
    assert {(one.source, one.stages) for one in lacks} == {("logbooks", ("greedy",)), ("gazette", ("greedy",))}
    held, _ = supplies(project, project.calendar.at("2020"), Workplace(project).store)
    (supply,) = [one for one in held if one.stage == "greedy"]
    together = supply.limits.target - supply.most
    assert all(f"with all else that the stage lacks: {together:,} more tokens of mix" in one.what for one in lacks)
    assert all(0 <= one.gain < together for one in lacks)
    # As much as is found by really collecting so many tokens, of documents of 31.
    asked: Counter[str] = Counter()
    for one in lacks:
        asked[str(one.source)] += one.tokens // 31 + 1
    write_rows(tmp_path / "raw/gazette.jsonl", rows("gaz", 60 + asked["gazette"], 2))
    write_rows(tmp_path / "raw/logbooks.jsonl", rows("log", 40 + asked["logbooks"], 1))
    place, cycle = Workplace(project), project.calendar.at("2020")
    steps.plan_all(place, ["greedy"], cycle)
    again, _ = supplies(project, cycle, place.store)
    assert next(one.most for one in again if one.stage == "greedy") == supply.limits.target


def test_what_is_barred_can_be_cleaned_and_what_ends_renewed(tmp_path: Path) -> None:
    write_rows(tmp_path / "raw/office.jsonl", rows("off", 50, 4))
    _, found = planned(tmp_path, with_office)
    office = entry(found, "office")
    assert (office.documents, office.quarantined, office.consent) == (0, {"no_consent": 50}, None)
    assert entry(found, "gazette").days_left == 20
    by_reason = {one.reason: one for one in found.advice}
    renewal = by_reason["licence_ends"]
    assert (renewal.action, renewal.source, renewal.gain > 0) == ("license", "gazette", True)
    scores = [one.score for one in found.advice]
    assert scores == sorted(scores, reverse=True)


def test_cleaning_is_estimated_by_the_documents_that_are_kept(tmp_path: Path) -> None:
    def licences_by_row(text: dict[str, Any]) -> None:
        text["sources"]["gazette"]["uri"] = "raw/notices.jsonl"
        text["sources"]["gazette"]["fields"]["licence"] = {"column": "licence"}

    every_third = [
        {**row, "licence": "MIT" if number % 3 else "nobody knows"} for number, row in enumerate(rows("gaz", 60, 2))
    ]
    write_rows(tmp_path / "raw/notices.jsonl", every_third)
    _, found = planned(tmp_path, licences_by_row)
    (freed,) = [one for one in found.advice if one.reason == "unparsable_licence"]
    assert (freed.action, freed.documents, freed.estimated) == ("license", 20, True)
    assert freed.tokens == 20 * 31
    assert freed.gain > freed.tokens, "human text admits machine text besides"


def test_the_command_says_it_in_words_and_in_json(tmp_path: Path, anchor: Run) -> None:
    project, found = planned(tmp_path)
    code, out, _ = anchor("inventory", project.path, "--cycle", "2020")
    assert code == 0
    assert out.splitlines() == list(lines(found))
    assert "gazette (licensed, text; sea)" in out
    assert "What to clean, license or collect next" in out
    code, out, _ = anchor("inventory", project.path, "--cycle", "2020", "--json")
    assert code == 0
    assert json.loads(out) == found.to_json()
    code, _, err = anchor("inventory", project.path, "--cycle", "2019")
    assert code == 1
    assert "the corpus of 2019 was never assembled" in err
