"""`anchor origin`: train, list and use detectors of our own model's text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from anchor_pipeline.cli_models import PROJECT, SIGNED_OFF, SINCE, cycle_key, model_digest, store_of
from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import Project, load_project

if TYPE_CHECKING:
    from anchor_pipeline.corpus.register import Entry
    from anchor_pipeline.corpus.snapshot import SourceSnapshot
    from anchor_pipeline.corpus.store import Store
    from anchor_pipeline.facts.origin.model import Card, Detector
    from anchor_pipeline.facts.origin.sources import Side


@click.group()
def origin() -> None:
    """Detectors of our own model's text: train one on recorded outputs, list them, score a text."""


@origin.command()
@PROJECT
@click.option(
    "--ours", multiple=True, required=True, help="Source with texts of our model; may be given several times."
)
@click.option("--human", multiple=True, required=True, help="Source with texts by people; may be given several times.")
@click.option("--competitor", multiple=True, help="Source with texts of other models; may be given several times.")
@click.option("--name", required=True, help="What people call the detector.")
@SINCE
@SIGNED_OFF
def train(
    project: Path,
    ours: tuple[str, ...],
    human: tuple[str, ...],
    competitor: tuple[str, ...],
    name: str,
    since: str | None,
    signed_off: str,
) -> None:
    """Train a detector on ingested sources of PROJECT, keep it, and put it in use."""
    from anchor_pipeline.corpus.register import add, checked_name, keep_model
    from anchor_pipeline.facts.origin.model import detector_of
    from anchor_pipeline.facts.origin.sources import samples_from
    from anchor_pipeline.facts.origin.train import train_detector

    checked_name("origin", name)
    declared = load_project(project)
    cycle = cycle_key(declared, since)
    if repeated := sorted({one for one in (*ours, *human, *competitor) if (*ours, *human, *competitor).count(one) > 1}):
        raise UsageError(f"source {repeated[0]} is named twice; a source stands for one side")
    store = store_of(declared)
    sides = [[_side(declared, store, one, who != "human") for one in names]
             for who, names in (("ours", ours), ("human", human), ("competitor", competitor))]  # fmt: skip
    training = {one.source: one.digest for side in sides for part in side for one in part.snapshots}
    files = train_detector(samples_from(store, *sides), name, training)
    digest = keep_model(store, "origin", files)
    add(store, "origin", name, digest, cycle, signed_off)
    click.echo(f"{name} {digest[:12]} is in use from cycle {cycle} on")
    for line in _card_lines(detector_of(files, digest).card):
        click.echo(f"  {line}")


@origin.command(name="list")
@PROJECT
def list_(project: Path) -> None:
    """List the detectors of PROJECT: from which cycle they are in use, how well they do, what they cannot see."""
    from anchor_pipeline.corpus.register import entries
    from anchor_pipeline.facts.origin.model import open_detector

    store = store_of(load_project(project))
    found = entries(store, "origin")
    if not found:
        click.echo(f"no origin detector yet; anchor origin train {project}")
    for entry in found:
        said = f", signed off by {entry.signed_off}" if entry.signed_off else ""
        verb = "in use from" if entry.action == "add" else "retired from"
        click.echo(f"{entry.name} {entry.digest[:12]} {verb} cycle {entry.since} on{said}")
        if entry.action == "add":
            for line in _card_lines(open_detector(store, entry.digest).card):
                click.echo(f"  {line}")


@origin.command()
@PROJECT
@click.argument("file", type=click.File("rb"))
@click.option("--detector", help="Its name, or how its digest begins; default: the one added last.")
@click.option("--lines", is_flag=True, help="Every line of FILE is a text of its own.")
def score(project: Path, file: BinaryIO, detector: str | None, lines: bool) -> None:
    """Score the text in FILE (- for standard input): log-odds that the model wrote it, above 0 if likelier than not."""
    store = store_of(load_project(project))
    using = _detector(store, detector)
    try:
        text = file.read().decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"FILE is not UTF-8 (byte {error.start:,}); convert it") from None
    for line in _scores(using, text.splitlines() if lines else [text]):
        click.echo(line)


