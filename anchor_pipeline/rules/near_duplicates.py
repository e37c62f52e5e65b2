"""Rule 12, `near_duplicates`: the same content does not enter a mix as several documents.

For now exact duplicates: equal content digests under different document ids. Of equal documents the one with the
smallest id counts as the original, the others as its copies. Passes over the same document are repetition, not
duplicates (rule `repetition`). Near-duplicates by MinHash are not yet available, and the message says so.
"""

from __future__ import annotations

from typing import Any

from anchor_pipeline.project.policy import NearDuplicates
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.expected import feeding
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import share_places
from anchor_pipeline.rules.query import connect, literal
from anchor_pipeline.rules.shares import Sums, Words, cap_finding, sums

RULE = "near_duplicates"
_WORDS = Words("exact copies", "copied")

_SHARED_DIGESTS = """
    CREATE TEMP TABLE shared AS
    SELECT digest, min(doc_id) AS original FROM read_parquet($file)
    WHERE hash(digest) IN (
        SELECT hash(digest) AS h FROM read_parquet($file)
        GROUP BY h HAVING min(hash(doc_id)) <> max(hash(doc_id))
    )
    GROUP BY digest HAVING min(doc_id) <> max(doc_id)
"""
_COPIED_TOKENS = """
    SELECT domain, modality, sum(tokens)::BIGINT FROM read_parquet($file) JOIN shared USING (digest)
    WHERE doc_id <> original GROUP BY ALL
"""
_EXAMPLES = """
    SELECT DISTINCT doc_id, original FROM read_parquet($file) JOIN shared USING (digest)
    WHERE doc_id <> original ORDER BY ALL LIMIT 10
"""


def evaluate(evidence: Evidence) -> list[Finding]:
    """Share of tokens that repeat another document of the mix, against the declared cap."""
    copied, examples = _copies(evidence)
    total = sums(evidence.cells)
    removed = {
        name: evidence.corpus.sources[name].duplicate
        for name in feeding(evidence.project, evidence.stage)
        if name in evidence.corpus.sources
    }
    details: dict[str, Any] = {"removed_from_corpus": {name: n for name, n in removed.items() if n}}
    if examples:
        details["examples"] = examples
    found = []
    for place in share_places(evidence, RULE, NearDuplicates):
        scope = (place.domain, place.modality or "")
        finding = cap_finding(place, copied.get(scope, 0), total[scope], place.setting.max, _WORDS, details)
        note = (
            f"{finding.message} (the corpus removed {sum(removed.values()):,}; near-duplicates are not yet available)"
        )
        found.append(finding.model_copy(update={"message": note}) if total[scope] else finding)
    return found


def _copies(evidence: Evidence) -> tuple[Sums, list[dict[str, str]]]:
    """Tokens of copies by (domain or None, modality), and a few of them with their originals."""
    file = {"file": literal(evidence.selection)}
    copied: Sums = {}
    with connect() as connection:
        connection.execute(_SHARED_DIGESTS, file)
        for domain, modality, tokens in connection.execute(_COPIED_TOKENS, file).fetchall():
            for scope in ((domain, modality), (None, modality)):
                copied[scope] = copied.get(scope, 0) + tokens
        rows = connection.execute(_EXAMPLES, file).fetchall() if copied else []
    return copied, [{"document": document, "copy_of": original} for document, original in rows]
