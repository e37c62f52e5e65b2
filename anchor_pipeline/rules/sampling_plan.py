"""Rule 23, `sampling_plan`: each anchor source meets the cadence, minimum and strata that its steward declared.

Counted are documents of the corpus that are kept or duplicates (they were collected, even if held twice).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from anchor_pipeline.project.policy import SamplingPlanRule
from anchor_pipeline.project.source import SamplingPlan
from anchor_pipeline.project.units import Duration
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.expected import feeding
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, home, setting_at, whole_stage
from anchor_pipeline.rules.wording import count

RULE = "sampling_plan"

_PERIODS = {
    "hourly": Duration("1h", seconds=3600),
    "daily": Duration("1d", seconds=86_400),
    "weekly": Duration("1w", seconds=7 * 86_400),
    "monthly": Duration("1mo", months=1),
    "quarterly": Duration("3mo", months=3),
    "yearly": Duration("1y", months=12),
}


@dataclass
class _OnHand:
    documents: int = 0
    new: int = 0
    strata: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def evaluate(evidence: Evidence) -> list[Finding]:
    """Per planned anchor source: documents on hand, those of the last period, and those of each stratum."""
    plans = {
        name: source.sampling_plan
        for name, source in feeding(evidence.project, evidence.stage).items()
        if source.kind == "anchor" and source.sampling_plan is not None
    }
    since = {name: _PERIODS[plan.cadence].before(evidence.cycle.as_of) for name, plan in plans.items()}
    on_hand = _on_hand(evidence, since)
    found: list[Finding] = []
    for name, plan in plans.items():
        declared = evidence.project.sources[name].domain.name
        domain = home(evidence, declared) if declared else None
        place = Place(RULE, evidence.stage, domain, None, setting_at(evidence, RULE, SamplingPlanRule, domain))
        if place.setting.off:
            continue
        if name not in evidence.corpus.sources:
            message = f"Source `{name}` is not in the corpus of cycle {evidence.cycle.key}: build the corpus again"
            found.append(place.finding("insufficient", message, evidence={"source": name}))
        else:
            found += _judge(place, name, plan, on_hand[name], since[name], evidence.project.sources[name].steward)
    if not plans:
        place = whole_stage(evidence, RULE, SamplingPlanRule)
        found.append(
            place.finding("pass", "No anchor source of this stage declares a sampling plan, so none is missed")
        )
    return found


def _on_hand(evidence: Evidence, since: dict[str, datetime]) -> dict[str, _OnHand]:
    periods = pl.LazyFrame(
        {"source": list(since), "since": list(since.values())},
        schema={"source": pl.String, "since": pl.Datetime("us", "UTC")},
    )
    dated = pl.col("collected_at")
    counted = (
        pl.scan_parquet(evidence.documents, glob=False)
        .filter(pl.col("status").is_in(["kept", "duplicate"]))
        .select("source", "stratum", "collected_at")
        .join(periods, on="source")
        .group_by("source", "stratum")
        .agg(pl.len(), ((dated >= pl.col("since")) & (dated < evidence.cycle.as_of)).sum().alias("new"))
        .collect(engine="streaming")
    )
    found: dict[str, _OnHand] = defaultdict(_OnHand)
    for source, stratum, documents, new in counted.iter_rows():
        found[source].documents += documents
        found[source].new += new
        if stratum is not None:
            found[source].strata[stratum] += documents
    return found


def _judge(
    place: Place[SamplingPlanRule], name: str, plan: SamplingPlan, has: _OnHand, since: datetime, steward: str | None
) -> Iterator[Finding]:
    who = steward or "its steward (none is declared)"
    strata = [
        (f" of stratum `{stratum}`", has.strata[stratum], least) for stratum, least in sorted(plan.strata.items())
    ]
    asked = [(" on hand", has.documents, plan.minimum), *strata]
    asked.append((f" collected since {since:%Y-%m-%d}, its last {plan.cadence} period", has.new, plan.minimum_new))
    for what, observed, required in asked:
        missing = max(0, required - observed)
        message = (
            f"Anchor source `{name}` has {count(observed, 'document')}{what}, its sampling plan asks for {required:,}"
        )
        if missing:
            message += f": ask {who} to collect {count(missing, 'more document', 'more documents')}"
        yield place.finding(
            "fail" if missing else "pass",
            message,
            observed=observed,
            required=required,
            comparator=">=",
            shortfall=missing,
            evidence={"source": name, "cadence": plan.cadence},
        )
