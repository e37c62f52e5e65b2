"""Small releases with everything that a real one carries, and nothing of a real build."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from dataclasses import dataclass, field
from typing import Any

from anchor_pipeline.custody.canonical import b64, canonical_json
from anchor_pipeline.custody.merkle import leaf_hash, root_of
from anchor_pipeline_tests.custody.forge import Forge, data, key, sealed

STAGE = "pretrain"
ROOT = key("root").public.encoded()


DER = b"certificate"
PEM = b"-----BEGIN CERTIFICATE-----\n" + b64(DER).encode() + b"\n-----END CERTIFICATE-----\n"
BUILT = {
    "buildType": "https://anchor-pipeline.dev/custody/ingest/v1",
    "externalParameters": {},
    "resolvedDependencies": [],
}


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest_of(value: Any) -> str:
    return sha(canonical_json(value))


@dataclass
class World:
    """What a release is made from; change it, then `build`."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    credentials: list[dict[str, Any]] = field(default_factory=list)
    forge: Forge = field(default_factory=Forge)
    verdict: dict[str, Any] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)
    completion: dict[str, Any] = field(default_factory=dict)
    """Fields of the mix's completion that win."""
    authority: str | None = field(default_factory=lambda: sha(DER))
    changes: tuple[tuple[str, str], ...] = ()
    """Keys added and revoked after the release, as (action, identity)."""

    def __post_init__(self) -> None:
        shards = {"books": sha(b"shard of books"), "made": sha(b"shard of made")}
        for number in range(7):
            source = "made" if number % 3 == 2 else "books"
            self.documents.append(document(f"{source}/{number}", source, shards[source]))
        self.documents.append(document("books/ünïcode/𝔘", "books", shards["books"]))
        self.documents.sort(key=lambda one: one["doc_id"].encode())
        self.credentials = [credential(shards["books"]), sidecar(shards["made"])]

    def files(self) -> dict[str, bytes]:
        """The release's folder."""
        lines = [canonical_json(one) for one in self.documents]
        listed = {"count": len(lines), "root": root_of(leaf_hash(line) for line in lines).hex()}
        credentials = b"".join(
            canonical_json(one) + b"\n" for one in sorted(self.credentials, key=lambda c: c["shard"])
        )
        verdict = canonical_json({**_verdict(), **self.verdict})
        files = {
            "data/train-00000-of-00002.parquet": b"PAR1 first part PAR1",
            "data/train-00001-of-00002.parquet": b"PAR1 second part PAR1" * 100,
            "REPORT.html": b"<!DOCTYPE html>",
            "VERDICT.json": verdict,
        }
        manifest = encoded({**_manifest(files, listed), **self.manifest})
        bundle = {"count": len(self.credentials), "sha256": sha(credentials)}
        ledger = self.forge if self.forge.lines else self._steps(manifest, bundle)
        return {
            **files,
            "MANIFEST.json": manifest,
            "VERIFY.html": b"<!DOCTYPE html>",
            "custody/root.pub.json": ROOT,
            "custody/authority.pem": PEM,
            "custody/ledger.jsonl": ledger.data(),
            "custody/checkpoint": ledger.head().encode(),
            "custody/credentials.jsonl": credentials,
            "custody/documents.jsonl.gz": packed(lines),
        }

    def _steps(self, manifest: bytes, credentials: dict[str, Any]) -> Forge:
        """From raw files to the release, each step with intent and completion."""
        forge, made = self.forge, {}
        forge.genesis(authority=self.authority)
        for source in ("books", "made"):
            made[f"sources/{source}"] = [data(f"raw/{source}/{source}.jsonl", source, 8)]
        made["corpus"] = [data("sources/books", "sources/books", 12), data("sources/made", "sources/made", 12)]
        made[f"selection/{STAGE}"] = [data("corpus", "corpus", 12)]
        for step, inputs in made.items():
            forge.completion(forge.intent(step=step), step=step, inputs=inputs)
        outputs = [
            {"name": f"mix/{STAGE}", "digest": digest_in(manifest), "rows": 12},
            {"name": f"mix/{STAGE}/MANIFEST.json", "digest": sha(manifest), "rows": None},
        ]
        fields = {
            "inputs": [data(f"selection/{STAGE}", f"selection/{STAGE}", 12), data("corpus", "corpus", 12)],
            "outputs": outputs,
            "credentials": credentials,
            **self.completion,
        }
        forge.completion(forge.intent(step=f"mix/{STAGE}"), step=f"mix/{STAGE}", **fields)
        for action, identity in self.changes:
            new, old = (key(identity), None) if action == "add" else (None, key(identity).public)
            forge.change(action, new, old)
        return forge


