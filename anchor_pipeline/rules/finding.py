"""A finding: the outcome of one rule for one domain and modality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["pass", "fail", "insufficient"]


def band_of(evidence: Mapping[str, Any]) -> tuple[float, float] | None:
    """The two limits of a band that evidence names, [low, high] or {low, high, ...}."""
    band = evidence.get("band")
    low, high = (band.get("low"), band.get("high")) if isinstance(band, dict) else band or (None, None)
    return None if low is None or high is None else (float(low), float(high))


class Finding(BaseModel):
    """What was asked, what was seen, and what is missing. Amounts are in the unit of the modality."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    stage: str
    domain: str | None
    """None: the whole stage."""
    modality: str | None
    status: Status
    """`insufficient`: the evidence is missing; a blocking rule does not let it through."""
    severity: Literal["block", "warn"]
    observed: float | None
    required: float | None
    comparator: Literal[">=", "<=", "==", "between", ""]
    shortfall: float | None
    """How much is missing (or too much) to pass; None where that has no number."""
    message: str
    """One sentence: what is wrong or right, and what would put it right."""
    evidence: dict[str, Any] = {}
    """Ids, digests, counts that let a steward act; aggregates and a few examples, never rows."""

    @property
    def band(self) -> tuple[float, float] | None:
        """The two limits, where the comparator is `between` and the evidence names them."""
        return band_of(self.evidence) if self.comparator == "between" else None

    @property
    def refuses(self) -> bool:
        """Whether this finding alone keeps the mix from being released."""
        return self.severity == "block" and self.status != "pass"
