"""What is told of a dataset beside its name, digest and size: terms, generator, shards, shares, verdict, origin.

Plain values, in the words of the declaration; lineage/own_facets.py and lineage/dataset_facets.py write them into
events. What is None or empty is unknown, and nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SourceTerms:
    """How we came by a source and on what terms, as declared."""

    kind: str
    licence: str | None = None
    """Declared for all documents, an SPDX expression."""
    licence_column: str | None = None
    """Or the raw column that names it, document by document."""
    expires: str | None = None
    """Last day of the licence, ISO 8601."""
    uses: tuple[str, ...] | None = None
    """Permitted uses; None: not declared."""
    consent_basis: str | None = None
    scrubbed: bool | None = None
    risk: str | None = None
    signed_off: bool | None = None


@dataclass(frozen=True)
class GeneratorDetails:
    """The model that wrote a synthetic source, and how it was run, as declared."""

    name: str
    version: str | None = None
    family: str | None = None
    seed: str | None = None
    temperature: str | None = None
    decoding: str | None = None
    prompt_template: str | None = None
    fitted_on: str | None = None
    """The dataset that a generator of this package was fitted on."""


@dataclass(frozen=True)
class ShardDetails:
    """A shard: SHA-256 of the file, and the sums of its rows."""

    digest: str
    rows: int
    tokens: int
    bytes: int


@dataclass(frozen=True)
class ShardList:
    """The shards of a snapshot, sorted by digest, each once."""

    shards: tuple[ShardDetails, ...]
    masked: int = 0
    """Pairs of a shard and a raw file whose rows no longer count."""
    snapshot: str | None = None
    """Where in the store the whole list lies."""


@dataclass(frozen=True)
class ShareDetails:
    """How much of a modality has `value` in column `dimension`."""

    modality: str
    dimension: str
    value: str
    tokens: int
    documents: int
    share: str
    """tokens / tokens of the modality: a decimal fraction with six places."""


@dataclass(frozen=True)
class VerdictDetails:
    """The verdict on a selection, by what and on what."""

    status: str
    digest: str
    policy: str
    selection: str
    corpus: str
    facts: str
    previous_release: str | None
    passed: int
    failed: int
    insufficient: int
    refusing: tuple[str, ...]
    """Rules with a finding that refuses, sorted."""
    off: tuple[str, ...]
    """Rules that are declared off everywhere, sorted."""
    not_available: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """A dataset, or a column of one, that something was made from."""

    dataset: str
    column: str | None = None
    type: str = "DIRECT"
    """DIRECT: the value comes from there. INDIRECT: it decided which rows there are, or in which order."""
    subtype: str = "IDENTITY"
    description: str | None = None


@dataclass(frozen=True)
class Details:
    """Everything that is told of a dataset beyond its size."""

    description: str = ""
    owner: str | None = None
    layer: str | None = None
    """What holds its files: `file` for a folder, or the scheme of its URLs, such as s3."""
    format: str | None = None
    """Of its files: parquet, jsonl, csv, …"""
    tags: Mapping[str, str] = field(default_factory=dict)
    terms: SourceTerms | None = None
    generator: GeneratorDetails | None = None
    shards: ShardList | None = None
    shares: tuple[ShareDetails, ...] = ()
    verdict: VerdictDetails | None = None
    made_from: tuple[Origin, ...] | None = None
    """Whole datasets; an empty tuple says that nothing is known upstream."""
    columns_from: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)
    """By column, what its values were made from."""
    chosen_by: tuple[Origin, ...] = ()
    """Columns that decided which rows there are and in which order."""


NOTHING = Details()
