"""`anchor lineage build`, `ancestry`, `descendants`, `origins`, `generators`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.graph.worlds import document, write_release, write_shard
from anchor_pipeline_tests.projects import small_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Declared, and with a store that holds a few documents."""
    small_project(tmp_path)
    store = Store.at(load_project(tmp_path).store_address)
    rows = [
        document("gazette/1"),
        document("gazette/2", authorship="unknown"),
        document("drafts/1", parents=["gazette/1"], generator="scribe@1"),
        document("drafts/2", parents=["drafts/1", "no\x1b[31msuch"], generator="scribe@2"),
        document("drafts/loop", parents=["drafts/loop"], generator="scribe@2"),
    ]
    write_shard(store, rows)
    write_release(store, [rows[3]])
    write_release(store, [rows[1], rows[3]], revision=2)
    return tmp_path


def test_build_says_what_the_graph_holds(anchor: Run, project: Path) -> None:
    code, out, err = anchor("lineage", "build", project)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "holds  5 documents in 1 shard, 4 parents; 2 releases with 3 rows; 0 runs, 0 exports",
        "added  1 shard, 2 releases, 0 snapshots, 0 batches of events (built anew)",
    ]
    code, out, _ = anchor("lineage", "build", project, "--json")
    told = json.loads(out)
    assert (told["holds"]["documents"], told["added"]["shards"], told["added"]["troubles"]) == (5, 0, [])


def test_what_is_missing_is_said_and_the_exit_code_tells(anchor: Run, project: Path) -> None:
    store = Store.at(load_project(project).store_address)
    store.write("mix/main/2021/0001/MANIFEST.json", b"{}")
    for command in (["build"], ["origins"], ["generators"], ["ancestry", "drafts/1"], ["descendants", "gazette/1"]):
        code, out, err = anchor("lineage", command[0], project, *command[1:])
        assert code == 3
        assert out
        assert err.startswith("not in the graph: mix/main/2021/0001/MANIFEST.json: not a manifest")


def test_ancestry_and_descendants(anchor: Run, project: Path) -> None:
    code, out, _ = anchor("lineage", "ancestry", project, "drafts/2")
    assert code == 0
    assert out.splitlines() == [
        "drafts/2: 2 ancestors",
        "  1  drafts/1  scribe",
        "  2  gazette/1  human",
        "  ?  drafts/2 names no\\x1b[31msuch, which is not recorded",
    ]
    assert "among its own ancestors" in anchor("lineage", "ancestry", project, "drafts/loop")[1]
    _, out, _ = anchor("lineage", "descendants", project, "gazette/1")
    assert out.splitlines() == [
        "gazette/1: 2 descendants",
        "  drafts/1  scribe@1",
        "  drafts/2  scribe@2",
        "mix/main/2020/0001: 1 of them, 12 tokens, superseded",
        "mix/main/2020/0002: 1 of them, 12 tokens",
    ]
    told = json.loads(anchor("lineage", "ancestry", project, "drafts/2", "--json")[1])
    assert told["dangling"] == [["drafts/2", "no\x1b[31msuch"]]
    told = json.loads(anchor("lineage", "descendants", project, "gazette/1", "--json", "--certain")[1])
    assert [one["doc_id"] for one in told["descendants"]] == ["drafts/1", "drafts/2"]
    for command in ("ancestry", "descendants"):
        code, _, err = anchor("lineage", command, project, "nobody/1")
        assert (code, err) == (2, "nobody/1: no shard of the store holds a document of that id\n")


def test_origins_of_the_newest_release_or_of_another(anchor: Run, project: Path) -> None:
    code, out, _ = anchor("lineage", "origins", project)
    assert code == 0
    assert out.splitlines() == [
        "mix/main/2020/0002",
        "   25.00%  text  human: gazette  (6)",
        "   50.00%  text  unknown: authorship not stated  (12)",
        "   25.00%  text  unknown: parents that are not recorded  (6)",
    ]
    told = json.loads(anchor("lineage", "origins", project, "--revision", "1", "--stage", "main", "--json")[1])
    assert [one["release"] for one in told] == ["mix/main/2020/0001"]
    assert sum(one["share"] for one in told[0]["origins"]) == 1
    code, _, err = anchor("lineage", "origins", project, "--stage", "other")
    assert (code, err) == (2, "there is no release other; build one first\n")


def test_generators(anchor: Run, project: Path) -> None:
    _, out, _ = anchor("lineage", "generators", project)
    assert out == "scribe  text: 3 documents, 36 tokens, in a circle, 66.67% made from its own\n"
    (told,) = json.loads(anchor("lineage", "generators", project, "--json")[1])
    assert (told["versions"], told["self_fed_documents"]) == (["scribe@1", "scribe@2"], 2)
