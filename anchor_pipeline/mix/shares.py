"""Amounts and shares of a mix, as the manifest states them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import pyarrow as pa

from anchor_pipeline.mix.manifest import SHARE_DIMENSIONS, Amount, Share, unit_of

Shares = dict[str, dict[str, dict[str, Share]]]


def group_amounts(rows: pa.Table) -> pa.Table:
    """Tokens and documents of some rows, by modality and SHARE_DIMENSIONS."""
    grouped = rows.group_by(["modality", *SHARE_DIMENSIONS]).aggregate([("tokens", "sum"), ([], "count_all")])
    names = {"tokens_sum": "tokens", "count_all": "documents"}
    return grouped.rename_columns([names.get(name, name) for name in grouped.column_names])


def amounts_and_shares(groups: Iterable[pa.Table]) -> tuple[dict[str, Amount], Shares]:
    """Amounts by modality, and shares by modality, column and value, from `group_amounts` of all rows."""
    tokens: Counter[tuple[str, str, str]] = Counter()
    documents: Counter[tuple[str, str, str]] = Counter()
    for group in groups:
        for row in group.to_pylist():
            keys = [("", ""), *((name, row[name]) for name in SHARE_DIMENSIONS if row[name] is not None)]
            for name, value in keys:
                tokens[row["modality"], name, value] += row["tokens"]
                documents[row["modality"], name, value] += row["documents"]
    amounts = {
        modality: Amount(unit=unit_of(modality), tokens=total, documents=documents[modality, name, value])
        for (modality, name, value), total in sorted(tokens.items())
        if not name
    }
    shares: Shares = {modality: {name: {} for name in SHARE_DIMENSIONS} for modality in amounts}
    for (modality, name, value), total in sorted(tokens.items()):
        if name:
            shares[modality][name][value] = Share(
                tokens=total,
                documents=documents[modality, name, value],
                share=share_of(total, amounts[modality].tokens),
            )
    return amounts, shares


def share_of(tokens: int, total: int) -> Decimal:
    """A share, to six places; 0 of 0 is 0."""
    return (Decimal(tokens) / Decimal(total or 1)).quantize(Decimal("0.000001"))
