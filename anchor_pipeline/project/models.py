"""The declaration, typed: everything a team writes in project.yaml. Start reading at `Project`, at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project.addresses import check_store, is_url, local_path
from anchor_pipeline.project.automation import Automation
from anchor_pipeline.project.base import Day, Model, Number, Share, Size, Span
from anchor_pipeline.project.custody import Custody
from anchor_pipeline.project.cycles import CADENCES, Calendar, check_cron
from anchor_pipeline.project.disclosure import Disclosure
from anchor_pipeline.project.policy import RULES, Rules, RuleSetting, merge
from anchor_pipeline.project.source import Source
from anchor_pipeline.project.units import Duration, parse_duration

Volatility = Literal["volatile", "normal", "slow"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
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


class Weighting(Model):
    """Weigh synthetic texts by how close they are to the anchors of their domain."""

    clip: Annotated[Number, Field(gt=1, le=1000)] = Fraction(10)
    """Largest weight; the smallest is 1/clip."""
    discard: Annotated[Share, Field(le=Fraction(1, 2))] = Fraction(1, 100)
    """Leave out synthetic texts that are farther from every anchor than all but this share of anchors are from the
    nearest other one; 0 leaves none out."""
    use: Literal["draw", "report"] = "draw"
    """`draw`: texts of more weight are drawn first. `report`: weights are only reported."""


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
    weighting: Weighting | None = None
    """Weigh synthetic texts by the anchors; without it all weigh the same."""
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
    store: Annotated[str, AfterValidator(check_store)] | None = None
    """Where shards, snapshots and mixes lie: a folder, or a URL such as s3://bucket/prefix; default: store/ here."""
    tokens: str = "words"
    """The unit of text: `words`, or the path of a Hugging Face tokenizer.json."""
    domains: dict[Name, Domain]
    sources: dict[Name, Source]
    stages: dict[Name, Stage]
    rules: Rules = Rules()
    """Settings of rules; the narrowest wins: here, domain, stage, the stage's domain."""
    automation: Automation = Automation()
    """What starts builds by itself in Dagster."""
    custody: Custody | None = None
    """Signed chain of custody; without it nothing is signed."""
    disclosure: Disclosure | None = None
    """What only people know of a release, for the documents that it carries."""

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
    def store_address(self) -> str:
        """Where the store is: an absolute path of this machine, or a URL."""
        declared = self.store or "store"
        if not is_url(declared):
            return str((self.root / declared).absolute())
        path = local_path(declared)
        return declared.rstrip("/") if path is None else str(path)

    @property
    def store_path(self) -> Path:
        """The folder of a store on this machine. Raises UsageError if it is at a URL."""
        if is_url(self.store_address):
            raise UsageError(f"the store is at {self.store_address}, which has no path on this machine")
        return Path(self.store_address)

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
