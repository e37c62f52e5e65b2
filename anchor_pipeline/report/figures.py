"""Numbers of a report as people read them, and the bars beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from markupsafe import Markup

from anchor_pipeline.corpus.document import AMOUNT_UNITS
from anchor_pipeline.rules.finding import band_of
from anchor_pipeline.rules.wording import percent

# Rules whose observed and required are shares, 0 to 1; of generator_diversity it is those with a cap.
_SHARES = frozenset(
    (
        "anchor_share",
        "anchor_freshness",
        "anchor_purity",
        "synthetic_share",
        "near_duplicates",
        "eval_contamination",
        "model_origin",
        "provenance",
        "licence",
        "consent",
        "domain_weights",
    )
)
# Rules whose shortfall is in the unit of what they measure, and no amount of text.
_MEASURED = frozenset(
    ("entropy_band", "novelty_band", "diversity_band", "model_origin", "perceptual_novelty", "anchor_drift")
)
_COMPARED = {">=": "at least ", "<=": "at most ", "==": "exactly ", "between": "about ", "": ""}
_MISSED = {">=": "missing", "<=": "too much", "==": "off by", "between": "off by", "": "off by"}


@dataclass(frozen=True)
class Figures:
    """Observed, required and shortfall of a finding, in words; empty where there is no number."""

    observed: str
    required: str
    shortfall: str


def figures(finding: Mapping[str, Any]) -> Figures:
    """The numbers of a finding (rules.finding.Finding, as a mapping)."""
    observed, required, comparator = finding["observed"], finding["required"], finding["comparator"]
    share = finding["rule"] in _SHARES or (finding["rule"] == "generator_diversity" and comparator == "<=")
    show = _share if share else _number
    asked = "" if required is None else f"{_COMPARED[comparator]}{show(required, observed)}"
    lower, upper = finding["evidence"].get("lower"), finding["evidence"].get("upper")
    if share and comparator == "between" and isinstance(lower, float) and isinstance(upper, float):
        asked = f"{_share(lower, observed)} to {_share(upper, observed)}"
    if not share and comparator == "between" and (band := band_of(finding["evidence"])):
        asked = " to ".join(show(limit, observed) for limit in band)
    missed = ""
    if finding["shortfall"]:
        unit = "" if finding["rule"] in _MEASURED else AMOUNT_UNITS.get(finding["modality"] or "", "")
        missed = f"{_MISSED[comparator]} {_number(finding['shortfall'], None)} {unit}".strip()
    return Figures("" if observed is None else show(observed, required), asked, missed)


def _share(value: float, unlike: float | None) -> str:
    """A percentage with as many digits as tell it from the other; a float such as 0.15 stands for 15/100."""
    return percent(_exact(value), None if unlike is None else _exact(unlike))


def _exact(value: float) -> Fraction:
    return Fraction(str(value))


def _number(value: float, unlike: float | None) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    for digits in range(4, 17):
        text = f"{value:,.{digits}g}"
        if unlike is None or value == unlike or text != f"{unlike:,.{digits}g}":
            return text
    return repr(value)


def declared(low: float | None, high: float | None, observed: float | None) -> str:
    """The limits of a share in words."""
    if low is not None and high is not None:
        return f"{_share(low, observed)} to {_share(high, observed)}"
    if low is not None:
        return f"at least {_share(low, observed)}"
    return "no limit" if high is None else f"at most {_share(high, observed)}"


def realised(observed: float | None, low: float | None, high: float | None) -> str:
    """A share, told from its nearer limit."""
    if observed is None:
        return "nothing drawn"
    near = [limit for limit in (low, high) if limit is not None]
    return _share(observed, min(near, key=lambda limit: abs(limit - observed)) if near else None)


def bar(observed: float | None, low: float | None, high: float | None) -> Markup:
    """A bar of 0 to 100 %: what is allowed behind, what is realised before it, and a line at each limit."""
    width, height = 160, 16

    def at(share: float) -> str:
        return f"{max(0.0, min(1.0, share)) * width:.1f}"

    start, end = low or 0.0, 1.0 if high is None else high
    limits = [limit for limit in (low, high) if limit is not None]
    lines = [f'<path class="limit" d="M{at(one)} 0V{height}"/>' for one in limits]
    fill = "" if observed is None else f'<rect class="bar" y="5" width="{at(observed)}" height="6"/>'
    # Only numbers are put in: nothing here needs escaping.
    return Markup(
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" aria-hidden="true">'
        f'<rect class="track" width="{width}" height="{height}"/>'
        f'<rect class="allowed" x="{at(start)}" width="{at(end - start)}" height="{height}"/>'
        f"{fill}{''.join(lines)}</svg>"
    )
