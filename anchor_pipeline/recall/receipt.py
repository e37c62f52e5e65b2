"""The receipt of a recall: what was decided, what it affects, what took the place of that, and where it is on record.

Canonical JSON, and the same in Markdown for people. It has digests and names, and no content.
"""

from __future__ import annotations

from typing import Any

from anchor_pipeline.corpus.recalls import plain
from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.recall.compare import Replacement
from anchor_pipeline.recall.settle import Settled

FORMAT = 1


def receipt(settled: Settled, ledger: dict[str, Any] | None) -> dict[str, Any]:
    """The receipt; `ledger` says by which entry the recall is on record, None where no ledger is kept."""
    record, lift = settled.kept.record, settled.kept.lift
    return {
        "format": FORMAT,
        "recall": record.id,
        "record": record.digest,
        "project": record.project,
        "what": record.what.model_dump(mode="json"),
        "action": record.action,
        "weight": record.weight,
        "reason": record.reason,
        "at": record.at,
        "by": record.by,
        "tombstones": record.tombstones.model_dump(mode="json"),
        "releases": [
            {**one.model_dump(mode="json"), "replaced_by": None if by is None else _replaced(by)}
            for one, by in zip(settled.releases, settled.replaced, strict=True)
        ],
        "exports": [one.model_dump(mode="json") for one in settled.exports],
        "ledger": ledger,
        "lifted": None if lift is None else {"reason": lift.reason, "at": lift.at, "by": lift.by},
    }


def encoded(told: dict[str, Any]) -> bytes:
    """The bytes of the JSON file."""
    return canonical_json(told)


def in_markdown(told: dict[str, Any]) -> bytes:
    """For people. Names that anybody may have given are shown as they are, in code."""
    what, ledger, lifted = told["what"], told["ledger"], told["lifted"]
    lines = [
        f"# {_TITLES[told['action']]} {told['recall']}",
        "",
        f"- **What**: {what['by']} {_code(what['value'])}",
        f"- **Why**: {_text(told['reason'])}",
        f"- **Decided**: {told['at']}, by {_text(told['by'])}, in project {_text(told['project'])}",
        f"- **Tombstones**: {told['tombstones']['count']:,} content digests, list SHA-256 "
        f"`{told['tombstones']['sha256']}`",
        f"- **Record**: SHA-256 `{told['record']}`",
        "- **On record**: " + (_entry(ledger) if ledger else "no ledger is kept by this project"),
    ]
    if told["weight"] is not None:
        lines.append(f"- **Weight**: {told['weight']} of its documents may still be drawn")
    if lifted is not None:
        lines.append(f"- **Lifted**: {lifted['at']}, by {_text(lifted['by'])}: {_text(lifted['reason'])}")
    if told["releases"]:
        lines += ["", "## Releases that hold such documents", "", *_HEAD, *(_row(one) for one in told["releases"])]
    if told["exports"]:
        lines += ["", "## Exports of these releases", ""]
        lines += [
            f"- {_code(one['name'])} at {_code(one['uri'] or 'unknown')}, of mix `{one['release']}`"
            for one in told["exports"]
        ]
    return ("\n".join(lines) + "\n").encode(errors="replace")


_TITLES = {"recall": "Recall", "quarantine": "Quarantine", "weight": "Down-weighting"}
_HEAD = (
    "| release | mix digest | documents | tokens | replaced by | kept | recalled | other removed | added |",
    "|---|---|---|---|---|---|---|---|---|",
)


def _row(one: dict[str, Any]) -> str:
    by = one["replaced_by"]
    tokens = ", ".join(f"{modality} {number:,}" for modality, number in one["tokens"].items())
    cells = [
        f"{one['stage']} {one['cycle']} revision {one['revision']}",
        f"`{one['digest']}`",
        f"{one['documents']:,}",
        tokens,
    ]
    if by is None:
        cells += ["nothing yet", "", "", "", ""]
    else:
        numbers = [by["kept"], by["recalled"], by["removed"], by["added"]]
        cells += [f"revision {by['revision']} `{by['digest']}`", *(f"{number:,}" for number in numbers)]
    return f"| {' | '.join(cells)} |"


def _replaced(by: Replacement) -> dict[str, Any]:
    return {
        "revision": by.revision,
        "digest": by.digest,
        "kept": by.kept,
        "recalled": by.recalled,
        "removed": by.removed,
        "added": by.added,
        "policy_changed": by.policy_changed,
    }


def _entry(ledger: dict[str, Any]) -> str:
    return f"entry {ledger['entry']} of ledger {_text(ledger['origin'])}, leaf `{ledger['leaf']}`"


def _text(text: str) -> str:
    """Text that Markdown and HTML show as it is."""
    shown = plain(text)
    for one in "\\`*_{}[]()#+-.!|~":
        shown = shown.replace(one, f"\\{one}")
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(text: str) -> str:
    """The same as code: a backtick would end it, a bar would end a cell."""
    return f"`{plain(text).replace('`', chr(39)).replace('|', '¦')}`"
