"""What there is to say of a shard: from the declaration of its source, and the raw files that it was made from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from anchor_pipeline.corpus.snapshot import RawFile, SourceSnapshot, Unit, canonical_digest
from anchor_pipeline.project import Project
from anchor_pipeline.project.source import FieldSpec, Generator, Source

Kind = Literal["in-toto", "c2pa"]

DECLARED = ("source", "kind", "domain", "modality", "licence", "steward")
"""What credentials repeat of the declaration of a source."""

MOST_NAMED = 100
"""Files, or parents, that are named one by one; of more only their sum is told."""

_MOST_NAMES = 20_000
"""Characters of all names together: an envelope holds 65,535 bytes."""

_SUFFIX: dict[Kind, str] = {"in-toto": "intoto.json", "c2pa": "c2pa"}
_STATED_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class ShardRecord:
    """A shard, and what its credential has to say."""

    digest: str
    source: str
    declared: dict[str, Any]
    """DECLARED; what is not declared is absent."""
    raw: tuple[tuple[str, str], ...]
    """Name and SHA-256 of the raw files whose rows it holds, those that are still as they were."""
    whole: bool
    """Whether these are all of them: none has changed or vanished since."""
    generator: dict[str, str] | None
    """What wrote it, as declared."""

    @property
    def kind(self) -> Kind:
        """Of its credential: C2PA for what a model wrote."""
        return kind_of(str(self.declared["kind"]))


def kind_of(source_kind: str) -> Kind:
    """Which credential the shards of a source get."""
    return "c2pa" if source_kind == "synthetic" else "in-toto"


def credential_name(shard: str, kind: Kind) -> str:
    """Where the store keeps a credential."""
    return f"custody/credentials/{shard[:2]}/{shard}.{_SUFFIX[kind]}"


def shard_records(project: Project, snapshot: SourceSnapshot) -> list[ShardRecord]:
    """A record for every shard of a source, sorted by digest."""
    source = project.sources[snapshot.source]
    declared = _declared(snapshot.source, source)
    generator = generator_record(source.generator) if source.generator is not None else None
    files = {(file.unit, file.path): file for file in snapshot.files}
    units: dict[str, list[Unit]] = {}
    for unit in snapshot.units:
        for shard in unit.shards:
            units.setdefault(shard.digest, []).append(unit)
    records = []
    for digest, of in sorted(units.items()):
        known = [files.get((unit.id, path)) for unit in of for path in unit.files]
        raw = _named(snapshot.source, [file for file in known if file is not None])
        records.append(ShardRecord(digest, snapshot.source, declared, raw, None not in known, generator))
    return records


def dependencies(source: str, raw: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Raw files as in-toto resource descriptors; of too many their number and the digest of their list."""
    if len(raw) <= MOST_NAMED and sum(len(name) for name, _ in raw) <= _MOST_NAMES:
        return [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in raw]
    digest = canonical_digest([list(one) for one in raw])
    return [{"name": f"raw/{source}", "digest": {"sha256": digest}, "annotations": {"files": len(raw)}}]


def same_dependencies(found: Any, record: ShardRecord) -> bool:
    """Whether a credential names the raw files of the record. It may name more, whose rows do not count any longer."""
    expected = dependencies(record.source, record.raw)
    if record.whole or not isinstance(found, list):
        return bool(found == expected)
    summed = any(isinstance(one, dict) and "annotations" in one for one in (*found, *expected))
    return summed or all(one in found for one in expected)


def generator_record(generator: Generator) -> dict[str, str]:
    """The declared generator as credentials have it: what is unknown is absent, a prompt template is its digest.

    A template declared as `sha256:<64 hexadecimal digits>` is that digest itself.
    """
    declared = generator.model_dump(mode="json")
    template = declared.pop("prompt_template")
    record = {name: str(value) for name, value in declared.items() if value not in (None, _UNKNOWN)}
    if template not in (None, _UNKNOWN):
        stated = _STATED_DIGEST.fullmatch(template)
        record["prompt_template_sha256"] = stated[1] if stated else hashlib.sha256(template.encode()).hexdigest()
    return record


def _declared(name: str, source: Source) -> dict[str, Any]:
    domain = source.domain.name if source.domain.name is not None else {"column": source.domain.column}
    licence = _field(source.fields.licence)
    values = (name, source.kind, domain, source.modality, licence, source.steward)
    declared = dict(zip(DECLARED, values, strict=True))
    return {key: value for key, value in declared.items() if value is not None}


def _field(spec: FieldSpec | None) -> str | dict[str, str | None] | None:
    if spec is None:
        return None
    return spec.constant if spec.constant is not None else {"column": spec.column}


def _named(source: str, files: Sequence[RawFile]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted({(f"raw/{source}/{file.path}", file.sha256) for file in files}))