@origin.command()
@PROJECT
@click.argument("digest")
@click.option("--name", required=True, help="What people call the detector.")
@SINCE
@SIGNED_OFF
def add(project: Path, digest: str, name: str, since: str | None, signed_off: str) -> None:
    """Put a detector that PROJECT keeps (DIGEST, or how it begins) in use."""
    from anchor_pipeline.corpus import register

    declared = load_project(project)
    store, cycle = store_of(declared), cycle_key(declared, since)
    found = model_digest("detector", digest, [("", one) for one in store.list("models/origin")])
    register.add(store, "origin", name, found, cycle, signed_off)
    click.echo(f"{name} {found[:12]} is in use from cycle {cycle} on")


@origin.command()
@PROJECT
@click.argument("which")
@SINCE
@SIGNED_OFF
def retire(project: Path, which: str, since: str | None, signed_off: str) -> None:
    """Use detector WHICH (its name, or how its digest begins) no longer; another one must overlap with it."""
    from anchor_pipeline.corpus import register

    declared = load_project(project)
    store, cycle = store_of(declared), cycle_key(declared, since)
    known = [(entry.name, entry.digest) for entry in register.active(store, "origin", cycle)]
    entry = register.retire(store, "origin", model_digest("detector", which, known), cycle, signed_off)
    click.echo(f"{entry.name} {entry.digest[:12]} is retired from cycle {cycle} on")


def _card_lines(card: Card) -> Iterator[str]:
    yield f"detects {', '.join(card.seen)}, judges texts of {card.shortest} words or more"
    parts = [("held-out texts", card.all), ("unseen domains", card.unseen_domains)]
    parts += [(f"{name} if unseen", part) for name, part in card.unseen_generators.items()]
    parts += [(f"{name} words", part) for name, part in card.lengths.items()]
    parts += [(f"domain {name}", part) for name, part in card.domains.items()]
    for name, part in parts:
        if part is not None and part.auroc is not None and part.detected is not None:
            yield f"{name}: AUROC {part.auroc:.3f}, {part.detected:.0%} detected at 1 % false alarms"
    for blind in card.blind:
        yield f"blind: {blind}"


def _scores(detector: Detector, texts: list[str]) -> Iterator[str]:
    import pyarrow as pa

    from anchor_pipeline.corpus.strings import buffers_of
    from anchor_pipeline.facts.words import hash_words

    data, offsets = buffers_of(pa.array(texts, pa.large_string()))
    scores, judged = detector.score(data, offsets, *hash_words(data, offsets))
    for value, long_enough in zip(scores.tolist(), judged.tolist(), strict=True):
        yield f"{value:+.3f}" + ("" if long_enough else f"  not judged: fewer than {detector.card.shortest} words")


def _side(project: Project, store: Store, name: str, generated: bool) -> Side:
    from anchor_pipeline.facts.origin.sources import Side

    if name not in project.sources:
        raise UsageError(f"there is no source {name!r}; sources are {', '.join(project.sources)}")
    generator = project.sources[name].generator
    return Side([_snapshot(store, project, name)], (generator.identity if generator else name) if generated else None)


def _snapshot(store: Store, project: Project, name: str) -> SourceSnapshot:
    from anchor_pipeline.corpus.snapshot import read_snapshot

    snapshot = read_snapshot(store, name)
    if snapshot is None:
        raise UsageError(f"source {name} was never ingested; run anchor plan {project.path} first")
    return snapshot


def _detector(store: Store, which: str | None) -> Detector:
    from anchor_pipeline.corpus.register import entries
    from anchor_pipeline.facts.origin.model import open_detector

    added: list[Entry] = [entry for entry in entries(store, "origin") if entry.action == "add"]
    if not added:
        raise UsageError("the project has no origin detector; train one with anchor origin train")
    known = [(entry.name, entry.digest) for entry in added]
    return open_detector(store, known[-1][1] if which is None else model_digest("detector", which, known))
