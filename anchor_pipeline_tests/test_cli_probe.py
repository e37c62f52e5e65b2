"""`anchor probe`: what a steward does with probes, from training to retirement."""

from __future__ import annotations

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from anchor_pipeline import steps
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.fact_sets import fact_sets
from anchor_pipeline.facts.measure import measure_shards, read_facts
from anchor_pipeline.facts.probes.probe import probe_of
from anchor_pipeline.facts.probes.training import in_training
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.command import Run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project of `anchor init`, its anchor source ingested."""
    shutil.copytree(str(files("anchor_pipeline") / "project" / "template"), tmp_path / "p")
    loaded = load_project(tmp_path / "p")
    steps.ingest(steps.Workplace(loaded), "handbook", loaded.calendar.at("2025"))
    return tmp_path / "p"


def store_of(project: Path) -> Store:
    return Store.at(load_project(project).store_address)


def test_a_probe_is_trained_listed_and_scores(anchor: Run, project: Path, tmp_path: Path) -> None:
    train = ("probe", "train", project, "--source", "handbook", "--since", "2025", "--share", "1")
    code, out, err = anchor(*train, "--name", "shop_words", "--signed-off", "ada@example.org")
    assert (code, err) == (0, "")
    assert "probe shop_words" in out
    assert "in use from cycle 2025" in out
    assert anchor(*train, "--name", "shop_characters", "--kind", "characters")[0] == 0

    code, out, _ = anchor("probe", "list", project, "--json")
    rows = json.loads(out)["probes"]
    assert [(row["name"], row["card"]["kind"], row["card"]["order"]) for row in rows] == [
        ("shop_words", "words", 3),
        ("shop_characters", "characters", 5),
    ]
    assert rows[0]["card"]["sources"][0]["name"] == "handbook"
    assert rows[0]["card"]["sources"][0]["documents"] == 12
    assert rows[0]["signed_off"] == "ada@example.org"
    assert "words of order 3, signed off by ada@example.org" in anchor("probe", "list", project)[1]

    texts = tmp_path / "texts.txt"
    texts.write_text("Check the brakes before every rental.\nzqx wvk jjp\n\n", encoding="utf-8")
    for which in ("shop_words", rows[1]["digest"][:8]):
        code, out, _ = anchor("probe", "score", project, which, texts, "--json")
        known, unknown, empty = json.loads(out)["texts"]
        assert known["bits_per_unit"] < unknown["bits_per_unit"]
        assert empty["units"] == 1
    assert "bits a word" in anchor("probe", "score", project, "shop_words", texts)[1]


def test_the_same_training_gives_the_same_probe_which_cannot_be_added_twice(anchor: Run, project: Path) -> None:
    train = ("probe", "train", project, "--source", "handbook", "--since", "2025", "--name", "words")
    assert anchor(*train)[0] == 0
    code, _, err = anchor(*train)
    assert code == 2
    assert "is in use in cycle 2025 already" in err


def test_a_probe_is_retired_only_after_a_cycle_beside_another(anchor: Run, project: Path) -> None:
    train = ("probe", "train", project, "--source", "handbook")
    assert anchor(*train, "--name", "old", "--since", "2025")[0] == 0
    code, _, err = anchor("probe", "retire", project, "old", "--since", "2026")
    assert code == 2
    assert "no other probe was in use beside it" in err
    assert anchor(*train, "--name", "new", "--since", "2026", "--order", "2")[0] == 0
    assert anchor("probe", "retire", project, "old", "--since", "2026")[0] == 2
    assert anchor("probe", "retire", project, "old", "--since", "2027")[0] == 0
    store = store_of(project)
    assert [len(fact_sets(store, cycle, ["probe"])) for cycle in ("2024", "2025", "2026", "2027")] == [0, 1, 2, 1]


def test_the_facts_of_a_probe_lie_beside_the_rows(anchor: Run, project: Path) -> None:
    assert anchor("probe", "train", project, "--source", "handbook", "--name", "words", "--since", "2025")[0] == 0
    store = store_of(project)
    (facts,) = fact_sets(store, "2025", ["probe"])
    place = steps.Workplace(load_project(project))
    shards = steps.current_snapshot(place, "handbook").shards
    measure_shards(store, shards, [facts])
    table = read_facts(store, shards[0], facts.key)
    assert table.column_names == ["bits", "units"]
    probe = probe_of(store, json.loads(anchor("probe", "list", project, "--json")[1])["probes"][0]["digest"])
    import pyarrow.parquet as pq

    texts = pq.read_table(store.shard_path(shards[0]), columns=["text"]).column("text").combine_chunks()
    bits, units = probe.score(texts)  # type: ignore[attr-defined]
    assert np.array_equal(table["bits"].to_numpy(), bits)
    assert np.array_equal(table["units"].to_numpy(), units)


def test_a_share_is_trained_on_and_the_rest_left_for_calibration(anchor: Run, project: Path) -> None:
    assert anchor("probe", "train", project, "--source", "handbook", "--name", "half", "--since", "2025")[0] == 0
    card = json.loads(anchor("probe", "list", project, "--json")[1])["probes"][0]["card"]
    store = store_of(project)
    place = steps.Workplace(load_project(project))
    import pyarrow.parquet as pq

    (shard,) = steps.current_snapshot(place, "handbook").shards
    digests = pq.read_table(store.shard_path(shard), columns=["digest"]).column("digest")
    inside = in_training(digests, card["share"])
    assert card["documents"] == inside.sum()
    assert 0 < inside.sum() < len(inside)
    assert in_training(digests, 1.0).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--source", "articles"), "is licensed; a probe is trained on anchors"),
        (("--source", "nobody"), "is not declared; sources are handbook"),
        (("--source", "handbook", "--since", "20"), "--since"),
        (("--source", "handbook", "--min-counts", "x"), "--min-counts"),
        (("--source", "handbook", "--order", "5"), "order 5"),
    ],
)
def test_what_cannot_be_is_said(anchor: Run, project: Path, options: tuple[str, ...], said: str) -> None:
    code, _, err = anchor("probe", "train", project, "--name", "words", *options)
    assert code == 2
    assert said in err


def test_a_source_that_was_never_ingested_is_said(anchor: Run, project: Path) -> None:
    shutil.rmtree(project / "store")
    code, _, err = anchor("probe", "train", project, "--source", "handbook", "--name", "words")
    assert code == 2
    assert "was never ingested; run anchor plan" in err


def test_names_and_digests_that_nothing_has_are_said(anchor: Run, project: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("x", encoding="utf-8")
    code, _, err = anchor("probe", "score", project, "nothing", texts)
    assert code == 2
    assert "there are none" in err


def test_the_probe_of_another_project_can_be_added(anchor: Run, project: Path, tmp_path: Path) -> None:
    assert anchor("probe", "train", project, "--source", "handbook", "--name", "words", "--since", "2025")[0] == 0
    digest = json.loads(anchor("probe", "list", project, "--json")[1])["probes"][0]["digest"]
    shutil.copytree(str(files("anchor_pipeline") / "project" / "template"), tmp_path / "other")
    model = project / "store" / "models" / "probe" / digest
    code, out, _ = anchor("probe", "add", tmp_path / "other", model, "--name", "theirs", "--since", "2025")
    assert code == 0
    assert digest in out
    (tmp_path / "nothing").mkdir()
    code, _, err = anchor("probe", "add", tmp_path / "other", tmp_path / "nothing", "--name", "none")
    assert code == 2
    assert "pickled weights are never read" in err