def packed(lines: list[bytes]) -> bytes:
    """As `write_documents` packs a list."""
    return gzipped(b"".join(line + b"\n" for line in lines))


def gzipped(data: bytes) -> bytes:
    """With the header that lists of documents have; `gzip.compress` writes another."""
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", 6, buffer, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def document(doc_id: str, source: str, shard: str) -> dict[str, Any]:
    made = source == "made"
    return {
        "authorship": "synthetic" if made else "human",
        "collected_at": "2026-01-02T03:04:05.000000Z",
        "digest": sha(doc_id.encode()),
        "doc_id": doc_id,
        "generator": "small-model@1" if made else None,
        "kind": "synthetic" if made else "anchor",
        "licence": "CC-BY-4.0",
        "raw_file": f"{source}.jsonl",
        "raw_row": 1,
        "shard": shard,
        "source": source,
    }


def credential(shard: str, **changed: Any) -> dict[str, Any]:
    """A signed statement of provenance."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"shards/{shard}", "digest": {"sha256": shard}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": BUILT, "runDetails": {}},
        **changed,
    }
    return carried(canonical_json(sealed(canonical_json(statement), [key("pipeline")])), "in-toto", shard)


def sidecar(shard: str) -> dict[str, Any]:
    return carried(b"bytes of a C2PA manifest store", "c2pa", shard)


def carried(content: bytes, kind: str, shard: str) -> dict[str, Any]:
    return {"data": b64(content), "kind": kind, "sha256": sha(content), "shard": shard}


def encoded(manifest: dict[str, Any]) -> bytes:
    """With its digest in it."""
    content = {name: value for name, value in manifest.items() if name not in ("revision", "replaces", "digest")}
    return canonical_json({"digest": digest_of(content), **manifest})


def digest_in(manifest: bytes) -> str:
    return str(json.loads(manifest)["digest"])


def _verdict() -> dict[str, Any]:
    finding = {
        "rule": "synthetic_share", "stage": STAGE, "domain": None, "modality": "text", "status": "pass",
        "severity": "block", "observed": 0.25, "required": 1e-07, "comparator": "<=", "shortfall": 1.0,
        "message": "enough", "evidence": {"large": 1e22, "small": 0.0001, "whole": 123456.0},
    }  # fmt: skip
    return {
        "format": 1, "project": "assistant", "stage": STAGE, "cycle": "2026-11", "as_of": "2026-12-01T00:00:00+00:00",
        "status": "pass", "findings": [finding],
        "rules": {"declared": ["synthetic_share"], "evaluated": ["synthetic_share"], "off": [], "not_available": []},
        "digests": {"policy": "p", "selection": "s", "corpus": "c", "facts": "f", "previous_release": None},
    }  # fmt: skip


def _manifest(files: dict[str, bytes], documents: dict[str, Any]) -> dict[str, Any]:
    def entry(name: str) -> dict[str, Any]:
        return {"path": name, "sha256": sha(files[name]), "bytes": len(files[name])}

    parts = [{**entry(name), "rows": 6, "tokens": 60} for name in sorted(files) if name.startswith("data/")]
    share = {"tokens": 120, "documents": 12, "share": "1.000000"}
    return {
        "format": 2, "project": "assistant", "stage": STAGE, "cycle": "2026-11", "as_of": "2026-12-01T00:00:00+00:00",
        "written_by": "anchor-pipeline", "parts": parts,
        "files": [entry(name) for name in sorted(files) if not name.startswith("data/")], "rows": 12,
        "amounts": {"text": {"unit": "tokens", "tokens": 120, "documents": 12}},
        "shares": {"text": {"domain": {"general": share}}},
        "digests": {"policy": "p", "selection": "s", "corpus": "c", "verdict": sha(files["VERDICT.json"])},
        "documents": documents, "previous": None, "revision": 0, "replaces": None,
    }  # fmt: skip
