"""`repetition`: no document more often than its kind may occur, and none that the stage may not use.

A document may be used if the corpus kept it, with the very metadata that the selection gives: whatever else
selected it, or changed it on the way, is found here.
"""

from __future__ import annotations

from anchor_pipeline.project.policy import RuleSetting
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place
from anchor_pipeline.rules.query import ask, literal
from anchor_pipeline.rules.wording import count, names

RULE = "repetition"

_COMPARED = (
    "doc_id, digest, source, kind, authorship, domain, modality, tokens, bytes, collected_at, licence, generator,"
    " family, shard, shard_row"
)
_UNKNOWN = f"""
    SELECT doc_id, (sum(count(*)) OVER ())::BIGINT
    FROM (SELECT doc_id, hash({_COMPARED}) AS document FROM read_parquet($selection))
    ANTI JOIN (
        SELECT hash({_COMPARED}) AS document FROM read_parquet($documents)
        WHERE status = 'kept' AND collected_at < to_timestamp($as_of)
    ) USING (document)
    GROUP BY doc_id ORDER BY doc_id LIMIT 10
"""
_TOO_OFTEN = """
    SELECT doc_id, count(*) AS passes, (sum(count(*) - $most) OVER ())::BIGINT
    FROM read_parquet($file) WHERE source = $source
    GROUP BY doc_id HAVING passes > $most ORDER BY passes DESC, doc_id LIMIT 10
"""


def evaluate(evidence: Evidence) -> list[Finding]:
    """The most frequent document of each source, against `repeat`; and documents that may not be used."""
    place = Place(RULE, evidence.stage, None, None, RuleSetting())
    if evidence.cells.is_empty():
        return [place.nothing_drawn()]
    return [_passes(evidence, place), _known(evidence, place)]


def _passes(evidence: Evidence, place: Place[RuleSetting]) -> Finding:
    repeat = evidence.project.stages[evidence.stage].repeat
    too_often: dict[str, int] = {}
    excess, worst = 0, 1
    for name, (_, most) in evidence.drawn.items():
        source = evidence.project.sources.get(name)
        limit: int = getattr(repeat, source.kind) if source is not None else 1
        worst = max(worst, most)
        if most > limit:
            parameters = {"file": literal(evidence.selection), "source": name, "most": limit}
            rows = ask(_TOO_OFTEN, parameters)
            too_often |= {doc_id: passes for doc_id, passes, _ in rows}
            excess += rows[0][2] if rows else 0
    message = f"The most frequent document occurs {count(worst, 'time')}, which the stage's `repeat` allows"
    if excess:
        message = (
            f"{names(too_often, 3)} occur more often than `repeat` allows, {count(excess, 'time')} in all:"
            " draw fewer passes, or raise `repeat` of their kind"
        )
    details = {"passes": too_often} if too_often else {}
    return place.finding(
        "fail" if excess else "pass",
        message,
        observed=excess,
        required=0,
        comparator="<=",
        shortfall=excess,
        evidence={"most_passes": worst, "repeat": repeat.model_dump(), **details},
    )


def _known(evidence: Evidence, place: Place[RuleSetting]) -> Finding:
    files = {"selection": literal(evidence.selection), "documents": literal(evidence.documents)}
    rows = ask(_UNKNOWN, {**files, "as_of": evidence.cycle.as_of.timestamp()})
    drawn = rows[0][1] if rows else 0
    message = "All drawn documents are those the corpus kept, unaltered"
    if rows:
        message = (
            f"{count(drawn, 'drawn document')} not as the corpus of this cycle kept them: unknown, or altered"
            f" ({names([doc_id for doc_id, _ in rows], 3)}): select again"
        )
    return place.finding(
        "fail" if rows else "pass",
        message,
        observed=drawn,
        required=0,
        comparator="<=",
        shortfall=drawn,
        evidence={"examples": [doc_id for doc_id, _ in rows[:10]]} if rows else {},
    )
