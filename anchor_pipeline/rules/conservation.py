"""Rule 22, `conservation`: read = selected + unselected + duplicate + quarantined + later, for every source.

Selected are distinct documents of the selection, unselected the rest of those the corpus kept. The corpus's record
is compared with its table, too.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import polars as pl

from anchor_pipeline.corpus.corpus import SourceCounts
from anchor_pipeline.corpus.set_aside import NOT_EVALUATED
from anchor_pipeline.project.policy import Conservation
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.expected import feeding
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, home, setting_at
from anchor_pipeline.rules.wording import count

RULE = "conservation"


def evaluate(evidence: Evidence) -> list[Finding]:
    """One finding per source that may feed the stage, or does."""
    selected = {source: documents for source, (documents, _) in evidence.drawn.items()}
    table = _table_counts(evidence)
    found = []
    for name in sorted({*feeding(evidence.project, evidence.stage), *selected}):
        place = _place(evidence, name)
        if place.setting.off:
            continue
        counts = evidence.corpus.sources.get(name)
        if counts is None:
            message = f"Source `{name}` is not in the corpus of cycle {evidence.cycle.key}: build the corpus again"
            found.append(place.finding("insufficient", message, evidence={"source": name}))
        else:
            found.append(_judge(place, name, counts, selected.get(name, 0), table[name]))
    return found


def _place(evidence: Evidence, name: str) -> Place[Conservation]:
    source = evidence.project.sources.get(name)
    domain = home(evidence, source.domain.name) if source is not None and source.domain.name else None
    return Place(RULE, evidence.stage, domain, None, setting_at(evidence, RULE, Conservation, domain))


def _table_counts(evidence: Evidence) -> dict[str, dict[str, int]]:
    """Rows of the corpus table by source and status."""
    rows = pl.scan_parquet(evidence.documents, glob=False).group_by("source", "status").len()
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for source, status, n in rows.collect(engine="streaming").iter_rows():
        counts[source][status] = n
    return counts


def _judge(
    place: Place[Conservation], name: str, counts: SourceCounts, selected: int, table: dict[str, int]
) -> Finding:
    quarantined = sum(counts.quarantined.values())
    unselected = counts.kept - selected
    accounted = selected + max(0, unselected) + counts.duplicate + quarantined + counts.later
    details: dict[str, Any] = {
        "source": name,
        "read": counts.read,
        "selected": selected,
        "unselected": unselected,
        "duplicate": counts.duplicate,
        "quarantined": quarantined,
        "later": counts.later,
        "quarantined_by_reason": dict(sorted(counts.quarantined.items())),
        "filtered": counts.filtered,
    }
    unknown = _unknown(name, counts)
    if unknown is not None:
        if counts.unreadable:
            details["unreadable"] = [entry.path for entry in counts.unreadable[:10]]
        return place.finding("insufficient", unknown, evidence=details)
    recorded = {"kept": counts.kept, "duplicate": counts.duplicate, "later": counts.later}
    differing = [f"{status} {table[status]:,}, not {n:,}" for status, n in recorded.items() if table[status] != n]
    vanished = counts.read - accounted
    holds = vanished == 0 and unselected >= 0 and not differing
    balance = (
        f"{counts.read:,} read = {selected:,} selected + {unselected:,} unselected + {counts.duplicate:,} duplicate +"
        f" {quarantined:,} quarantined + {counts.later:,} later"
    )
    message = f"Source `{name}`: {balance}"
    if unselected < 0:
        message = (
            f"Source `{name}`: {selected:,} documents are selected, but the corpus kept {counts.kept:,}: select again"
        )
    elif vanished:
        message = f"Source `{name}`: {balance} leaves {vanished:,} rows unaccounted for: ingest the source again"
    elif differing:
        message = f"Source `{name}`: the corpus table holds {'; '.join(differing)} as recorded: build the corpus again"
    return place.finding(
        "pass" if holds else "fail",
        message,
        observed=accounted,
        required=counts.read,
        comparator="==",
        shortfall=abs(vanished) or float(not holds),
        evidence=details,
    )


def _unknown(name: str, counts: SourceCounts) -> str | None:
    """Why the rows of a source cannot be accounted for, and what to do; None if they can."""
    if counts.unreadable:
        broken = counts.unreadable[0]
        where = f" at {broken.offset}" if broken.offset else ""
        more = f" (and {count(len(counts.unreadable) - 1, 'more file')})" if len(counts.unreadable) > 1 else ""
        return (
            f"Source `{name}`: {broken.path} cannot be read{where}: {broken.message}{more}; repair or remove it,"
            " for what it holds is not known"
        )
    if unjudged := counts.quarantined.get(NOT_EVALUATED, 0):
        return (
            f"Source `{name}`: an expectation that quarantines rows could not be evaluated, so"
            f" {count(unjudged, 'row')} that may be sound are set aside; its check and data_docs/{name}.html say why"
        )
    return None
