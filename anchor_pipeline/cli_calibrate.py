"""`anchor calibrate`: from the anchors of a cycle to the bands that rules 8 and 10 compare with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anchor_pipeline.cli_models import PROJECT, cycle_key, store_of
from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import load_project

if TYPE_CHECKING:
    from anchor_pipeline.facts.bands.model import Band, DomainBand


@click.command()
@PROJECT
@click.option("--cycle", help="Whose anchors to use; default: the newest cycle. Its corpus must have been built.")
@click.option(
    "--reference",
    "references",
    multiple=True,
    help="A licensed or enterprise source whose human documents count like anchors here; may be given several times."
    " For domains whose anchors cover only part of what people write there. Text that a model wrote under a person's"
    " name widens the band: name sources you would vouch for.",
)
@click.option("--name", default="band", show_default=True, help="What to call it: small letters, digits and _.")
@click.option("--signed-off", default="", help="Who answers for it; needed unless --dry-run.")
@click.option("--since", help="First cycle that is judged by it; default: that of --cycle.")
@click.option("--dry-run", is_flag=True, help="Show the bands, and register nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")
def calibrate(
    project: Path,
    cycle: str | None,
    references: tuple[str, ...],
    name: str,
    signed_off: str,
    since: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Find between which values the statistics of PROJECT's human anchors lie, and register that as a band.

    Until then rules entropy_band and diversity_band are advisory; where a domain has a band they block, unless they
    are declared to warn only.
    """
    from anchor_pipeline.corpus.corpus import read_corpus
    from anchor_pipeline.corpus.register import add, checked_name
    from anchor_pipeline.facts.bands.anchors import make_band
    from anchor_pipeline.facts.bands.model import keep_band

    checked_name("band", name)
    if not signed_off.strip() and not dry_run:
        raise UsageError("--signed-off: name the person who answers for the band, or use --dry-run")
    declared = load_project(project)
    key = cycle_key(declared, cycle, "--cycle")
    first = key if since is None else cycle_key(declared, since)
    store = store_of(declared)
    corpus = read_corpus(store, key)
    if corpus is None:
        raise UsageError(f"the corpus of cycle {key} was never built; run anchor plan {project} --cycle {key} first")
    band = make_band(
        declared, store, corpus, references=references,
        progress=lambda domain: click.echo(f"calibrating {domain}", err=True),
    )  # fmt: skip
    if not band.domains and not dry_run:
        reasons = "; ".join(f"{domain}: {why}" for domain, why in band.not_calibrated.items())
        raise UsageError(f"no domain can be calibrated: {reasons}")
    digest = None
    if not dry_run:
        digest = keep_band(store, band)
        add(store, "band", name, digest, first, signed_off.strip())
    if as_json:
        click.echo(json.dumps({"band": digest, "since": first, **band.model_dump(mode="json")}, indent=2))
        return
    for line in _lines(band):
        click.echo(line)
    said = f"band {name} {digest} judges from cycle {first} on, signed off by {signed_off}" if digest else "dry run"
    click.echo(said)


def _lines(band: Band) -> Iterator[str]:
    """For each domain a table at its largest size; the other sizes are in --json."""
    for name, domain in band.domains.items():
        yield from _domain(name, domain, band)
        yield ""
    for name, why in band.not_calibrated.items():
        yield f"{name}: not calibrated: {why}"
    if band.not_calibrated:
        yield ""
    if not band.probes:
        yield (
            "no probe is in use in this cycle, so rule entropy_band stays without a band: train one with anchor probe"
            " train, in use --since this cycle or an earlier one, and calibrate again"
        )
    yield (
        f"{band.half_samples:,} half-samples for each size; human text sets off an alarm in at most"
        f" {band.false_alarms:.1%} of buckets, all statistics together"
    )


def _domain(name: str, domain: DomainBand, band: Band) -> Iterator[str]:
    from anchor_pipeline.facts.bands.statistics import meaning_of, probe_in

    largest = domain.limits[-1]
    sizes = ", ".join(f"{limits.tokens:,}" for limits in domain.limits)
    used = f" of {', '.join(domain.snapshots)}" if set(domain.snapshots) & set(band.references) else ""
    what = "human documents" if used else "anchors"
    yield f"{name}: {domain.tokens:,} tokens in {domain.documents:,} {what}{used}; buckets of {sizes} tokens"
    yield f"  {'at ' + format(largest.tokens, ',') + ' tokens':<48} {'low':>10} {'centre':>10} {'high':>10}"
    for place, statistic in enumerate(domain.statistics):
        card = band.probes.get(probe_in(statistic) or "")
        meaning = meaning_of(statistic, card.unit, card.name) if card else meaning_of(statistic)
        values = (largest.low[place], largest.centre[place], largest.high[place])
        unit = f" ({meaning.unit})" if meaning.unit else ""
        yield f"  {meaning.title + unit:<48} " + " ".join(f"{value:>10.4g}" for value in values)
    yield f"  {'distance of all together (standard deviations)':<48} {0:>10} {'':>10} {largest.profile:>10.4g}"
