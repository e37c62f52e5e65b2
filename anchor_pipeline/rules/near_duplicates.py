"""Rule 12, `near_duplicates`: the same content does not enter a mix as several documents.

Exact duplicates have equal content digests under different document ids; of them the one with the smallest id counts
as the original. Near-duplicates are texts whose word 5-grams have a Jaccard similarity of `similarity` or more
(facts/near.py); the one of best provenance counts as the original. The share of the tokens of all others is held
against the cap. Passes over the same document are repetition, not duplicates (rule `repetition`).

Beside that the evidence tells what the corpus removed, which new texts nearly repeat one of the release before, and
which documents declared human a recorded generator wrote as well.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import duckdb

from anchor_pipeline.project.policy import NearDuplicates
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.expected import feeding
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.near_pairs import mark_near, near_generated, repeats_of_release
from anchor_pipeline.rules.places import share_places
from anchor_pipeline.rules.query import ask, connect, literal
from anchor_pipeline.rules.shares import Sums, Words, cap_finding, sums
from anchor_pipeline.rules.wording import count

RULE = "near_duplicates"
_WORDS = Words("copies", "copied")
_EXAMPLES = 10

_SHARED_DIGESTS = """
    CREATE TEMP TABLE shared AS
    SELECT digest, min(doc_id) AS original FROM read_parquet($file)
    WHERE hash(digest) IN (
        SELECT hash(digest) AS h FROM read_parquet($file)
        GROUP BY h HAVING min(hash(doc_id)) <> max(hash(doc_id))
    )
    GROUP BY digest HAVING min(doc_id) <> max(doc_id)
"""
_COPIED = """
    FROM read_parquet($file) AS drawn LEFT JOIN shared USING (digest) LEFT JOIN near_copies AS near USING (digest)
    WHERE near.original IS NOT NULL OR drawn.doc_id <> shared.original
"""
_COPIED_TOKENS = f"SELECT domain, modality, sum(tokens)::BIGINT {_COPIED} GROUP BY ALL"
_COPIES = f"""
    SELECT DISTINCT drawn.doc_id, CASE WHEN drawn.doc_id <> shared.original THEN shared.original ELSE near.original END,
        drawn.doc_id <> shared.original IS NOT TRUE AS near
    {_COPIED} ORDER BY ALL LIMIT {_EXAMPLES}
"""
_REMOVED = """
    SELECT source, reason, count(*) FROM read_parquet($file) WHERE status = 'duplicate' GROUP BY ALL ORDER BY ALL
"""


def evaluate(evidence: Evidence) -> list[Finding]:
    """Share of tokens that repeat another document of the mix, against the declared cap."""
    places = list(share_places(evidence, RULE, NearDuplicates))
    total = sums(evidence.cells)
    removed = _removed(evidence)
    common: dict[str, Any] = {
        "removed_from_corpus": {name: sum(reasons.values()) for name, reasons in removed.items()},
        **_generated(evidence),
    }
    seen: dict[Fraction, tuple[Sums, dict[str, Any]]] = {}
    found = []
    for place in places:
        similarity = place.setting.similarity
        if similarity not in seen:
            seen[similarity] = _copies(evidence, similarity)
        copied, details = seen[similarity]
        scope = (place.domain, place.modality or "")
        evident = {**common, **details, "similarity": str(similarity)}
        finding = cap_finding(place, copied.get(scope, 0), total[scope], place.setting.max, _WORDS, evident)
        note = f"{finding.message}{_note(removed, details)}"
        found.append(finding.model_copy(update={"message": note}) if total[scope] else finding)
    return found


def _note(removed: dict[str, dict[str, int]], details: dict[str, Any]) -> str:
    """What else a steward should know, in brackets."""
    near = sum(reasons.get("near_duplicate", 0) for reasons in removed.values())
    exact = sum(sum(reasons.values()) for reasons in removed.values()) - near
    note = f"the corpus removed {count(exact, 'copy', 'copies')} and {count(near, 'near-duplicate')}"
    repeats = details.get("repeats_of_release")
    if repeats and repeats["documents"]:
        number = repeats["documents"]
        verb = "repeats" if number == 1 else "repeat"
        note += f"; {count(number, 'new text')} nearly {verb} one of release {repeats['release']}"
    return f" ({note})"


def _removed(evidence: Evidence) -> dict[str, dict[str, int]]:
    """Duplicates that the corpus left out, by source of the stage and reason."""
    mine = feeding(evidence.project, evidence.stage)
    found: dict[str, dict[str, int]] = {}
    for source, reason, number in ask(_REMOVED, {"file": literal(evidence.documents)}):
        if source in mine:
            found.setdefault(source, {})[reason] = number
    return found


def _generated(evidence: Evidence) -> dict[str, Any]:
    """Documents declared human that a recorded generator wrote as well, as part of the evidence."""
    rows = near_generated(evidence.documents)
    if rows.is_empty():
        return {}
    examples = rows.select("doc_id", "generated", "generator").head(_EXAMPLES).to_dicts()
    return {"near_generated": {"documents": rows["doc_id"].n_unique(), "examples": examples}}


def _copies(evidence: Evidence, similarity: Fraction) -> tuple[Sums, dict[str, Any]]:
    """Tokens of copies by (domain or None, modality), and what the evidence tells of them."""
    file = {"file": literal(evidence.selection)}
    copied: Sums = {}
    details: dict[str, Any] = {}
    with connect() as connection:
        connection.execute(_SHARED_DIGESTS, file)
        mark_near(evidence, connection, similarity)
        for domain, modality, tokens in connection.execute(_COPIED_TOKENS, file).fetchall():
            for scope in ((domain, modality), (None, modality)):
                copied[scope] = copied.get(scope, 0) + tokens
        if copied:
            details["examples"] = [
                {"document": document, "near_copy_of" if near else "copy_of": original}
                for document, original, near in connection.execute(_COPIES, file).fetchall()
            ]
        details |= _repeats(evidence, connection, similarity)
    return copied, details


def _repeats(evidence: Evidence, connection: duckdb.DuckDBPyConnection, similarity: Fraction) -> dict[str, Any]:
    """New texts that nearly repeat one of the release before, as part of the evidence."""
    release = evidence.previous
    if release is None:
        return {}
    rows = repeats_of_release(evidence, connection, release, similarity)
    examples = [{"document": one["doc_id"], "older": one["older"]} for one in rows.head(_EXAMPLES).to_dicts()]
    return {"repeats_of_release": {"release": release.cycle, "digest": release.digest, "documents": len(rows),
                                   "examples": examples}}  # fmt: skip
