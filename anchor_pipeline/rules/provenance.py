"""Rule 14, `provenance`: every document says where it came from, and every synthetic one which model wrote it."""

from __future__ import annotations

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
    missing = pl.concat_list([pl.when(gap).then(pl.lit(name)) for name, gap in gaps.items()]).list.drop_nulls()
    counted = (
        evidence.selected.group_by("domain", missing.list.join(",").alias("missing"))
        .agg(pl.len().cast(pl.Int64))
        .collect(engine="streaming")
    )
    drawn: dict[str | None, int] = {}
    found: dict[str | None, dict[str, int]] = {}
    for domain, names, documents in counted.iter_rows():
        scope = home(evidence, domain)
        drawn[scope] = drawn.get(scope, 0) + documents
        if names:
            lacking = found.setdefault(scope, {})
            lacking[names] = lacking.get(names, 0) + documents
    return [
        _judge(evidence, place, drawn[place.domain], found.get(place.domain, {}))
        if place.domain in drawn
        else place.nothing_drawn()
        for place in document_places(evidence, RULE, Provenance)
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


def _judge(evidence: Evidence, place: Place[Provenance], drawn: int, lacking: dict[str, int]) -> Finding:
    bad = sum(lacking.values())
    details: dict[str, object] = {"documents": drawn}
    if bad:
        reasons = {name: sum(n for names, n in lacking.items() if name in names.split(",")) for name in _REMEDIES}
        reasons = {name: n for name, n in reasons.items() if n}
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
