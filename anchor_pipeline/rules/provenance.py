"""Rule 14, `provenance`: every document says where it came from, and every synthetic one which model wrote it.

Where the project declares custody, the shard that a document was drawn from has to have a sound credential as well:
nothing gets into a mix whose signed origin was lost or stripped on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

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
    """All documents drawn carry source, licence, collected_at, authorship and digest; synthetic ones a generator.

    Where custody is declared, every shard that documents were drawn from has a credential that verifies.
    """
    problems = _problems(evidence)
    gaps = _gaps(evidence, problems)
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
        _judge(evidence, place, tallies[place.domain], problems)
        if tallies[place.domain]["drawn"]
        else place.nothing_drawn()
        for place in places
    ]


def _problems(evidence: Evidence) -> Mapping[str, str]:
    """What is wrong with the credentials of shards that were drawn from, by shard; nothing without custody."""
    if evidence.credentials is None:
        return {}
    drawn = evidence.selected.select("shard", "source").unique().collect(engine="streaming")
    return evidence.credentials(dict(drawn.iter_rows()))


def _gaps(evidence: Evidence, problems: Mapping[str, str]) -> dict[str, pl.Expr]:
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
        "credential": pl.col("shard").is_in(list(problems)),
    }


def _given(column: str) -> pl.Expr:
    return pl.col(column).fill_null("").str.strip_chars() != ""


def _judge(evidence: Evidence, place: Place[Provenance], tally: Counter[str], problems: Mapping[str, str]) -> Finding:
    drawn, bad = tally["drawn"], tally["bad"]
    details: dict[str, object] = {"documents": drawn}
    if bad:
        reasons = {name: tally[name] for name in (*_REMEDIES, "credential") if tally[name]}
        listed = [f"{n:,} have {_REMEDIES[name]}" for name, n in reasons.items() if name in _REMEDIES]
        if tally["credential"]:
            lacking = _without_credential(evidence, place.domain, problems)
            listed.append(_told(tally["credential"], lacking))
            details["shards"] = lacking[:EXAMPLES]
        message = f"{place.subject}: {bad:,} of {count(drawn, 'drawn document')} lack provenance: {'; '.join(listed)}"
        details |= {"missing": reasons, "examples": _examples(evidence, place.domain, problems)}
    else:
        asked = (
            "credentials are not asked for, since the project declares no custody"
            if evidence.credentials is None
            else "the credentials of their shards verified"
        )
        message = f"{place.subject}: {count(drawn, 'drawn document')} with complete provenance ({asked})"
    return place.finding(
        "fail" if bad else "pass",
        message,
        observed=(drawn - bad) / drawn,
        required=1.0,
        comparator=">=",
        shortfall=bad,
        evidence=details,
    )


def _without_credential(evidence: Evidence, domain: str | None, problems: Mapping[str, str]) -> list[dict[str, str]]:
    """Shards drawn from here whose credential does not hold, by source and digest, and why."""
    lacking = evidence.selected.filter(_here(evidence, domain) & pl.col("shard").is_in(list(problems)))
    shards = lacking.select("source", "shard").unique().sort("source", "shard").collect(engine="streaming")
    return [{"source": source, "shard": shard, "problem": problems[shard]} for source, shard in shards.iter_rows()]


def _told(documents: int, lacking: list[dict[str, str]]) -> str:
    shards = Counter(one["source"] for one in lacking)
    sources = ", ".join(f"{source} ({count(n, 'shard')})" for source, n in sorted(shards.items()))
    first, builds = lacking[0], ", ".join(f"sources/{source}" for source in sorted(shards))
    return (
        f"{documents:,} are of shards without a sound credential, of {sources}, such as {first['shard'][:12]}…: "
        f"{first['problem']}; build {builds} again"
    )


def _examples(evidence: Evidence, domain: str | None, problems: Mapping[str, str]) -> list[str]:
    lacking = pl.any_horizontal(*_gaps(evidence, problems).values())
    chosen = evidence.selected.filter(_here(evidence, domain) & lacking)
    ids = chosen.select("doc_id").head(EXAMPLES * 4).collect(engine="streaming")["doc_id"].to_list()
    return list(dict.fromkeys(ids))[:EXAMPLES]


def _here(evidence: Evidence, domain: str | None) -> pl.Expr:
    declared = list(evidence.project.stages[evidence.stage].domains)
    return pl.col("domain") == domain if domain is not None else ~pl.col("domain").is_in(declared)
