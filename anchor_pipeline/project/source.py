"""A declared source: where data come from, how we came by them, and on what terms."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from anchor_pipeline.project.base import Day, Model, Number, Share, Size
from anchor_pipeline.project.disclosure import SourceDisclosure
from anchor_pipeline.project.policy import Risk
from anchor_pipeline.project.yaml_lines import typed

Kind = Literal["licensed", "enterprise", "anchor", "synthetic"]
Modality = Literal["text", "image", "audio", "table"]
Format = Literal["parquet", "jsonl", "csv", "text", "arrow", "images", "audio"]

_GENERATED_FIELDS = ("id", "text", "parents", "collected_at", "licence", "generator")


class FieldSpec(Model):
    """Where a document field comes from: a column of the file, or a constant for all rows."""

    shorthand = "constant"
    constant: str | None = None
    column: str | None = None
    """Name of the column in the file."""
    format: str | None = None
    """For dates: how they are written, in strptime's terms, such as %d-%b-%Y. Default ISO 8601."""
    unit: Literal["s", "ms", "us"] | None = None
    """For dates given as numbers: since 1970-01-01T00:00Z, in this unit."""
    separator: str | None = None
    """For lists (`parents`) given as one string: what stands between the items."""

    @model_validator(mode="after")
    def _one_of_both(self) -> FieldSpec:
        if (self.column is None) == (self.constant is None):
            raise ValueError("write either a constant, or {column: NAME}")
        return self


class Fields(Model):
    """Which fields a document takes from the file, and how."""

    id: FieldSpec | None = None
    """Identifies the document within its source. Default: the digest of its content, or the path in a folder."""
    text: FieldSpec | None = None
    """The text. Default: the column `text`."""
    payload: FieldSpec | None = None
    """Bytes of an image or sound held in a column."""
    collected_at: FieldSpec | None = None
    """When the document was collected: a date or date and time, UTC unless it says otherwise."""
    authorship: FieldSpec | None = None
    """human, human_edited, synthetic or unknown. Default: synthetic for synthetic sources, unknown otherwise."""
    licence: FieldSpec | None = None
    """An SPDX licence expression."""
    generator: FieldSpec | None = None
    """Name of the model that wrote the document; default: the source's `generator`."""
    parents: FieldSpec | None = None
    """Ids of the documents it was made from."""
    stratum: FieldSpec | None = None
    """The stratum of the sampling plan that it belongs to."""


class DomainRef(Model):
    """The domain of a source: one name, or a column that names it row by row."""

    shorthand = "name"
    name: str | None = None
    column: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> DomainRef:
        if (self.column is None) == (self.name is None):
            raise ValueError("write a domain's name, or {column: NAME}")
        return self


class Terms(Model):
    """What the licence contract says beyond its name."""

    expires: Day | None = None
    """The last day of the licence; a cycle that ends after that day takes nothing from the source."""
    uses: tuple[str, ...] | None = None
    """Permitted uses. If given, `training` must be among them."""


class Consent(Model):
    """Why first-party data may be used."""

    basis: str
    """The legal basis: consent, contract, legitimate interest, …"""
    scrubbed: bool = False
    """Whether secrets and personal data were removed."""


class Value(Model):
    """What an enterprise source is worth to the business."""

    metric: str
    weight: Number = Fraction(1)


class SamplingPlan(Model):
    """What the steward of an anchor source promises to collect."""

    cadence: Literal["hourly", "daily", "weekly", "monthly", "quarterly", "yearly"]
    """In each such period before `as_of` something new is collected."""
    minimum: Annotated[int, Field(ge=0)] = 1
    """Least number of documents on hand at `as_of`."""
    minimum_new: Annotated[int, Field(ge=0)] = 1
    """Least number of documents collected within the last period."""
    strata: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    """Least number of documents on hand of each stratum (document field `stratum`)."""


class Generator(Model):
    """The model that wrote a synthetic source, and how it was run. `unknown` stays unknown; nothing is guessed."""

    name: str
    family: str | None = None
    """Models that share their training; default: the name."""
    version: str | None = None
    seed: str | None = None
    temperature: str | None = None
    decoding: str | None = None
    prompt_template: str | None = None

    @property
    def identity(self) -> str:
        """`name@version`, or the name alone when no version is known."""
        return f"{self.name}@{self.version}" if self.version else self.name


class Twin(Model):
    """Text generated in the run by a small seeded generator that is fitted on another source."""

    twin: Literal["markov"]
    """Which generator."""
    fit: str
    """The source it is fitted on."""
    documents: Annotated[int, Field(ge=1)]
    """How many documents it writes."""
    tokens: Annotated[int, Field(ge=2)] = 120
    """About how many words a document has."""
    order: Annotated[int, Field(ge=1, le=5)] = 2
    """How many words it looks back."""


class Source(Model):
    """A declared place that data comes from."""

    kind: Kind
    """How we came by it."""
    domain: DomainRef
    """The business bucket its documents belong to."""
    modality: Modality = "text"
    uri: str | None = None
    """A path or URL, with * and ** for many files; paths are relative to project.yaml."""
    generate: Twin | None = None
    """In place of `uri`, for synthetic sources: write the text in the run."""
    format: Format | None = None
    """Guessed from the file name if left out."""
    where: str | None = None
    """Row filter: an SQL expression on the file's columns."""
    fields: Fields = Fields()
    steward: str | None = None
    """Who answers for it: an e-mail address or a team."""
    signed_off: bool = False
    """Whether the steward has signed off this source as an anchor."""
    sampling_plan: SamplingPlan | None = None
    """For anchors: what the steward promises to collect."""
    hold_out: Share = Fraction(0)
    """Share of the documents that never enter a mix, so that models can be tried on them; the project's seed and the
    document's id decide which."""
    terms: Terms | None = None
    """For licensed sources: expiry and permitted uses."""
    consent: Consent | None = None
    """For enterprise sources: without a basis, and scrubbed, their rows go to quarantine."""
    risk: Risk | None = None
    """Risk class; an enterprise source without one counts as high."""
    value: Value | None = None
    """What the source is worth to the business."""
    generator: Generator | None = None
    """For synthetic sources: what wrote them."""
    expectations: tuple[Annotated[dict[str, Any], BeforeValidator(typed)], ...] = ()
    """Great Expectations by their own names, on metadata columns: {type: …, column: …, …}. With
    `unexpected_rows: quarantine`, rows that violate one are left out of every corpus."""
    max_bytes: Size = 16 * 1024 * 1024
    """Documents larger than this go to quarantine."""
    disclosure: SourceDisclosure | None = None
    """What only people know of the source, for the documents that releases carry."""
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _fields_of_generated(cls, value: Any) -> Any:
        """What a generator writes has known columns; only what differs need be declared."""
        if isinstance(value, dict) and value.get("generate") is not None:
            written = {name: {"column": name} for name in _GENERATED_FIELDS}
            return {**value, "fields": {**written, **(value.get("fields") or {})}}
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Source:
        if (self.uri is None) == (self.generate is None):
            raise ValueError("declare where the data is: `uri`, or `generate` for text generated in the run")
        if self.generate is not None and (self.kind != "synthetic" or self.modality != "text"):
            raise ValueError("`generate` is for text sources of kind synthetic")
        if self.generate is not None and self.generator is None:
            raise ValueError("a generated source declares its `generator` too: name, version, seed, …")
        return self
