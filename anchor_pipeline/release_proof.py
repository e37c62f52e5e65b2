"""What proves a release: its list of documents before it is written, and what it carries once the ledger knows it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from anchor_pipeline.custody.bundle import Bundle, has_bundle, write_bundle
from anchor_pipeline.custody.credentials.authority import read_authority
from anchor_pipeline.custody.document_lines import FIELDS
from anchor_pipeline.custody.documents import DocumentsRoot, lines_of_documents, write_documents
from anchor_pipeline.mix.manifest import Documents
from anchor_pipeline.mix.release import Release, cycle_folder
from anchor_pipeline.rules.evidence import Evidence
from anchor_pipeline.workplace import Workplace


@dataclass(frozen=True)
class ReleaseProof:
    """What is known before the release, for the manifest and for the ledger."""

    documents: DocumentsRoot
    listed: Path
    """The list of documents."""
    bundle: bytes
    """The list of the credentials of the shards that documents came from."""
    credentials: dict[str, int | str]
    """How many they are, and the SHA-256 of that list: what the ledger is told is what the release carries."""

    @property
    def manifested(self) -> Documents:
        """What the manifest says of the documents."""
        return Documents(count=self.documents.count, root=self.documents.root)


def proof_of(place: Workplace, evidence: Evidence, listed: Path) -> ReleaseProof | None:
    """The proof of what is about to be released, its list at `listed`; None if the project declares no custody."""
    if place.custodian is None:
        return None
    from anchor_pipeline.custody.credentials.bundle import bundle_of
    from anchor_pipeline.custody.credentials.keep import refs_of

    documents = write_documents(lines_of_documents(_documents(evidence)), listed)
    shards = evidence.selected.select("shard").unique().sort("shard").collect()["shard"]
    refs = refs_of(place.store, shards)
    bundle = bundle_of(refs, place.store)
    summary: dict[str, int | str] = {"count": len(refs), "sha256": hashlib.sha256(bundle).hexdigest()}
    return ReleaseProof(documents, listed, bundle, summary)


def carry(place: Workplace, release: Release, proof: ReleaseProof) -> None:
    """Put the proof into the release, unless it carries one: what is released stays as it is."""
    from anchor_pipeline.custody.verifier.page import verifier_page

    manifest = release.manifest
    folder = f"{cycle_folder(manifest.stage, manifest.cycle)}/{manifest.revision:04d}"
    if place.custodian is None or has_bundle(place.store, folder):
        return
    bundle = Bundle(proof.listed, proof.bundle, read_authority(place.custodian.keys.folder), verifier_page())
    write_bundle(place.store, folder, place.custodian.ledger, place.custodian.signer, bundle)


def _documents(evidence: Evidence) -> pl.LazyFrame:
    """The documents drawn, each once, with where they were read."""
    drawn = evidence.selected.select("doc_id").unique()
    kept = pl.scan_parquet(evidence.documents, glob=False).filter(pl.col("status") == "kept")
    return kept.join(drawn, on="doc_id", how="semi").select(FIELDS)
