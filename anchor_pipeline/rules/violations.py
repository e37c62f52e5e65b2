"""Rules about single documents: how many of those drawn in a domain violate, why, and which for example.

A document drawn twice counts twice: what is counted are the rows of the selection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import polars as pl

from anchor_pipeline.project.policy import RuleSetting
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, document_places, home
from anchor_pipeline.rules.wording import count

S = TypeVar("S", bound=RuleSetting)

EXAMPLES = 10
"""Most document ids that a finding names."""

Group = dict[str, Any]
"""The values that documents of one group share, with `documents`, their number."""


@dataclass(frozen=True)
class Words:
    """How messages call the documents of a rule and what it asks of them."""

    documents: str
    """`drawn document`, in the singular."""
    good: str
    """What all of them do or have: `are licensed for training`."""


@dataclass
class _Tally:
    documents: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    bad: list[Group] = field(default_factory=list)


def judge_groups(
    evidence: Evidence,
    rule: str,
    kind: type[S],
    groups: Iterable[Group],
    fault: Callable[[Place[S], Group], str | None],
    words: Words,
) -> list[Finding]:
    """One finding per domain, from groups of documents that the rule cannot tell apart (`domain` among their keys).

    `fault` gives the reason why a group violates, as part of a sentence (`source x has no consent basis`), or None.
    """
    places = {place.domain: place for place in document_places(evidence, rule, kind)}
    tallies = {domain: _Tally() for domain in places}
    for group in groups:
        domain = home(evidence, group["domain"])
        if domain not in places:
            continue
        tally = tallies[domain]
        tally.documents += group["documents"]
        reason = fault(places[domain], group)
        if reason is not None:
            tally.reasons[reason] = tally.reasons.get(reason, 0) + group["documents"]
            tally.bad.append(group)
    drawn = {home(evidence, domain) for domain in evidence.cells["domain"].to_list()}
    return [
        _finding(evidence, place, tallies[domain], words) if domain in drawn else place.nothing_drawn()
        for domain, place in places.items()
    ]


def _finding(evidence: Evidence, place: Place[S], tally: _Tally, words: Words) -> Finding:
    if not tally.documents:
        return place.finding("pass", f"{place.subject} holds no {words.documents}", evidence={"documents": 0})
    bad = sum(tally.reasons.values())
    details: dict[str, Any] = {"documents": tally.documents}
    if not bad:
        message = f"{place.subject}: all of {count(tally.documents, words.documents)} {words.good}"
    else:
        ranked = sorted(tally.reasons.items(), key=lambda item: (-item[1], item[0]))
        listed = "; ".join(f"{reason} ({n:,})" for reason, n in ranked[:3])
        more = f"; and {len(ranked) - 3} more reasons, see the evidence" if len(ranked) > 3 else ""
        message = (
            f"{place.subject}: {bad:,} of {count(tally.documents, words.documents)} must not enter: {listed}{more}"
        )
        details |= {"reasons": dict(ranked[:50]), "examples": examples(evidence, tally.bad)}
    return place.finding(
        "fail" if bad else "pass",
        message,
        observed=(tally.documents - bad) / tally.documents,
        required=1.0,
        comparator=">=",
        shortfall=bad,
        evidence=details,
    )


def examples(evidence: Evidence, groups: list[Group]) -> list[str]:
    """Ids of the first documents, in training order, of groups of the selection's values."""
    columns = [name for name in groups[0] if name != "documents"]
    schema = {name: evidence.selected.collect_schema()[name] for name in columns}
    wanted = pl.DataFrame(groups, schema={**schema, "documents": pl.Int64}).lazy().select(columns)
    matching = evidence.selected.select("doc_id", *columns).join(
        wanted, on=columns, how="semi", nulls_equal=True, maintain_order="left"
    )
    ids = matching.select("doc_id").head(EXAMPLES * 4).collect(engine="streaming")["doc_id"].to_list()
    return list(dict.fromkeys(ids))[:EXAMPLES]


def groups_by(evidence: Evidence, columns: list[str], *, where: pl.Expr | None = None) -> list[Group]:
    """The selection's documents grouped by the values of a few columns, sorted."""
    selected = evidence.selected if where is None else evidence.selected.filter(where)
    grouped = selected.group_by(columns).agg(documents=pl.len().cast(pl.Int64))
    return grouped.collect(engine="streaming").sort(columns, nulls_last=True).to_dicts()
