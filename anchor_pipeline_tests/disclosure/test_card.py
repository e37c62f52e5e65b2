"""The dataset card: Hugging Face reads its front matter and loads the release by it, and people read true numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from markdown_it import MarkdownIt

from anchor_pipeline.disclosure import card as cards
from anchor_pipeline.disclosure.card import CARD
from anchor_pipeline.disclosure.card_labels import languages, licence_labels, size_category
from anchor_pipeline_tests.disclosure.by_hand import HOSTILE, by_hand, parsed
from anchor_pipeline_tests.disclosure.released import DISCLOSURE, SOURCES, declaration, released
from anchor_pipeline_tests.projects import PROJECT
from anchor_pipeline_tests.rules.evidence import declaration as declared
from anchor_pipeline_tests.rules.evidence import doc


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    said = {**DISCLOSURE, "languages": "en, de"}
    return released(tmp_path_factory.mktemp("full"), declaration(said, SOURCES))


def front_matter(text: str) -> dict[str, Any]:
    _, values, _ = text.split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(values)
    return found


def tables(text: str) -> dict[str, list[list[str]]]:
    """The rows of each table by its first column's head, as a reader sees them."""
    found: dict[str, list[list[str]]] = {}
    cells: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text.split("---\n", 2)[2]):
        if token.type == "tr_open":
            cells = []
        elif token.type == "inline":
            cells.append("".join(child.content for child in token.children or []))
        elif token.type == "tr_close":
            found.setdefault(cells[0], []) if cells[0].startswith("By ") else found[[*found][-1]].append(cells)
        elif token.type == "heading_open" and token.tag == "h2":
            found.setdefault("", [])
    return found


def test_datasets_loads_the_folder_by_its_card(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    data = datasets.load_dataset(str(release), cache_dir=str(tmp_path / "cache"))
    assert list(data) == ["train"]
    expected = pq.read_table(release / "data/train-00000-of-00001.parquet")["doc_id"].to_pylist()
    assert data["train"]["doc_id"][:] == expected


def test_datasets_never_gives_the_rows_of_another_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both folders are called 0001, and both share one cache."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    for seed in ("3", "4"):
        folder = released(tmp_path / seed, PROJECT.replace("seed: 3", f"seed: {seed}"))
        data = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
        assert data["doc_id"][:] == pq.read_table(folder / "data")["doc_id"].to_pylist()


def test_the_hub_reads_its_labels(release: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    labels = hub.DatasetCard.load(release / CARD).data
    assert labels.license == ["cc0-1.0", "mit"]
    assert labels.pretty_name == "Sea texts"
    assert labels.language == ["en", "de"]
    assert labels.size_categories == ["n<1K"]
    assert {"text", "synthetic"} <= set(labels.tags)
    assert labels.task_categories is None  # nobody declared one


def test_shares_by_every_dimension_are_those_of_the_manifest(release: Path) -> None:
    manifest = json.loads((release / "MANIFEST.json").read_bytes())["shares"]["text"]
    found = tables((release / CARD).read_text())
    for head, dimension in (("By kind of source", "kind"), ("By authorship", "authorship"), ("By source", "source")):
        rows = {name: (documents, share) for name, documents, _, share in found[head]}
        assert rows == {
            name: (str(one["documents"]), f"{100 * float(one['share']):.2f} %")
            for name, one in manifest[dimension].items()
        }


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    project = declared(sources={"anchors_s": {"steward": HOSTILE, "description": HOSTILE}})
    project["disclosure"] = {"title": HOSTILE, "description": HOSTILE, "languages": HOSTILE, "licence": HOSTILE}
    rows = [doc("anchors_s", "1"), doc("synth_s", "2", generator=HOSTILE, family=HOSTILE)]
    _, files = by_hand(tmp_path, rows, project=project)
    text = files[CARD].decode()
    labels = front_matter(text)
    assert labels["pretty_name"].startswith('"]}, "@id": "x", <script>')
    assert set(labels) == {"pretty_name", "license", "size_categories", "tags", "configs"}
    page = text.split("---\n", 2)[2]
    allowed = {"text", "text_special", "link_open", "link_close"}
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(page):
        assert token.type != "html_block"
        assert {child.type for child in token.children or []} <= allowed
        for child in token.children or []:
            assert child.type != "link_open" or "://" not in str(child.attrGet("href"))


def test_long_tables_add_up_what_they_leave_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "MOST_LINES", 3)
    rows = [doc("synth_s", str(at), 10 + at, generator=f"g@{at}") for at in range(7)]
    _, files = by_hand(tmp_path, rows)
    found = tables(files[CARD].decode())["By generator"]
    assert [row[0] for row in found] == ["g@6", "g@5", "g@4", "4 others, named in disclosure/record.json"]
    assert [row[2] for row in found] == ["16 words", "15 words", "14 words", "46 words"]
    recorded = parsed(files, "disclosure/record.json")
    assert "g@0" in {total["generator"] for source in recorded["sources"] for total in source["totals"]}


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        (["CC-BY-4.0"], {"license": "cc-by-4.0"}),
        (["MIT", "CC0-1.0"], {"license": ["cc0-1.0", "mit"]}),
        (["ODC-By-1.0"], {"license": "odc-by"}),
        (
            ["MIT", "LicenseRef-House"],
            {"license": "other", "license_name": "LicenseRef-House AND MIT", "license_link": "there"},
        ),
        (
            ["MIT OR Apache-2.0"],
            {"license": "other", "license_name": "MIT OR Apache-2.0", "license_link": "there"},
        ),
    ],
)
def test_licences_have_the_labels_of_the_hub(expressions: list[str], expected: dict[str, Any]) -> None:
    assert licence_labels(expressions, "there") == expected


def test_sizes_have_the_labels_of_the_hub() -> None:
    assert [size_category(rows) for rows in (999, 1000, 9_999, 10_000, 10**6, 10**12 - 1, 10**12)] == [
        "n<1K", "1K<n<10K", "1K<n<10K", "10K<n<100K", "1M<n<10M", "100B<n<1T", "n>1T",
    ]  # fmt: skip


def test_languages_are_labels_only_as_codes() -> None:
    assert languages("en, de") == {"language": ["en", "de"]}
    assert languages("English and German") == languages("mostly English") == languages("") == languages(None) == {}
