"""What several files say together: the shards that records name, the lines that shards hold, parents in a circle."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from anchor_pipeline.custody.release_files import NOTICE
from anchor_pipeline.lineage.validation.events import Claim
from anchor_pipeline.lineage.validation.formats import MOST_BYTES, read_json
from anchor_pipeline.lineage.validation.report import Report
from anchor_pipeline.lineage.validation.shards import Shard

_MOST_SHOWN = 8
_MOST_CIRCLES = 20


def check_lacking(shard: Shard, erased: Collection[str], report: Report) -> None:
    """Rows without content are wrong unless it was erased: as an erasure among the files says, or the release."""
    known = shard.digest in erased if shard.is_shard else _is_erased(Path(shard.file).parent.parent / NOTICE)
    if known:
        report.counts["documents whose content was erased"] += len(shard.lacking)
        return
    for place, wrong in shard.lacking:
        report.find(shard.file, place, wrong)


def _is_erased(notice: Path) -> bool:
    """Whether the notice beside a part says that content of its release was erased."""
    try:
        with notice.open("rb") as stream:
            return any(one.get("erased") is True for one in read_json(stream.read(MOST_BYTES))["recalls"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def compare_claims(shards: Mapping[str, Shard], claims: Mapping[str, Iterable[Claim]], report: Report) -> None:
    """Whether shards that were given are what events and snapshots say of them."""
    for digest, said in sorted(claims.items()):
        shard = shards.get(digest)
        for claim in said if shard is not None else ():
            assert shard is not None
            for name in ("rows", "tokens", "bytes"):
                stated, found = getattr(claim, name), getattr(shard, name)
                if stated != found:
                    what = f"says that shard {digest[:12]}… has {stated} {name}, but {shard.file} has {found}"
                    report.find(claim.file, claim.place, what)
    named = sum(digest in shards for digest in claims)
    if claims and shards:
        report.counts["shards compared with records"] += named
    if len(claims) > named:
        report.note("", "", f"{len(claims) - named} of the shards that events and snapshots name were not given")


def compare_line(line: Mapping[str, Any], file: str, place: str, shards: Mapping[str, Shard], report: Report) -> None:
    """Whether the shard that a line of documents names, if it was given, holds that document."""
    shard = shards.get(str(line["shard"]))
    if shard is None:
        return
    report.counts["lines compared with shards"] += 1
    digest = shard.documents.get(str(line["doc_id"]))
    if digest is None:
        report.find(file, place, f"{line['doc_id']!r} is not in its shard, {shard.file}")
    elif digest != line["digest"]:
        report.find(file, place, f"{line['doc_id']!r} has another digest in its shard, {shard.file}: {digest}")


def check_ancestry(shards: Iterable[Shard], report: Report) -> None:
    """Whether documents descend from themselves, and how many parents are not in the files given."""
    parents: dict[str, list[str]] = {}
    files: dict[str, str] = {}
    known: set[str] = set()
    for shard in shards:
        known.update(shard.documents)
        for id, named in shard.parents.items():
            parents.setdefault(id, []).extend(named)
            files.setdefault(id, shard.file)
    found, number = circles(parents)
    for circle in found:
        shown = [*circle[:_MOST_SHOWN], *(["…"] if len(circle) > _MOST_SHOWN else []), circle[0]]
        what = f"documents descend from themselves: {' <- '.join(shown)} ({len(circle)} documents)"
        report.find(files[circle[0]], "parents", what)
    if number > len(found):
        report.note("", "", f"{number - len(found)} more such circles are not shown")
    missing = sum(parent not in known for named in parents.values() for parent in named)
    if missing:
        report.note("", "", f"{missing} parents are in none of the files given; whether they exist was not checked")


def circles(parents: Mapping[str, Iterable[str]]) -> tuple[list[list[str]], int]:
    """The first circles of more than one document, and how many were met on the way.

    At least one is met in each set of documents that descend from each other. Depth first with a stack of its own, so
    that a long line of ancestors costs its length and nothing else.
    """
    done: set[str] = set()
    found: list[list[str]] = []
    number = 0
    for start in sorted(parents):
        if start in done:
            continue
        way, place = [start], {start: 0}
        ahead = [iter(sorted(set(parents[start])))]
        while ahead:
            parent = next(ahead[-1], None)
            if parent is None:
                last = way.pop()
                done.add(last)
                del place[last]
                ahead.pop()
            elif parent in place:
                # Itself alone is told where the row is checked.
                if place[parent] < len(way) - 1:
                    number += 1
                    if len(found) < _MOST_CIRCLES:
                        found.append(way[place[parent] :])
            elif parent not in done and parent in parents:
                place[parent] = len(way)
                way.append(parent)
                ahead.append(iter(sorted(set(parents[parent]))))
    return found, number
