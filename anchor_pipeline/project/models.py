"""The declaration, typed: everything a team writes in project.yaml. Start reading at `Project`, at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from anchor_pipeline.project.base import Day, Model, Number, Share, Size, Span
from anchor_pipeline.project.cycles import CADENCES, Calendar, check_cron
from anchor_pipeline.project.policy import RULES, Risk, Rules, RuleSetting, merge
from anchor_pipeline.project.units import Duration, parse_duration
from anchor_pipeline.project.yaml_lines import typed

Kind = Literal["licensed", "enterprise", "anchor", "synthetic"]
Modality = Literal["text", "image", "audio", "table"]
Format = Literal["parquet", "jsonl", "csv", "text", "arrow", "images", "audio"]
Volatility = Literal["volatile", "normal", "slow"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
_GENERATED_FIELDS = ("id", "text", "parents", "collected_at", "licence", "generator")
_FRESH_WINDOW = {"volatile": "30d", "normal": "60d"}
_ANCHOR_SHARE = {"volatile": Fraction(20, 100), "slow": Fraction(10, 100)}


def _check_name(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} cannot be a name; use letters, digits and _, at most 63, not starting with a digit")
    return name


Name = Annotated[str, AfterValidator(_check_name)]


class CycleSpec(Model):
    """How often mixes are built. `as_of`, the end of a cycle, is what all ages are measured against."""

    cadence: Literal["hourly", "daily", "weekly", "monthly", "quarterly", "yearly"] | None = None
    """How long a cycle is."""
    cron: str | None = None
    """In place of a cadence: a cron expression; a cycle lasts from one tick to the next."""
    start: Day
    """The first cycle is the one that holds this day."""
    unfinished: bool = False
    """Whether the cycle that still runs may be built; it can change until it is over."""

    @model_validator(mode="after")
    def _one_of_both(self) -> CycleSpec:
        if (self.cadence is None) == (self.cron is None):
            raise ValueError(f"declare either `cadence` ({', '.join(CADENCES)}) or `cron`")
        if self.cron is not None:
            check_cron(self.cron)
        return self

    @property
    def calendar(self) -> Calendar:
        """The cycles themselves."""
        first = datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC)
        return Calendar(self.cadence or "cron", first, self.cron)


class Domain(Model):
    """A business bucket; every measure is taken per domain."""

    volatility: Volatility = "normal"
    """How fast the world changes here; sets the defaults of anchor share and fresh window."""
    fresh_window: Span | None = None
    """Anchors collected this long before `as_of` are fresh. Default 30d volatile, 60d normal; slow must declare it."""
    rules: Rules = Rules()
    """Settings of rules for this domain."""
    description: str = ""

    @model_validator(mode="after")
    def _slow_says_how_slow(self) -> Domain:
        if self.volatility == "slow" and self.fresh_window is None:
            raise ValueError("a slow domain must declare its `fresh_window`, such as 2y: there is no default for it")
        return self

    @property
    def window(self) -> Duration:
        """The fresh window that holds."""
        return self.fresh_window or parse_duration(_FRESH_WINDOW[self.volatility])


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
    """The last day of the licence; a cycle whose `as_of` lies after it takes nothing from the source."""
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
    """Great Expectations by their own names, on metadata columns: {type: …, column: …, …}."""
    max_bytes: Size = 16 * 1024 * 1024
    """Documents larger than this go to quarantine."""
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


class StageDomain(Model):
    """A domain's part in a stage; a bare number is its weight."""

    shorthand = "weight"
    weight: Share
    """Share of the stage's tokens."""
    rules: Rules = Rules()


class StageTokens(Model):
    """How much a stage takes, per modality: text in tokens, images in samples, audio in seconds, tables in rows."""

    shorthand = "text"
    text: Size | None = None
    image: Size | None = None
    audio: Size | None = None
    table: Size | None = None


class Repeat(Model):
    """How often a document may occur in one mix, by kind of source."""

    anchor: Annotated[int, Field(ge=1, le=1000)] = 1
    licensed: Annotated[int, Field(ge=1, le=1000)] = 1
    enterprise: Annotated[int, Field(ge=1, le=1000)] = 1
    synthetic: Annotated[int, Field(ge=1, le=1000)] = 1


class Stage(Model):
    """A training stage: its mix and its limits."""

    tokens: StageTokens
    """Target; a plain number holds for whatever modality the stage's sources have."""
    min_tokens: Size = 1
    """Refuse a mix smaller than this, in the unit of each modality."""
    domains: dict[str, StageDomain]
    """Weights of the domains; they add up to 1."""
    tolerance: Share = Fraction(2, 100)
    """How far the realised weight of a domain may be from its declared one."""
    repeat: Repeat = Repeat()
    rules: Rules = Rules()
    description: str = ""

    @model_validator(mode="after")
    def _weights_add_up(self) -> Stage:
        if not self.domains:
            raise ValueError("a stage needs at least one domain")
        total = sum((part.weight for part in self.domains.values()), Fraction(0))
        if abs(total - 1) > Fraction(1, 1000):
            raise ValueError(f"the domain weights add up to {float(total):g}, not to 1")
        if all(getattr(self.tokens, name) is None for name in ("text", "image", "audio", "table")):
            raise ValueError("declare how many tokens the stage takes")
        return self


class Project(Model):
    """The whole declaration."""

    project: Name
    """The project's name."""
    seed: int = 0
    """Decides which documents are drawn when not all are."""
    cycle: CycleSpec
    store: str | None = None
    """Where shards, snapshots and mixes lie; default: store/ beside this file."""
    tokens: str = "words"
    """The unit of text: `words`, or the path of a Hugging Face tokenizer.json."""
    domains: dict[Name, Domain]
    sources: dict[Name, Source]
    stages: dict[Name, Stage]
    rules: Rules = Rules()
    """Settings of rules; the narrowest wins: here, domain, stage, the stage's domain."""

    _path: Path = PrivateAttr(default=Path("project.yaml"))

    @property
    def path(self) -> Path:
        """The project.yaml this was loaded from."""
        return self._path

    @property
    def root(self) -> Path:
        """The folder that relative paths of the declaration start from."""
        return self._path.parent

    @property
    def store_path(self) -> Path:
        """The folder of the store."""
        return (self.root / (self.store or "store")).absolute()

    @property
    def calendar(self) -> Calendar:
        """The cycles of the project."""
        return self.cycle.calendar

    def setting(self, rule: str, *, stage: str | None = None, domain: str | None = None) -> RuleSetting:
        """The setting of `rule` that holds there: defaults < rules < domain < stage < the stage's domain."""
        setting = RULES[rule]
        volatility = self.domains[domain].volatility if domain in self.domains else None
        if rule == "anchor_share" and volatility in _ANCHOR_SHARE:
            setting = setting.model_copy(update={"min": _ANCHOR_SHARE[volatility]})
        for layer in self._layers(stage, domain):
            setting = merge(setting, getattr(layer, rule))
        return setting

    def _layers(self, stage: str | None, domain: str | None) -> Iterator[Rules]:
        yield self.rules
        if domain is not None and domain in self.domains:
            yield self.domains[domain].rules
        if stage is not None:
            yield self.stages[stage].rules
            if domain is not None and domain in self.stages[stage].domains:
                yield self.stages[stage].domains[domain].rules
