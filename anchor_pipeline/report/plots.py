"""Small pictures of distributions: inline SVG from the histogram that a finding carries as evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT = 480, 64
_MOST_SERIES = 4


@dataclass(frozen=True)
class Plot:
    """One series of a distribution, drawn over the common axis."""

    name: str
    values: int
    """How many values are in it."""
    picture: Markup


@dataclass(frozen=True)
class Plots:
    """The series of a distribution, one above the other, and what is marked."""

    unit: str
    low: str
    high: str
    """The ends of the axis."""
    series: list[Plot]
    marks: list[tuple[str, str]]
    """(name, value), in order of value."""


def plots(distribution: Mapping[str, Any]) -> Plots | None:
    """What to draw of facts.histograms.histogram; None if it is not one."""
    edges, counts = distribution.get("edges"), distribution.get("counts")
    if not isinstance(edges, list) or not isinstance(counts, dict) or len(edges) < 2 or edges[0] >= edges[-1]:
        return None
    marks = {name: value for name, value in distribution.get("marks", {}).items() if isinstance(value, (int, float))}
    series = [
        Plot(name, sum(numbers), _bars(edges, numbers, marks)) for name, numbers in list(counts.items())[:_MOST_SERIES]
    ]
    return Plots(
        unit=str(distribution.get("unit", "")),
        low=f"{edges[0]:.4g}",
        high=f"{edges[-1]:.4g}",
        series=series,
        marks=[(name, f"{value:.4g}") for name, value in sorted(marks.items(), key=lambda mark: mark[1])],
    )


def _bars(edges: Sequence[float], numbers: Sequence[int], marks: Mapping[str, float]) -> Markup:
    """Bars as high as the number of values in each bin, scaled to the highest; a line at every mark."""
    most, step = max(*numbers, 1), WIDTH / len(numbers)
    bars = [
        f'<rect class="bar" x="{place * step:.1f}" y="{HEIGHT * (1 - number / most):.1f}" width="{step - 1:.1f}" '
        f'height="{HEIGHT * number / most:.1f}"/>'
        for place, number in enumerate(numbers)
        if number
    ]
    span = edges[-1] - edges[0]
    lines = [
        f'<path class="{"observed" if name == "observed" else "limit"}" '
        f'd="M{max(0.0, min(1.0, (value - edges[0]) / span)) * WIDTH:.1f} 0V{HEIGHT}"/>'
        for name, value in marks.items()
    ]
    # Only numbers are put in: nothing here needs escaping.
    return Markup(
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="track" width="{WIDTH}" height="{HEIGHT}"/>{"".join(bars)}{"".join(lines)}</svg>'
    )
