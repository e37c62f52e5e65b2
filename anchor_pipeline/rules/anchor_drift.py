"""Rule 20, `anchor_drift`: a model does not get worse on reality while it gets better on stories.

A small reference model is trained on the selection and one on the release before it; both score anchors that are held
out of every mix (`hold_out` of an anchor source) and synthetic texts that are in neither mix. See facts/drift.py.
The alarm is the divergence: the loss on anchors rises by more than the tolerance while that on synthetic text falls
by more than it, both beyond doubt. Texts only, the stage as a whole. It blocks once it can be judged, unless the
project says that it only warns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from anchor_pipeline.corpus.held_out import held_out
from anchor_pipeline.corpus.keyed_hash import document_keys
from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.texts import texts_of
from anchor_pipeline.facts.drift import Change, change_of, score, until
from anchor_pipeline.project.policy import AnchorDrift
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.places import Place, not_taken, once_calibrated, whole_stage

RULE = "anchor_drift"


class _Lacking(Exception):
    """What keeps the rule from being judged."""


@dataclass(frozen=True)
class _Drawn:
    """Texts and how many tokens they have."""

    texts: Any
    tokens: int


def evaluate(evidence: Evidence) -> list[Finding]:
    """One finding of the divergence and one of each loss, for the text of the stage."""
    if passed := not_taken(evidence, RULE, AnchorDrift, "text"):
        return passed
    place = whole_stage(evidence, RULE, AnchorDrift, "text")
    try:
        if evidence.previous is None:
            raise _Lacking("there is no earlier release of this stage to compare with; the first one begins the series")
        anchors, synthetic, trained = _changes(evidence, evidence.previous, place.setting)
    except _Lacking as lacking:
        return [place.finding("insufficient", f"Anchor drift cannot be judged: {lacking}")]
    return _findings(once_calibrated(place), evidence.previous, anchors, synthetic, trained)


def _changes(evidence: Evidence, previous: Released, setting: AnchorDrift) -> tuple[Change, Change, int]:
    """How the losses on anchors and on synthetic text have changed, and on how many tokens was trained."""
    from anchor_pipeline.facts.probes.word_probe import train_word_probe

    anchors, synthetic = _judges(evidence, previous, setting)
    new, old = _selected(evidence, setting.tokens), _released(evidence, previous, setting.tokens)
    tokens = min(new.tokens, old.tokens)
    if tokens < setting.min_tokens:
        raise _Lacking(
            f"the smaller of this mix and the release of {previous.cycle} has {tokens:,} tokens of text to train on, "
            f"at least {setting.min_tokens:,} are needed"
        )
    if new.tokens != old.tokens:
        new, old = _selected(evidence, tokens), _released(evidence, previous, tokens)
    models = [train_word_probe([drawn.texts], 3, (2, 1, 1)) for drawn in (old, new)]
    found = [
        change_of(score(models[0], models[1], texts.texts), evidence.project.seed) for texts in (anchors, synthetic)
    ]
    return found[0], found[1], tokens


def _judges(evidence: Evidence, previous: Released, setting: AnchorDrift) -> tuple[_Drawn, _Drawn]:
    """Held-out anchors, and synthetic texts that are in neither mix."""
    kept = (
        pl.scan_parquet(evidence.documents, glob=False)
        .filter(
            pl.col("status") == "kept",
            pl.col("modality") == "text",
            pl.col("domain").is_in(list(evidence.project.stages[evidence.stage].domains)),
        )
        .select("doc_id", "source", "kind", "authorship", "tokens", "shard", "shard_row")
    )
    anchors = kept.filter(pl.col("kind") == "anchor").collect(engine="streaming").sort("doc_id")
    anchors = anchors.filter(_held(evidence, anchors))
    known = pl.concat(
        [evidence.selected.select("doc_id"), *(_part(evidence, part, ["doc_id"]) for part in previous.parts)]
    )
    others = kept.filter(pl.col("authorship") == "synthetic").join(known.unique(), on="doc_id", how="anti")
    synthetic = others.collect(engine="streaming").sort("doc_id")
    least = setting.min_tokens // 10
    for what, frame, remedy in (
        ("held-out anchors", anchors, "declare `hold_out`, such as 5 %, for an anchor source"),
        ("synthetic text that is in neither mix", synthetic, "declare `hold_out` for a synthetic source"),
    ):
        if (found := int(frame["tokens"].sum())) < least:
            raise _Lacking(f"there are {found:,} tokens of {what}, at least {least:,} are needed; {remedy}")
    return _drawn(evidence, anchors, setting.tokens), _drawn(evidence, synthetic, setting.tokens)


def _held(evidence: Evidence, frame: pl.DataFrame) -> pl.Series:
    held = np.zeros(frame.height, np.bool_)
    for name in frame["source"].unique().to_list():
        source = evidence.project.sources.get(name)
        if source is not None and source.hold_out:
            mine = (frame["source"] == name).to_numpy()
            ids = frame["doc_id"].filter(pl.Series(mine)).to_arrow()
            held[mine] = held_out(ids, evidence.project.seed, source.hold_out)
    return pl.Series(held)


def _selected(evidence: Evidence, tokens: int) -> _Drawn:
    """Texts of the selection, each once, up to so many tokens."""
    rows = evidence.selected.filter(pl.col("epoch") == 0, pl.col("modality") == "text")
    return _drawn(evidence, rows.collect(engine="streaming").sort("doc_id"), tokens)


def _drawn(evidence: Evidence, frame: pl.DataFrame, tokens: int) -> _Drawn:
    """Documents by keyed hash up to so many tokens, with the texts of their shards."""
    taken = _first(evidence, frame, tokens)
    return _Drawn(
        texts_of(evidence.store, taken["shard"].to_list(), taken["shard_row"].to_list()), int(taken["tokens"].sum())
    )


def _released(evidence: Evidence, previous: Released, tokens: int) -> _Drawn:
    """Texts of a release, each once, up to so many tokens."""
    columns = ["doc_id", "tokens", "modality", "epoch"]
    rows = [_part(evidence, part, columns) for part in previous.parts]
    frame = pl.concat(rows).filter(pl.col("epoch") == 0, pl.col("modality") == "text").collect().sort("doc_id")
    taken = _first(evidence, frame, tokens)
    parts = [
        _part(evidence, part, ["doc_id", "epoch", "text"])
        .filter(pl.col("epoch") == 0, pl.col("doc_id").is_in(taken["doc_id"].implode()))
        .collect(engine="streaming")
        for part in previous.parts
    ]
    texts = taken.join(pl.concat(parts), on="doc_id", how="left", maintain_order="left")["text"]
    return _Drawn(texts.to_arrow().cast(pa.large_string()), int(taken["tokens"].sum()))


def _part(evidence: Evidence, part: str, columns: list[str]) -> pl.LazyFrame:
    return pl.scan_parquet(evidence.store.local(part), glob=False).select(columns)


def _first(evidence: Evidence, frame: pl.DataFrame, tokens: int) -> pl.DataFrame:
    keys, _ = document_keys(frame["doc_id"].to_arrow(), evidence.project.seed)
    return frame[until(frame["tokens"].to_numpy().astype(np.int64), keys, tokens)]


def _findings(
    place: Place[AnchorDrift], previous: Released, anchors: Change, synthetic: Change, trained: int
) -> list[Finding]:
    tolerance = float(place.setting.tolerance)
    diverges = anchors.rises(tolerance) and synthetic.falls(tolerance)
    moved = (
        f"since the release of {previous.cycle} the loss on held-out anchors moved by {anchors.change:+.3f} bits per "
        f"word, on synthetic text by {synthetic.change:+.3f}"
    )
    message = f"The two losses do not part ({moved})"
    if diverges:
        message = (
            f"A model trained on this mix gets worse on reality while it gets better on synthetic text ({moved}): draw "
            "less synthetic text, or more and fresher anchors"
        )
    shown = {"anchors": _told(anchors), "synthetic": _told(synthetic), "trained_on_tokens": trained,
             "release": {"cycle": previous.cycle, "digest": previous.digest}}  # fmt: skip
    found = [
        place.finding(
            "fail" if diverges else "pass",
            message,
            observed=_short(anchors.change - synthetic.change),
            required=2 * tolerance,
            comparator="<=",
            shortfall=_short(anchors.change - synthetic.change - 2 * tolerance) if diverges else None,
            evidence={"statistic": "divergence", **shown},
        )
    ]
    for name, change in (("anchors", anchors), ("synthetic text", synthetic)):
        found.append(
            place.finding(
                "pass",
                f"Loss on {name}: {change.after:.3f} bits per word ({change.before:.3f} for the release of "
                f"{previous.cycle}, trained on as much)",
                observed=_short(change.after),
                evidence={"statistic": f"loss on {name}", **_told(change)},
            )
        )
    return found


def _told(change: Change) -> dict[str, Any]:
    return {
        "before": _short(change.before),
        "after": _short(change.after),
        "interval_of_change": [_short(change.low), _short(change.high)],
        "documents": change.documents,
        "words": change.units,
    }


def _short(value: float) -> float:
    # The last digits of a sum hang on the machine, and verdicts are compared by digest.
    return float(f"{value:.5g}")
