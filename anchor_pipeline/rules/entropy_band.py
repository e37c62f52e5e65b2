"""Rule 8, `entropy_band`: cross-entropy under each frozen probe, two-sided, at matched token counts.

Cross-entropy of a bucket is the sum of -log2 p of its documents over the units predicted (Shannon 1951). A floor
alone is wrong: under an n-gram probe chat models score higher than people do, base models lower, and a stream that is
fed on itself passes through the human value on its way. So both sides of the band alarm. docs/gates.md has the rates.
"""

from __future__ import annotations

from anchor_pipeline.facts.bands.statistics import probe_in
from anchor_pipeline.project.policy import EntropyBand
from anchor_pipeline.rules.banded import banded
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding

RULE = "entropy_band"


def evaluate(evidence: Evidence) -> list[Finding]:
    """For the stage, each domain, and the newest synthetic text of each: every probe's cross-entropy."""
    return banded(evidence, RULE, EntropyBand, lambda statistic: probe_in(statistic) is not None)
