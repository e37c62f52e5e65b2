"""Plans, recalls and traces as lines of text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from anchor_pipeline.corpus.document import AMOUNT_SCALE, AMOUNT_UNITS
from anchor_pipeline.corpus.recalls import plain
from anchor_pipeline.recall.plan import Plan
from anchor_pipeline.recall.trace import Trace

_MOST_TOLD = 20
_VERBS = {"recall": "recall", "quarantine": "quarantine", "weight": "down-weight"}


def plan_json(plan: Plan) -> dict[str, Any]:
    """What a plan says, for programs."""
    found = plan.found
    return {
        "what": plan.target.model_dump(mode="json"),
        "action": plan.action,
        "weight": plan.weight,
        "reason": plan.reason,
        "documents": found.documents,
        "contents": len(found.digests),
        "tokens": found.tokens,
        "sources": found.sources,
        "releases": [one.model_dump(mode="json") for one in found.releases],
        "exports": [one.model_dump(mode="json") for one in found.exports],
        "rebuild": [
            {
                "stage": one.stage,
                "cycle": one.cycle,
                "revision": one.revision,
                "rows": one.rows,
                "bytes": one.bytes,
                "tokens": one.tokens,
            }
            for one in plan.rebuilds
        ],
    }


def plan_lines(plan: Plan) -> list[str]:
    """What a plan says, for people."""
    found = plan.found
    lines = [
        f"{_VERBS[plan.action]} {plan.target}: {counted(found.documents, 'document')}, {_amounts(found.tokens)}",
        *(f"  {number:,} of source {plain(source)}" for source, number in found.sources.items()),
    ]
    if not found.documents:
        lines.append("  none so far; what comes later stays out")
    if plan.action == "weight":
        lines.append(f"  {plan.weight} of them may still be drawn, the same ones in every cycle")
    if plan.action != "recall":
        held = counted(len(found.releases), "release")
        lines.append(f"such documents are in {held}, which stay as they are; `anchor recall` would recall them")
        return lines
    lines.append(f"held by {counted(len(found.releases), 'release')}{':' if found.releases else ''}")
    current = {(one.stage, one.cycle, one.revision) for one in plan.rebuilds}
    for one in found.releases:
        state = "current" if (one.stage, one.cycle, one.revision) in current else "superseded"
        lines.append(
            f"  {one.stage} {one.cycle} revision {one.revision} ({state}): {counted(one.documents, 'document')}, "
            f"{_amounts(one.tokens)}; mix {one.digest[:16]}…"
        )
    lines.append(f"{counted(len(found.exports), 'recorded export')} of these{':' if found.exports else ''}")
    lines += [f"  {plain(one.name)} at {plain(one.uri or 'an unknown place')}" for one in found.exports]
    lines += _rebuild_lines(plan)
    return lines


def _rebuild_lines(plan: Plan) -> Iterator[str]:
    if not plan.rebuilds:
        yield "nothing has to be built again"
        return
    rows, size = sum(one.rows for one in plan.rebuilds), sum(one.bytes for one in plan.rebuilds)
    written = f"{len(plan.rebuilds)} of the mixes, {rows:,} rows, {size / 1e6:,.2f} MB to write"
    yield f"to build again: {written}; no source is read again, shards and facts stay"
    for one in plan.rebuilds:
        yield f"  {one.stage} {one.cycle}: does without {_amounts(one.tokens)}, or finds others"


def status_lines(recalls: list[dict[str, Any]], with_ledger: bool) -> Iterator[str]:
    """What became of every recall."""
    if not recalls:
        yield "no recalls"
    for one in recalls:
        what = one["what"]
        state = "stands" if one["lifted"] is None else f"lifted {one['lifted']['at']}: {one['lifted']['reason']}"
        yield f"{one['recall']}  {one['action']} of {what['by']} {plain(what['value'], 200)}  ({state})"
        yield f"  {one['reason']} ({one['by']}, {one['at']}); {counted(one['tombstones']['count'], 'content')}"
        if with_ledger:
            yield f"  {_in_ledger(one)}"
        if one["erased"] is not None:
            yield f"  {one['erased']['state']}"
            if with_ledger:
                yield f"    {_in_ledger(one['erased'])}"
        for release in one["releases"]:
            yield f"  {_release_line(release)}"
        for export in one["exports"]:
            place = plain(export["uri"] or "an unknown place")
            yield f"  export {plain(export['name'])} at {place}: tell whoever has it"
        for folder in one["notices_put_back"]:
            yield f"  notice put into {folder}"


def _in_ledger(one: Mapping[str, Any]) -> str:
    entry = one["ledger"]
    if entry is None:
        return "NOT in the ledger: whoever wrote this record did not go through `anchor recall`, or was killed over it"
    if entry["record"] != one["record"]:
        return f"NOT the record of ledger entry {entry['entry']}, which names {entry['record']}"
    return f"ledger {entry['origin']}, entry {entry['entry']}"


def _release_line(release: Mapping[str, Any]) -> str:
    name = f"{release['stage']} {release['cycle']} revision {release['revision']}"
    by = release["replaced_by"]
    if by is None:
        return f"{name}: recalled, not replaced yet; build it again"
    policy = "; the rules were changed as well" if by["policy_changed"] else ""
    kept = counted(by["kept"], "document")
    return (
        f"{name}: replaced by revision {by['revision']}: {kept} kept, {by['recalled']:,} recalled, "
        f"{by['removed']:,} others left out, {by['added']:,} added{policy}"
    )


def trace_lines(found: Trace) -> Iterator[str]:
    """The way of a document."""
    yield f"{plain(found.doc_id)}"
    for one in found.recorded:
        maker = one["generator"] or one["authorship"]
        source = f"source {one['source']} ({one['kind']})"
        yield f"  read from {plain(one['raw_file'] or '?')}, record {one['raw_row']}, as {source}"
        size = _amounts({one["modality"]: one["tokens"]})
        yield f"    by {plain(maker)}, collected {one['collected_at']}, licence {one['licence']}, {size}"
        yield f"    content {one['digest']}, shard {one['shard'][:16]}… row {one['shard_row']}"
    for one in found.copies[:_MOST_TOLD]:
        yield f"  same content as {plain(one['doc_id'])}"
    for one in found.snapshots:
        yield f"  in source {one['source']}, state {one['digest'][:16]}…{'' if one['latest'] else ' (an earlier one)'}"
    for one in found.ancestors[:_MOST_TOLD]:
        by = f", by {plain(one['generator'])}" if one["generator"] else ""
        sure = "" if one["certain"] else " (possibly)"
        yield f"  made from {plain(one['doc_id'])}, {one['distance']} back{by}{sure}"
    for parent in found.dangling[:_MOST_TOLD]:
        yield f"  made from {plain(parent)}, of which nothing is recorded"
    for one in found.corpus:
        why = f" ({one['reason']})" if one["reason"] else ""
        copy = f", copy of {plain(one['duplicate_of'])}" if one["duplicate_of"] else ""
        yield f"  corpus {one['cycle']}: {one['status']}{why}{copy}"
    for one in found.releases:
        old = ", superseded" if one["superseded"] else ""
        name = f"{one['stage']} {one['cycle']} revision {one['revision']}"
        yield f"  mix {name}: {one['passes']} times, {one['tokens']:,} tokens{old}"
    for one in found.exports:
        yield f"  export {plain(one['name'])} at {plain(one['uri'] or 'an unknown place')}"
    for one in found.recalls:
        erased = f"; its content was erased {one['erased']}" if one["erased"] else ""
        yield f"  {one['action']} {one['id']} ({plain(one['what'])}): {one['reason']}{erased}"
    for what, listed in (("copies", found.copies), ("ancestors", found.ancestors), ("unknown parents", found.dangling)):
        if len(listed) > _MOST_TOLD:
            yield f"  … and {len(listed) - _MOST_TOLD:,} more {what}; --json lists them all"


def _amounts(tokens: Mapping[str, int]) -> str:
    """Amounts by modality, in its unit: text in tokens, images in samples, sounds in seconds, tables in rows."""
    told = [
        f"{number / AMOUNT_SCALE.get(name, 1):,.10g} {AMOUNT_UNITS.get(name, 'tokens')} of {name}"
        for name, number in sorted(tokens.items())
    ]
    return ", ".join(told) or "nothing"


def counted(number: int, what: str) -> str:
    """Such as `1 row`, `2,000 rows`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
