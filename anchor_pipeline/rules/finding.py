"""A finding: the outcome of one rule for one domain and modality."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["pass", "fail", "insufficient"]


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
    def refuses(self) -> bool:
        """Whether this finding alone keeps the mix from being released."""
        return self.severity == "block" and self.status != "pass"
