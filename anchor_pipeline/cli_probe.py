"""`anchor probe`: frozen models that say how surprising a text is: train, put in use, retire, score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

import click

from anchor_pipeline.cli_models import PROJECT, SIGNED_OFF, SINCE, cycle_key, model_digest, store_of
from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import load_project

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")


@click.group()
def probe() -> None:
    """Train, list, score with and retire probes: frozen models that say how surprising a text is."""


@probe.command()
@PROJECT
@click.option("--source", "sources", multiple=True, required=True, help="An anchor source; may be given several times.")
@click.option(
    "--kind", type=click.Choice(["words", "characters"]), default="words", show_default=True, help="What its units are."
)
@click.option("--order", type=click.IntRange(1, 6), help="Units of the longest n-gram; default: 3 words, 5 characters.")
@click.option(
    "--min-counts",
    default="1",
    show_default=True,
    help="Rarer units are one class, rarer n-grams left out: a count for each order, such as 2,1,2.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="Part of the documents to train on; the others are left for calibration.",
)
@click.option("--name", required=True, help="What to call it: small letters, digits and _.")
@SINCE
@SIGNED_OFF
def train(
    project: Path,
    sources: tuple[str, ...],
    kind: str,
    order: int | None,
    min_counts: str,
    share: float,
    name: str,
    since: str | None,
    signed_off: str,
) -> None:
    """Train a probe on the human texts of anchor sources of PROJECT, and put it in use."""
    from anchor_pipeline.corpus.register import add as register
    from anchor_pipeline.corpus.register import checked_name, keep_model
    from anchor_pipeline.facts.probes.training import train_probe

    checked_name("probe", name)
    declared = load_project(project)
    store, cycle = store_of(declared), cycle_key(declared, since)
    files = train_probe(
        declared, store, sources, kind, order=order, min_counts=_counts(min_counts), cycle=cycle, share=share
    )
    digest = keep_model(store, "probe", files)
    entry = register(store, "probe", name, digest, cycle, signed_off)
    size = sum(map(len, files.values()))
    click.echo(f"probe {entry.name} {digest} is in use from cycle {cycle} on ({size / 1e6:.1f} MB)")


@probe.command("list")
@PROJECT
@_JSON
def list_(project: Path, as_json: bool) -> None:
    """List the register of probes of PROJECT: what was put in use or retired, and from which cycle on."""
    from anchor_pipeline.corpus.register import entries
    from anchor_pipeline.facts.probes.card import CARD, read_card

    store = store_of(load_project(project))
    found = [(entry, read_card(store.read(f"models/probe/{entry.digest}/{CARD}"))) for entry in entries(store, "probe")]
    if as_json:
        rows = [{**entry.model_dump(mode="json"), "card": card.model_dump(mode="json")} for entry, card in found]
        click.echo(json.dumps({"probes": rows}, indent=2))
        return
    for entry, card in found:
        what = f"{card.kind} of order {card.order}" if card.order else card.kind
        signed = f", signed off by {entry.signed_off}" if entry.signed_off else ""
        click.echo(
            f"{entry.number:>3} {entry.since:<12} {entry.action:<6} {entry.name} {entry.digest[:12]} {what}{signed}"
        )
    if not found:
        click.echo(f"no probes; train one: anchor probe train {project} --source NAME --name NAME")


@probe.command()
@PROJECT
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.option("--name", required=True, help="What to call it: small letters, digits and _.")
@SINCE
@SIGNED_OFF
def add(project: Path, model: Path, name: str, since: str | None, signed_off: str) -> None:
    """Put a MODEL that was made elsewhere in use as a probe of PROJECT.

    MODEL is a KenLM binary or ARPA file, a folder with a Hugging Face causal model (safetensors), or a folder with
    the files of another project's probe.
    """
    from anchor_pipeline.corpus.register import add as register
    from anchor_pipeline.corpus.register import checked_name, keep_model
    from anchor_pipeline.facts.probes.foreign import files_of

    checked_name("probe", name)
    declared = load_project(project)
    store, cycle = store_of(declared), cycle_key(declared, since)
    digest = keep_model(store, "probe", files_of(model))
    entry = register(store, "probe", name, digest, cycle, signed_off)
    click.echo(f"probe {entry.name} {digest} is in use from cycle {cycle} on")


@probe.command()
@PROJECT
@click.argument("which")
@SINCE
@SIGNED_OFF
def retire(project: Path, which: str, since: str | None, signed_off: str) -> None:
    """Use probe WHICH (its name, or the beginning of its digest) no longer.

    Another one must have been in use beside it in an earlier cycle, so that both have measured the same texts.
    """
    from anchor_pipeline.corpus.register import active
    from anchor_pipeline.corpus.register import retire as register

    declared = load_project(project)
    store, cycle = store_of(declared), cycle_key(declared, since)
    digest = model_digest("probe", which, [(entry.name, entry.digest) for entry in active(store, "probe", cycle)])
    entry = register(store, "probe", digest, cycle, signed_off)
    click.echo(f"probe {entry.name} {digest} is not in use from cycle {cycle} on")


@probe.command()
@PROJECT
@click.argument("which")
@click.argument("texts", type=click.File("rb"))
@_JSON
def score(project: Path, which: str, texts: IO[bytes], as_json: bool) -> None:
    """Score TEXTS (a file, or - for stdin), a text a line, under probe WHICH: its name, or its digest's beginning."""
    import pyarrow as pa

    from anchor_pipeline.corpus.register import entries
    from anchor_pipeline.facts.batch import Batch
    from anchor_pipeline.facts.probes.probe import probe_of

    store = store_of(load_project(project))
    found = probe_of(
        store, model_digest("probe", which, [(entry.name, entry.digest) for entry in entries(store, "probe")])
    )
    lines = [line.decode("utf-8", "replace") for line in texts.read().splitlines()]
    bits, units = found.measure(Batch(pa.table({"text": pa.array(lines, pa.string())})))
    if as_json:
        rows = [
            {"bits": float(b), "units": int(u), "bits_per_unit": float(b / u)} for b, u in zip(bits, units, strict=True)
        ]
        click.echo(json.dumps({"probe": found.digest, "unit": found.unit, "texts": rows}, indent=2))
        return
    for cost, count in zip(bits, units, strict=True):
        click.echo(f"{cost / count:8.3f} bits a {found.unit}, {count} {found.unit}s")


def _counts(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--min-counts: {text!r} is not a list of counts, such as 2,1,2") from None
