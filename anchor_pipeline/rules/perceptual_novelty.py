"""Rule 19, `perceptual_novelty`: synthetic images, sounds and series keep a distance from every original.

Originals are the kept documents of the cycle's corpus that no model wrote, drawn or not, and those of the previous
release that have left the corpus. Measures, sources and thresholds are in docs/media.md. A document that could not be
read cannot be shown to keep its distance: the finding is `insufficient` then. One in which there is nothing to tell
apart (an even area, silence) is counted, and passes. The rule warns with the thresholds of the literature, and blocks
where the project declares a distance of its own.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from anchor_pipeline.facts.fact_files import missing_facts
from anchor_pipeline.facts.media.sets import INSTALL, SETS, images_can_be_measured
from anchor_pipeline.project.policy import PerceptualNovelty
from anchor_pipeline.rules import novel_images, novel_sounds, novel_tables
from anchor_pipeline.rules.comparison import Comparison, reasons
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.media_documents import drawn_synthetic, originals, window_values, with_facts
from anchor_pipeline.rules.places import Place, not_taken, once_calibrated, share_places
from anchor_pipeline.rules.wording import count

RULE = "perceptual_novelty"

_DISTANCES = frozenset(("min_pdq", "min_phash", "min_audio", "min_table"))

UNREAD = ("too_large", "truncated", "not_decodable", "too_long", "unusual_rate")
"""Reasons that leave open whether a document is a copy; of the others there is nothing to copy."""

_NOUNS = {"image": "synthetic image", "audio": "synthetic sound", "table": "synthetic row"}
_PAIRS = 10


def evaluate(evidence: Evidence) -> list[Finding]:
    """The nearest original of every synthetic image, sound and row, per domain and for the stage."""
    if passed := not_taken(evidence, RULE, PerceptualNovelty, *SETS):
        return passed
    places = [_blocking(place) for place in share_places(evidence, RULE, PerceptualNovelty) if place.modality in SETS]
    found: list[Finding] = []
    for modality in sorted({place.modality or "" for place in places}):
        here = [place for place in places if place.modality == modality]
        synthetic = drawn_synthetic(evidence, modality)
        if synthetic.is_empty():
            found += [_none_drawn(place) for place in here]
        elif _not_installed(evidence, modality, synthetic):
            found += [_install(place, synthetic) for place in here]
        else:
            found += _compare(evidence, modality, here, synthetic)
    return found


def _blocking(place: Place[PerceptualNovelty]) -> Place[PerceptualNovelty]:
    """Where the project declares a distance itself, the rule blocks, unless it says otherwise."""
    return once_calibrated(place) if place.setting.model_fields_set & _DISTANCES else place


def _compare(
    evidence: Evidence, modality: str, places: list[Place[PerceptualNovelty]], synthetic: pl.DataFrame
) -> list[Finding]:
    facts, store = SETS[modality], evidence.store
    columns = {"image": novel_images, "audio": novel_sounds, "table": novel_tables}[modality].COLUMNS
    known = originals(evidence, modality, synthetic)
    ours, theirs = (with_facts(store, rows, facts, columns) for rows in (synthetic, known))

    def compared(setting: PerceptualNovelty) -> Comparison:
        if modality == "image":
            return novel_images.compare_images(ours, theirs, setting)
        if modality == "audio":
            return novel_sounds.compare_sounds(ours, theirs, setting)
        return novel_tables.compare_tables(ours, theirs, setting, lambda rows: window_values(store, facts.key, rows))

    comparisons: dict[tuple[object, ...], Comparison] = {}
    found = []
    for place in places:
        setting = place.setting
        distances = (setting.min_pdq, setting.min_phash, setting.min_audio, setting.min_table)
        if distances not in comparisons:
            comparisons[distances] = compared(setting)
        found.append(judge(place, comparisons[distances], synthetic))
    return found


def judge(place: Place[PerceptualNovelty], comparison: Comparison, synthetic: pl.DataFrame) -> Finding:
    """The finding of one place; `synthetic` (doc_id, domain) are all documents that should have been compared."""
    noun = _NOUNS[place.modality or "image"]
    drawn, nearest, unjudged = (_within(place, rows) for rows in (synthetic, comparison.nearest, comparison.unjudged))
    if drawn.is_empty():
        return _none_drawn(place)
    near = nearest.drop_nulls("distance").sort(pl.col("distance") - pl.col("required"), "doc_id")
    copies = near.filter(pl.col("distance") < pl.col("required"))
    details = _details(comparison, near, nearest, unjudged, drawn)
    closest = near.row(0, named=True) if len(near) else None
    if len(copies):
        message = (
            f"{place.subject}: {len(copies):,} of {count(len(drawn), noun)} are nearer to an original than declared;"
            f" {_nearest(closest or {})}: leave them out, or have them generated anew"
        )
        return _finding(place, "fail", message, closest, details, shortfall=len(copies))
    gap = _gap(place, comparison, unjudged, noun)
    if gap:
        return _finding(place, "insufficient", f"{place.subject}: {gap}", closest, details)
    message = f"{place.subject}: none of {count(len(drawn), noun)} is nearer to an original than declared"
    if closest:
        message += f"; {_nearest(closest)}"
    blind = len(unjudged)
    message += f"; in {blind:,} of them there is nothing to compare" if blind else ""
    return _finding(place, "pass", message, closest, details)


def _finding(
    place: Place[PerceptualNovelty], status: Any, message: str, closest: dict[str, Any] | None, details: dict[str, Any],
    shortfall: float | None = None,
) -> Finding:  # fmt: skip
    known = closest or {}
    return place.finding(
        status,
        message,
        observed=known.get("distance"),
        required=known.get("required"),
        comparator=">=" if known else "",
        shortfall=shortfall,
        evidence=details,
    )


def _gap(place: Place[PerceptualNovelty], comparison: Comparison, unjudged: pl.DataFrame, noun: str) -> str | None:
    """What keeps the place from being judged, as part of a sentence."""
    unread = unjudged.filter(pl.col("reason").is_in(UNREAD))
    if len(unread):
        listed = ", ".join(f"{number:,} {reason}" for reason, number in reasons(unread["reason"]).items())
        return f"{count(len(unread), noun)} cannot be read ({listed}): leave them out, or convert them"
    lost = {reason: number for reason, number in comparison.originals_unread.items() if reason in UNREAD}
    if lost:
        listed = ", ".join(f"{number:,} {reason}" for reason, number in lost.items())
        return f"originals cannot be read ({listed}), so no distance from them is known: convert them"
    if not comparison.originals:
        return f"the corpus has no original {place.modality} to compare with: collect anchors"
    return None


def _details(
    comparison: Comparison, near: pl.DataFrame, nearest: pl.DataFrame, unjudged: pl.DataFrame, drawn: pl.DataFrame
) -> dict[str, Any]:
    closest = near.head(_PAIRS).select(
        document="doc_id", original="original", distance=pl.col("distance").round(6),
        required=pl.col("required").round(6), measure="measure", mirrored="mirrored",
    )  # fmt: skip
    pairs = [{key: value for key, value in row.items() if value is not None} for row in closest.to_dicts()]
    details: dict[str, Any] = {
        "documents": len(drawn),
        "compared": len(nearest),
        "originals": comparison.originals,
        "search": "exact" if comparison.exact else "by index: a copy may be missed, see docs/media.md",
        "closest": pairs,
        "quantiles": {
            str(measure): _quantiles(rows["distance"])
            for (measure,), rows in sorted(near.partition_by("measure", as_dict=True).items())
        },
        "not_compared": reasons(unjudged["reason"]),
        "originals_not_compared": comparison.originals_unread,
        "alike_among_synthetic": comparison.alike,
        **comparison.notes,
    }
    return {name: value for name, value in details.items() if value not in ({}, [])}


def _quantiles(distances: pl.Series) -> dict[str, float]:
    """Of the distances of synthetic documents from their nearest originals, as far as they are known."""
    shares = {"min": 0.0, "1 %": 0.01, "10 %": 0.1, "50 %": 0.5, "max": 1.0}
    found = {name: distances.quantile(share, "nearest") for name, share in shares.items()}
    return {name: round(value, 6) for name, value in found.items() if value is not None}


def _nearest(row: dict[str, Any]) -> str:
    mirrored = " (mirrored)" if row["mirrored"] else ""
    unit = {
        "pdq": "{:.0f} of 256 bits", "phash": "{:.0f} of 64 bits", "fingerprint": "a bit error rate of {:.3f}",
        "window": "1 - correlation of {:.2g}",
    }[row["measure"]]  # fmt: skip
    return (
        f"the nearest, `{row['doc_id']}`, is {unit.format(row['distance'])} from `{row['original']}`{mirrored},"
        f" at least {row['required']:.4g} {'is' if row['required'] <= 1 else 'are'} declared"
    )


def _within(place: Place[PerceptualNovelty], rows: pl.DataFrame) -> pl.DataFrame:
    return rows if place.domain is None else rows.filter(pl.col("domain") == place.domain)


def _none_drawn(place: Place[PerceptualNovelty]) -> Finding:
    return place.finding("pass", f"{place.subject} holds no {_NOUNS[place.modality or 'image']}s")


def _not_installed(evidence: Evidence, modality: str, synthetic: pl.DataFrame) -> bool:
    """Whether images would have to be measured, and cannot be. Facts that are there are as good as new ones."""
    if modality != "image" or images_can_be_measured():
        return False
    documents = pl.concat([synthetic, originals(evidence, modality, synthetic)])
    return bool(missing_facts(evidence.store, documents["shard"].unique().to_list(), [SETS[modality].key]))


def _install(place: Place[PerceptualNovelty], synthetic: pl.DataFrame) -> Finding:
    images = _within(place, synthetic)
    if images.is_empty():
        return _none_drawn(place)
    message = f"{place.subject}: {count(len(images), 'synthetic image')} cannot be compared without Pillow: {INSTALL}"
    return place.finding("insufficient", message, evidence={"documents": len(images)})
