"""Rule 7, `self_feeding`: no text whose ancestry passes twice through one generator, or through too many.

Models trained on their own output lose the tails of the distribution, generation by generation: Shumailov et al.,
"AI models collapse when trained on recursively generated data", Nature 631, 2024. Judged from declared parents, those
that the corpus no longer holds as they were recorded earlier; a synthetic document that declares none is a first
generation.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from anchor_pipeline.project.policy import SelfFeeding
from anchor_pipeline.rules.ancestry import Ancestry, Descent, read_ancestry, walk
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, document_places, home
from anchor_pipeline.rules.query import connect, literal
from anchor_pipeline.rules.shares import sums
from anchor_pipeline.rules.wording import amount, in_units, names

RULE = "self_feeding"

_DRAWN = """
    SELECT domain, modality, generated, fed, depth, may_fed, may_depth, sum(tokens)::BIGINT, min(doc_id, 10)
    FROM read_parquet($file) JOIN suspects USING (doc_id) GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True)
class _Drawn:
    """Drawn documents that the ancestry tells the same of."""

    domain: str
    modality: str
    generated: bool
    fed: bool
    depth: int
    may_fed: bool
    """The same, if every document that an ambiguous parent may mean is one."""
    may_depth: int
    tokens: int
    examples: list[str]

    def reason(self, most: int) -> str | None:
        """Why they violate, with at most `most` generations allowed; `ambiguous` if they may, None if they do not."""
        if self.fed:
            return "self_fed"
        if self.depth > most:
            return "too_deep"
        return "ambiguous" if self.may_fed or self.may_depth > most else None


@dataclass(frozen=True)
class _Lineage:
    """What the ancestry says about the drawn documents that may violate."""

    drawn: list[_Drawn]
    graph: Ancestry


def evaluate(evidence: Evidence) -> list[Finding]:
    """Tokens of documents that descend twice from one generator, or over more generations than `max_depth`."""
    places = list(document_places(evidence, RULE, SelfFeeding, by_modality=True))
    if not places:
        return []
    lineage = _read(evidence, [place.setting.max_depth for place in places])
    total = sums(evidence.cells)
    return [
        _judge(evidence, place, lineage) if total[place.domain, place.modality or ""] else place.nothing_drawn()
        for place in places
    ]


def _read(evidence: Evidence, depths: list[int]) -> _Lineage:
    limit = max(depths) + 1
    with connect() as connection:
        graph = read_ancestry(connection, evidence.documents, evidence.recorded)
        certain = walk(graph, graph.parents(possible=False), limit)
        possible = walk(graph, graph.parents(possible=True), limit) if graph.possible else certain
        connection.register("suspects", _suspects(graph, certain, possible, min(depths)))
        rows = connection.execute(_DRAWN, {"file": literal(evidence.selection)}).fetchall()
    return _Lineage([_Drawn(*row) for row in rows], graph)


def _suspects(graph: Ancestry, certain: Descent, possible: Descent, least: int) -> pa.Table:
    """Documents of more than `least` generations, or that feed themselves, certainly or possibly."""
    chosen = [
        (doc_id, node) for doc_id, node in graph.number.items() if possible.depth[node] > least or possible.fed[node]
    ]
    nodes = [node for _, node in chosen]
    return pa.table(
        {
            "doc_id": pa.array([doc_id for doc_id, _ in chosen], pa.string()),
            "generated": pa.array([graph.generated[node] for node in nodes], pa.bool_()),
            "fed": pa.array([certain.fed[node] for node in nodes], pa.bool_()),
            "depth": pa.array([certain.depth[node] for node in nodes], pa.int64()),
            "may_fed": pa.array([possible.fed[node] for node in nodes], pa.bool_()),
            "may_depth": pa.array([possible.depth[node] for node in nodes], pa.int64()),
        }
    )


def _judge(evidence: Evidence, place: Place[SelfFeeding], lineage: _Lineage) -> Finding:
    modality, most = place.modality or "text", place.setting.max_depth
    tokens: dict[str, int] = defaultdict(int)
    examples: dict[str, str] = {}
    for group in lineage.drawn:
        reason = group.reason(most)
        here = group.modality == modality and place.domain == home(evidence, group.domain)
        # With no generation allowed, whatever was generated is counted below, with parents or without.
        if here and reason is not None and not (most == 0 and group.generated):
            tokens[reason] += group.tokens
            examples |= dict.fromkeys(group.examples, reason)
    if most == 0:
        tokens["too_deep"] += _generated(evidence, place)
    bad = tokens["self_fed"] + tokens["too_deep"]
    details: dict[str, Any] = {name: in_units(n, modality) for name, n in sorted(tokens.items())}
    details |= {"max_depth": most, "examples": dict(sorted(examples.items())[:10])} | _gaps(lineage.graph)
    return place.finding(
        "fail" if bad else "insufficient" if tokens["ambiguous"] else "pass",
        _message(place, tokens, lineage.graph),
        observed=in_units(bad, modality),
        required=0.0,
        comparator="<=",
        shortfall=in_units(bad, modality),
        evidence=details,
    )


def _generated(evidence: Evidence, place: Place[SelfFeeding]) -> int:
    """Drawn tokens that a model wrote."""
    cells = evidence.cells.filter(
        (pl.col("authorship") == "synthetic") | pl.col("generator").is_not_null() | pl.col("family").is_not_null(),
        pl.col("modality") == place.modality,
    )
    columns = cells.select("domain", "tokens").iter_rows()
    return sum(tokens for domain, tokens in columns if home(evidence, domain) == place.domain)


def _gaps(graph: Ancestry) -> dict[str, Any]:
    """What the declared parents of the corpus leave open."""
    gaps = {
        "parents_not_in_corpus": graph.unknown,
        "ambiguous_parents": graph.ambiguous,
        "parents_recorded_earlier": graph.recorded,
    }
    return {name: {"count": len(ids), "examples": ids[:10]} for name, ids in gaps.items() if ids}


def _message(place: Place[SelfFeeding], tokens: dict[str, int], graph: Ancestry) -> str:
    modality, most = place.modality or "text", place.setting.max_depth
    found = []
    if tokens["self_fed"]:
        found.append(f"{amount(tokens['self_fed'], modality)} whose ancestry passes twice through one generator")
    if tokens["too_deep"]:
        found.append(f"{amount(tokens['too_deep'], modality)} more than {most} generations away from human text")
    if found:
        return f"{place.subject} holds {' and '.join(found)}: draw none of them, or generate them anew from human text"
    if tokens["ambiguous"]:
        return (
            f"{place.subject} holds {amount(tokens['ambiguous'], modality)} that may feed themselves: parents such as"
            f" {names(graph.ambiguous, 3)} name documents of several sources; write them as `<source>/<id>`"
        )
    unknown = f"; {len(graph.unknown):,} declared parents are not in the corpus" if graph.unknown else ""
    return f"{place.subject} holds nothing that descends twice from one generator, by declared parents{unknown}"
