"""A project with shards of people and of models in its store, and those who sign for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anchor_pipeline.corpus.snapshot import SourceSnapshot, read_snapshot
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.custody.credentials.authority import begin_authority, leaf_of, read_authority
from anchor_pipeline.custody.credentials.keep import Check, CredentialRef, credential_check, ensure_credentials
from anchor_pipeline.custody.credentials.shards import ShardRecord, credential_name, shard_records
from anchor_pipeline.custody.credentials.trust import Trust
from anchor_pipeline.custody.keys import PrivateKey, PublicKey
from anchor_pipeline.project import Project, load_project
from anchor_pipeline_tests.documents import document, snapshot_of

RUN = "0192f0c1-1111-7000-8000-000000000001"

GENERATOR = {"name": "scribe", "version": "2", "seed": "7", "temperature": "0.8", "decoding": "nucleus 0.9"}

DECLARATION: dict[str, Any] = {
    "project": "tests",
    "seed": 1,
    "cycle": {"cadence": "yearly", "start": "2015-01-01"},
    "domains": {"d": {}},
    "sources": {
        "people": {
            "kind": "licensed", "domain": "d", "uri": "p.jsonl", "steward": "ann@example.org",
            "fields": {"licence": "CC0-1.0"},
        },
        "drafts": {
            "kind": "synthetic", "domain": "d", "uri": "d.jsonl",
            "generator": {**GENERATOR, "prompt_template": "Continue: {text}", "family": "unknown"},
        },
        "rewrites": {
            "kind": "synthetic", "domain": "d", "uri": "r.jsonl", "generator": {"name": "echo"},
        },
    },
    "stages": {"main": {"tokens": "1M", "domains": {"d": 1.0}}},
}  # fmt: skip


def trusting(public: PublicKey, authority: bytes | None) -> Trust:
    """Trust in one key and one authority."""
    return Trust(lambda keyid: public if keyid == public.id else None, authority)


def key_folder(folder: Path) -> Path:
    begin_authority(folder, "example.org/tests")
    return folder


@dataclass
class Place:
    """`people` has two shards; `drafts` was made from the first of them, and `rewrites` from both sources."""

    folder: Path
    keys: Path
    pipeline: PrivateKey = field(default_factory=lambda: PrivateKey.generate("pipeline"))

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.declare(DECLARATION)
        self.store = Store(self.folder / "store")
        self.trust = trusting(self.pipeline.public, read_authority(self.keys))
        snapshot_of(self.store, "people", (document("people", str(at)) for at in range(8)), shard_rows=4)
        written = {"kind": "synthetic", "authorship": "synthetic", "generator": "scribe@2"}
        rows = [document("drafts", str(at), parents=[f"people/{at}"], **written) for at in range(4)]
        snapshot_of(self.store, "drafts", rows)
        parents = ["drafts/1", "7", "people/none"]
        snapshot_of(self.store, "rewrites", [document("rewrites", "a", parents=parents, **written)])

    def declare(self, declaration: dict[str, Any]) -> Project:
        (self.folder / "project.yaml").write_text(json.dumps(declaration))
        self.project = load_project(self.folder)
        return self.project

    def snapshot(self, source: str) -> SourceSnapshot:
        found = read_snapshot(self.store, source)
        assert found is not None
        return found

    def shards(self, source: str) -> list[str]:
        return self.snapshot(source).shards

    def record(self, source: str) -> ShardRecord:
        return shard_records(self.project, self.snapshot(source))[0]

    def ensure(self, source: str, leaf: Callable[[], Any] | None = None) -> list[CredentialRef]:
        make = leaf or (lambda: leaf_of(self.keys))
        return ensure_credentials(self.project, self.snapshot(source), self.store, self.trust, self.pipeline, make, RUN)

    def ensure_all(self) -> list[CredentialRef]:
        return [ref for source in ("people", "drafts", "rewrites") for ref in self.ensure(source)]

    def check(self, trust: Trust | None = None) -> Check:
        return credential_check(self.project, self.store, trust or self.trust)

    def problems(self, sources: Iterable[str] = ("people", "drafts", "rewrites"), **other: Any) -> dict[str, str]:
        return self.check(**other)({shard: source for source in sources for shard in self.shards(source)})

    def sidecar(self, source: str) -> bytes:
        return self.store.read(credential_name(self.shards(source)[0], "c2pa"))

    def content(self, source: str) -> bytes:
        return self.store.local_shard(self.shards(source)[0]).read_bytes()


def other_generator(record: ShardRecord) -> ShardRecord:
    return replace(record, generator={"name": "another"})
