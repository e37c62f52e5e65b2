"""Rule 14, `provenance`: every document says where it came from, and every synthetic one which model wrote it."""

from __future__ import annotations

from collections import Counter

import polars as pl

from anchor_pipeline.corpus.document import AUTHORSHIPS
from anchor_pipeline.project.policy import Provenance
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, document_places, home
from anchor_pipeline.rules.violations import EXAMPLES
from anchor_pipeline.rules.wording import count

RULE = "provenance"

_REMEDIES = {
    "source": "no declared source: declare it",
    "licence": "no licence: map the field `licence`",
    "collected_at": "no date: map the field `collected_at`",
    "authorship": f"no valid authorship: map the field `authorship` to one of {', '.join(AUTHORSHIPS)}",
    "digest": "no content digest: ingest the source again",
    "generator": "no record of the generator that wrote them: declare the source's `generator`",
}


def evaluate(evidence: Evidence) -> list[Finding]:
    """All documents drawn carry source, licence, collected_at, authorship and digest; synthetic ones a generator."""
    gaps = _gaps(evidence)
    places = list(document_places(evidence, RULE, Provenance))
    tallies = {place.domain: Counter[str]() for place in places}
    counted = evidence.selected.group_by("domain").agg(
        pl.len().alias("drawn"),
        pl.any_horizontal(*gaps.values()).sum().alias("bad"),
        *(gap.sum().alias(name) for name, gap in gaps.items()),
    )
    for row in counted.collect(engine="streaming").iter_rows(named=True):
        domain = home(evidence, row.pop("domain"))
        if domain in tallies:
            tallies[domain].update(row)
    return [
        _judge(evidence, place, tallies[place.domain]) if tallies[place.domain]["drawn"] else place.nothing_drawn()
        for place in places
    ]


def _gaps(evidence: Evidence) -> dict[str, pl.Expr]:
    """Per piece of provenance: whether a document lacks it."""
    sources = evidence.project.sources
    recorded = [name for name, source in sources.items() if source.generator is not None]
    synthetic = pl.col("authorship") == "synthetic"
    return {
        "source": ~_given("source") | ~pl.col("source").is_in(list(sources)),
        "licence": ~_given("licence"),
        "collected_at": pl.col("collected_at").is_null(),
        "authorship": ~pl.col("authorship").fill_null("").is_in(AUTHORSHIPS),
        "digest": ~pl.col("digest").fill_null("").str.contains(r"^[0-9a-f]{64}$"),
        "generator": synthetic & ~_given("generator") & ~pl.col("source").is_in(recorded),
    }


def _given(column: str) -> pl.Expr:
    return pl.col(column).fill_null("").str.strip_chars() != ""


def _judge(evidence: Evidence, place: Place[Provenance], tally: Counter[str]) -> Finding:
    drawn, bad = tally["drawn"], tally["bad"]
    details: dict[str, object] = {"documents": drawn}
    if bad:
        reasons = {name: tally[name] for name in _REMEDIES if tally[name]}
        listed = "; ".join(f"{n:,} have {_REMEDIES[name]}" for name, n in reasons.items())
        message = f"{place.subject}: {bad:,} of {count(drawn, 'drawn document')} lack provenance: {listed}"
        details |= {"missing": reasons, "examples": _examples(evidence, place.domain)}
    else:
        message = (
            f"{place.subject}: {count(drawn, 'drawn document')} with complete provenance (credentials of shards are not"
            " yet available)"
        )
    return place.finding(
        "fail" if bad else "pass",
        message,
        observed=(drawn - bad) / drawn,
        required=1.0,
        comparator=">=",
        shortfall=bad,
        evidence=details,
    )


def _examples(evidence: Evidence, domain: str | None) -> list[str]:
    declared = list(evidence.project.stages[evidence.stage].domains)
    here = pl.col("domain") == domain if domain is not None else ~pl.col("domain").is_in(declared)
    chosen = evidence.selected.filter(here & pl.any_horizontal(*_gaps(evidence).values()))
    ids = chosen.select("doc_id").head(EXAMPLES * 4).collect(engine="streaming")["doc_id"].to_list()
    return list(dict.fromkeys(ids))[:EXAMPLES]
