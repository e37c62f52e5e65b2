"""Distributions in the Dagster UI: a few lines of text with bars, since the UI draws numbers over cycles only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from anchor_pipeline.rules.finding import Finding

MOST = 6
"""Findings whose distribution is shown; the report draws all."""

_BARS = "▁▂▃▄▅▆▇█"


def distributions(findings: Sequence[Finding]) -> dict[str, Any]:
    """Metadata `distributions` of the first findings that have any, in the given order; {} if none has."""
    shown = [one for one in findings if one.evidence.get("distribution")][:MOST]
    if not shown:
        return {}
    return {"distributions": dg.MetadataValue.md("\n\n".join(_text(one) for one in shown))}


def _text(finding: Finding) -> str:
    drawn = finding.evidence["distribution"]
    about = [finding.domain or "the stage", finding.evidence.get("statistic"), finding.evidence.get("bucket")]
    lines = [f"**{', '.join(str(part) for part in about if part)}** ({drawn['unit']})", "", "```"]
    width = max(map(len, drawn["counts"]))
    for name, counts in drawn["counts"].items():
        lines.append(f"{name:<{width}}  {bars(counts)}  {sum(counts):,}")
    low, high = drawn["edges"][0], drawn["edges"][-1]
    room = max(len(next(iter(drawn["counts"].values()))) - len(f"{low:.4g}"), 1)
    lines += [f"{'':<{width}}  {low:.4g}{f'{high:.4g}':>{room}}"]
    lines += [f"{name}: {value:.6g}" for name, value in sorted(drawn["marks"].items(), key=lambda mark: mark[1])]
    return "\n".join([*lines, "```"])


def bars(counts: Sequence[int]) -> str:
    """One character per bin, as high as its count; a space where there is none."""
    most = max(*counts, 1)
    return "".join(" " if count == 0 else _BARS[(len(_BARS) - 1) * count // most] for count in counts)
