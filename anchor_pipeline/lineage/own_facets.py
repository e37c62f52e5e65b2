"""Our own facets: what the standard has no words for. Their schemas are in schemas/, told in docs/spec/lineage.md.

Named by the standard's rules for custom facets (spec/OpenLineage.md, "Custom Facet Naming"): key `{prefix}_{name}`,
schema `{Prefix}{Name}{Entity}Facet`. What is unknown is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from anchor_pipeline.details import Details, GeneratorDetails, ShardList, ShareDetails, SourceTerms, VerdictDetails
from anchor_pipeline.lineage.naming import namespace_of, without_secrets
from anchor_pipeline.lineage.producer import PRODUCER, schema_url
from anchor_pipeline.observer import LedgerEntry

MOST_SHARDS_LISTED = 1000
"""Of more shards an event gives the number, the sums and the digest of the list, and says where the list lies."""


def own_dataset_facets(details: Details, project: str) -> dict[str, Any]:
    """Our facets of a dataset, by key."""
    found = {
        "anchor_sourceTerms": _terms(details.terms),
        "anchor_generator": _generator(details.generator, project),
        "anchor_shards": _shards(details.shards),
        "anchor_shares": _shares(details.shares),
        "anchor_verdict": _verdict(details.verdict),
    }
    return {key: facet for key, facet in found.items() if facet is not None}


def own_run_facets(entries: Sequence[LedgerEntry]) -> dict[str, Any]:
    """Our facets of a run: what the ledger of custody holds of it."""
    if not entries:
        return {}
    told = [{"kind": entry.kind, "index": entry.index, "leafHash": entry.leaf} for entry in entries]
    return {"anchor_custodyEntry": _facet("AnchorCustodyEntryRunFacet", {"ledger": entries[0].ledger, "entries": told})}


def list_digest(shards: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 of a list of shards: of lines `digest rows tokens bytes`, sorted, each ended by a line feed."""
    lines = sorted(f"{one['digest']} {one['rows']} {one['tokens']} {one['bytes']}\n" for one in shards)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _facet(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in content.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": schema_url(name), **known}


def _terms(terms: SourceTerms | None) -> dict[str, Any] | None:
    if terms is None:
        return None
    consent = {"basis": terms.consent_basis, "scrubbed": terms.scrubbed}
    content = {
        "kind": terms.kind,
        "licence": terms.licence,
        "licenceField": terms.licence_column,
        "expires": terms.expires,
        "uses": None if terms.uses is None else list(terms.uses),
        "consent": consent if terms.consent_basis is not None else None,
        "risk": terms.risk,
        "signedOff": terms.signed_off,
    }
    return _facet("AnchorSourceTermsDatasetFacet", content)


def _generator(generator: GeneratorDetails | None, project: str) -> dict[str, Any] | None:
    if generator is None:
        return None
    decoding = {
        "seed": generator.seed,
        "temperature": generator.temperature,
        "method": generator.decoding,
        "promptTemplate": without_secrets(generator.prompt_template) if generator.prompt_template else None,
    }
    known = {key: value for key, value in decoding.items() if value is not None}
    fitted = {"namespace": namespace_of(project), "name": generator.fitted_on} if generator.fitted_on else None
    content = {
        "name": generator.name,
        "version": generator.version,
        "family": generator.family,
        "decoding": known or None,
        "fittedOn": fitted,
    }
    return _facet("AnchorGeneratorDatasetFacet", content)


def _shards(shards: ShardList | None) -> dict[str, Any] | None:
    if shards is None:
        return None
    listed = [asdict(shard) for shard in shards.shards]
    short = len(listed) <= MOST_SHARDS_LISTED
    content = {
        "count": len(listed),
        "rows": sum(shard.rows for shard in shards.shards),
        "tokens": sum(shard.tokens for shard in shards.shards),
        "bytes": sum(shard.bytes for shard in shards.shards),
        "digest": list_digest(listed),
        "masked": shards.masked,
        "shards": listed if short else None,
        "list": shards.snapshot,
    }
    return _facet("AnchorShardsDatasetFacet", content)


def _shares(shares: Sequence[ShareDetails]) -> dict[str, Any] | None:
    return _facet("AnchorSharesDatasetFacet", {"shares": [asdict(one) for one in shares]}) if shares else None


def _verdict(verdict: VerdictDetails | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    content = {
        "status": verdict.status,
        "digest": verdict.digest,
        "policy": verdict.policy,
        "selection": verdict.selection,
        "corpus": verdict.corpus,
        "facts": verdict.facts,
        "previousRelease": verdict.previous_release,
        "findings": {"pass": verdict.passed, "fail": verdict.failed, "insufficient": verdict.insufficient},
        "refusing": list(verdict.refusing),
        "off": list(verdict.off),
        "notAvailable": list(verdict.not_available),
    }
    return _facet("AnchorVerdictDatasetFacet", content)
