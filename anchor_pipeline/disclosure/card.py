"""The dataset card, README.md of a release, as Hugging Face has it: YAML front matter, then a page for people.

https://huggingface.co/docs/hub/datasets-cards. `datasets.load_dataset` takes the files from the front matter, and
the Hub its labels. The task and the language of data are named only if somebody declared them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from anchor_pipeline.disclosure.attribution import NOTICE
from anchor_pipeline.disclosure.card_labels import languages, licence_labels, size_category
from anchor_pipeline.disclosure.croissant import description
from anchor_pipeline.disclosure.markdown import cell, heading, link, plain, table, visible
from anchor_pipeline.disclosure.origins import Told, share
from anchor_pipeline.disclosure.record_json import RECORD
from anchor_pipeline.disclosure.totals import Total
from anchor_pipeline.disclosure.words import amount, between
from anchor_pipeline.rules.finding import Finding

CARD = "README.md"

MOST_LINES = 50
"""Of a table; what is beyond is added up in one line, and stands in disclosure/record.json."""

_COLUMNS: tuple[tuple[str, Callable[[Total], str | None]], ...] = (
    ("kind of source", lambda total: total.kind),
    ("source", lambda total: total.source),
    ("domain", lambda total: total.domain),
    ("authorship", lambda total: total.authorship),
    ("generator", lambda total: total.generator),
    ("licence", lambda total: total.licence),
)


def card(told: Told, others: Iterable[str]) -> str:
    """The page; `others` are the names of the other files of the release that it points to."""
    parts = [
        front_matter(told),
        heading(1, told.dataset_title()),
        "",
        plain(description(told)),
        "",
        *_composition(told),
        *_verdict(told),
        *_reading(),
        *_provenance(told),
        heading(2, "Further documents"),
        "",
        *(f"- {link(name, name)}" for name in sorted(others)),
        "",
    ]
    return "\n".join(parts)


def front_matter(told: Told) -> str:
    """What the Hub and `datasets` read, between two lines of dashes."""
    import yaml

    record = told.record
    values: dict[str, Any] = {
        "pretty_name": visible(told.dataset_title()),
        **licence_labels({total.licence for total in record.totals}, NOTICE),
        **languages(told.project.languages),
        "size_categories": [size_category(sum(total.passes for total in record.totals))],
        "tags": ["anchor-pipeline", "croissant", *record.modalities, *_synthetic(record.totals)],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "data/train-*.parquet"}],
                # `datasets` keeps what it loaded by the name of the folder, which is 0001 for many releases, and a
                # digest of these values: without this it would give the rows of another release.
                "description": f"Selection {record.verdict.digests.selection}",
            },
        ],
    }
    return f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000)}---\n"


def _synthetic(totals: Iterable[Total]) -> list[str]:
    return (
        ["synthetic"] if any(total.authorship == "synthetic" or total.kind == "synthetic" for total in totals) else []
    )


def _composition(told: Told) -> Iterator[str]:
    record = told.record
    for modality in record.modalities:
        totals = [total for total in record.totals if total.modality == modality]
        yield heading(2, f"What it holds: {modality}")
        yield ""
        yield plain(
            f"{sum(one.documents for one in totals):,} documents in {sum(one.passes for one in totals):,} rows, "
            f"{amount(modality, sum(one.tokens for one in totals), record.tokens_by)}. Shares are of that amount; "
            "a document that is repeated counts every time."
        )
        yield ""
        for name, key in _COLUMNS:
            yield from _shares(told, modality, totals, name, key)


def _shares(
    told: Told, modality: str, totals: list[Total], name: str, key: Callable[[Total], str | None]
) -> Iterator[str]:
    """One table, the largest first; nothing is left out silently."""
    whole = sum(total.tokens for total in totals)
    sums: dict[str | None, list[int]] = {}
    for total in totals:
        row = sums.setdefault(key(total), [0, 0])
        row[0] += total.documents
        row[1] += total.tokens
    if list(sums) == [None]:
        return
    ordered = sorted(sums.items(), key=lambda one: (-one[1][1], one[0] is None, one[0] or ""))
    lines = [("none" if value is None else value, row[0], row[1]) for value, row in ordered[:MOST_LINES]]
    if beyond := [row for _, row in ordered[MOST_LINES:]]:
        rest = sum(row[0] for row in beyond), sum(row[1] for row in beyond)
        lines.append((f"{len(beyond):,} others, named in {RECORD}", *rest))
    shown = [
        (value, documents, amount(modality, tokens, told.record.tokens_by), f"{share(tokens, whole):.2f} %")
        for value, documents, tokens in lines
    ]
    yield table((f"By {name}", "Documents", "Amount", "Share"), shown)


def _verdict(told: Told) -> Iterator[str]:
    verdict = told.record.verdict
    yield heading(2, "How it was judged")
    yield ""
    yield plain(
        f"Released because every blocking rule holds: verdict {verdict.status}, {len(verdict.rules.evaluated)} rules "
        "evaluated. Each finding is in VERDICT.json and REPORT.html."
    )
    yield ""
    warned = [one for one in verdict.findings if one.status == "fail"]
    unjudged: dict[str, list[str]] = {}
    for one in verdict.findings:
        if one.status == "insufficient":
            unjudged.setdefault(one.rule, []).append(_place(one))
    limits = [f"{one.rule} ({_place(one)}) did not hold, a warning: {one.message}" for one in warned]
    limits += [f"{rule} could not be judged: {'; '.join(dict.fromkeys(at))}" for rule, at in unjudged.items()]
    limits += [f"{off.rule} was declared off ({off.domain or off.where})" for off in verdict.rules.off]
    if limits:
        yield "Its limits:"
        yield ""
        yield from (f"- {cell(limit)}" for limit in limits)
        yield ""


def _place(finding: Finding) -> str:
    where = finding.domain or "whole stage"
    return f"{where}, {finding.modality}" if finding.modality else where


def _reading() -> Iterator[str]:
    yield heading(2, "How to read it")
    yield ""
    yield "```python"
    yield "from anchor_pipeline import open_mix  # checks every file first"
    yield ""
    yield 'mix = open_mix(".")'
    yield ""
    yield "from datasets import load_dataset"
    yield ""
    yield 'data = load_dataset(".", split="train")'
    yield "```"
    yield ""


def _provenance(told: Told) -> Iterator[str]:
    record = told.record
    yield heading(2, "Where it comes from")
    yield ""
    rows = [
        (
            told.title(source),
            source.kind,
            source.documents,
            between(source.period),
            ", ".join(source.licences),
            source.steward,
            source.consent.basis if source.consent else "not stated",
            source.risk or "not stated",
        )
        for source in record.drawn
    ]
    heads = ("Source", "Kind", "Documents", "Collected", "Licences", "Steward", "Legal basis", "Risk class")
    yield table(heads, rows)
    if unused := [source.name for source in record.sources if not source.totals]:
        yield plain(f"Declared for this stage, and nothing was drawn from: {', '.join(unused)}.")
        yield ""
    yield plain(
        f"The selection has SHA-256 {record.verdict.digests.selection}; the mix digest is in MANIFEST.json. A release "
        "has no clock: its documents are dated by the end of the cycle."
    )
    yield ""
