"""Rule 10, `diversity_band`: how rich the words are, two-sided, at matched token counts.

Unigram entropy, distinct pairs and triples of words, word length and punctuation, and the profile: how far all
statistics together, those of rule 8 among them, lie from those of human text. Formulas and sources are in
facts/bands/statistics.py, rates in docs/gates.md.
"""

from __future__ import annotations

from anchor_pipeline.facts.bands.statistics import probe_in
from anchor_pipeline.project.policy import DiversityBand
from anchor_pipeline.rules.banded import banded
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding

RULE = "diversity_band"


def evaluate(evidence: Evidence) -> list[Finding]:
    """For the stage, each domain, and the newest synthetic text of each: every statistic that rests on no one probe."""
    return banded(evidence, RULE, DiversityBand, lambda statistic: probe_in(statistic) is None)
