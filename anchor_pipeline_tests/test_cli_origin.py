"""`anchor origin`: from ingested sources to a detector in use, a score for a text, and a way out of use."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from anchor_pipeline import steps
from anchor_pipeline.corpus.register import active
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.origin.model import open_detector
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.command import Run
from anchor_pipeline_tests.facts.origin.writers import SUBJECTS, write
from anchor_pipeline_tests.projects import small_project, write_rows

TRAIN = ("--ours", "drafts", "--human", "logbooks", "--human", "gazette", "--name", "scribe")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its sources hold enough texts, and are ingested."""
    folder = tmp_path_factory.mktemp("project")
    path = small_project(folder)
    for name, who, subject in (("logbooks", "person", "sea"), ("gazette", "person", "law"), ("drafts", "model", "sea")):
        texts = [write(who, subject, number) for number in range(220)]
        rows = [{"id": f"{name}{at}", "text": text, "date": "2020-06-01"} for at, text in enumerate(texts)]
        write_rows(folder / f"raw/{name}.jsonl", rows)
    declared = load_project(path)
    place = steps.Workplace(declared)
    for source in ("logbooks", "gazette", "drafts"):
        steps.ingest(place, source, declared.calendar.at("2020"))
    return folder


@pytest.fixture
def anchor(anchor: Run) -> Run:
    """The command `anchor origin`."""
    return partial(anchor, "origin")


def store_of(project: Path) -> Store:
    return steps.Workplace(load_project(project)).store


def test_a_detector_is_trained_listed_used_replaced_by_another_and_retired(
    anchor: Run, project: Path, tmp_path: Path
) -> None:
    code, out, err = anchor("list", project)
    assert (code, out, err) == (0, f"no origin detector yet; anchor origin train {project}\n", "")
    assert anchor("score", project, "-", stdin=b"text")[0] == 2

    code, out, err = anchor("train", project, *TRAIN, "--since", "2020", "--signed-off", "ann@example.org")
    assert (code, err) == (0, "")
    (entry,) = active(store_of(project), "origin", "2020")
    assert out.startswith(f"scribe {entry.digest[:12]} is in use from cycle 2020 on\n")
    card = open_detector(store_of(project), entry.digest).card
    assert card.seen == ("scribe@1",)
    assert set(card.training) == {"drafts", "logbooks", "gazette"}
    assert (card.human_texts, card.our_texts) == (440, 220)

    code, out, _ = anchor("list", project)
    assert code == 0
    assert "signed off by ann@example.org" in out
    assert "held-out texts: AUROC" in out
    assert "blind: texts of fewer than" in out

    (tmp_path / "text").write_text(write("model", "sea", "new"))
    code, out, _ = anchor("score", project, tmp_path / "text", "--detector", entry.digest[:6])
    assert code == 0
    assert float(out) > 0
    human = "\n".join([write("person", "farm", "new"), "too short"]).encode()
    code, out, _ = anchor("score", project, "-", "--lines", stdin=human)
    first, second = out.splitlines()
    assert float(first) < 0
    assert "not judged: fewer than" in second

    code, _, err = anchor("train", project, *TRAIN, "--since", "2020")
    assert (code, "is in use in cycle 2020 already" in err) == (2, True), "the same sources give the same detector"
    code, _, err = anchor("retire", project, entry.digest[:8], "--since", "2021")
    assert (code, "no other origin was in use beside it" in err) == (2, True)
    code, out, _ = anchor("train", project, *TRAIN[:4], "--name", "scribe", "--since", "2021")
    assert code == 0
    code, out, _ = anchor("retire", project, entry.digest[:8], "--since", "2022")
    assert (code, out) == (0, f"scribe {entry.digest[:12]} is retired from cycle 2022 on\n")
    assert [one.since for one in active(store_of(project), "origin", "2022")] == ["2021"]
    assert anchor("add", project, entry.digest, "--name", "scribe", "--since", "2023")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "--ours", "drafts", "--human", "nobody", "--name", "x"), "there is no source 'nobody'; sources are"),
        (("train", "--ours", "drafts", "--human", "drafts", "--name", "x"), "a source stands for one side"),
        (("train", *TRAIN, "--since", "never"), "--since:"),
        (("add", "abc", "--name", "x"), "'abc' is not the name of one detector"),
    ],
)
def test_what_is_wrong_is_said(anchor: Run, project: Path, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = anchor(arguments[0], project, *arguments[1:])
    assert code == 2
    assert said in err


def test_sources_that_were_not_ingested_are_said_to_be_so(anchor: Run, tmp_path: Path) -> None:
    small_project(tmp_path)
    code, _, err = anchor("train", tmp_path, *TRAIN)
    assert code == 2
    assert "source drafts was never ingested; run anchor plan" in err


def test_scores_do_not_hang_on_the_subject_alone(anchor: Run, project: Path) -> None:
    unseen = "\n".join(write(who, subject, "other") for subject in SUBJECTS for who in ("model", "person")).encode()
    _, out, _ = anchor("score", project, "-", "--lines", stdin=unseen)
    scores = [float(line) for line in out.splitlines()]
    assert min(scores[::2]) > max(scores[1::2])
