"""The band: a frozen model that says where the statistics of human buckets lie, for each domain and token count.

It lies in the register (corpus/register.py, kind `band`) as one file, band.json. Its digest binds what it was
calibrated with: the digests of the probes and of the snapshots of the anchors.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError

from anchor_pipeline.corpus.register import active, keep_model, read_model
from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData

_FILE = "band.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Record):
    """Where the statistics of human buckets of one size lie."""

    tokens: int
    """Size of the buckets."""
    documents: int
    """How many documents such a bucket typically held."""
    freedom: float
    """Degrees of freedom of `spread`."""
    centre: tuple[float, ...]
    """Expected value of each statistic."""
    spread: tuple[float, ...]
    """Standard deviation of the prediction: of a future bucket about `centre`, the error of `centre` included."""
    low: tuple[float, ...]
    high: tuple[float, ...]
    """The band of each statistic."""
    correlation: tuple[tuple[float, ...], ...]
    """Of the statistics over buckets, shrunk towards none."""
    profile: float
    """The largest Mahalanobis distance that counts as human."""


class DomainBand(_Record):
    """The calibration of one domain."""

    statistics: tuple[str, ...]
    snapshots: dict[str, str]
    """Digest of the snapshot of each source whose documents were used."""
    shares: dict[str, float] = {}
    """Part of the tokens that each source had in the calibration."""
    documents: int
    groups: int
    """Documents that count as independent: those of one origin are one."""
    tokens: int
    histogram: dict[str, tuple[tuple[float, ...], tuple[int, ...]]] = {}
    """By probe statistic: edges and counts of the bits per unit of single anchor documents."""
    limits: tuple[Limits, ...]
    """By size, the smallest first."""

    def at(self, tokens: int) -> Limits | None:
        """The limits of the largest calibrated size that so many tokens fill; None if they fill none."""
        return next((limits for limits in reversed(self.limits) if limits.tokens <= tokens), None)


class ProbeCard(_Record):
    """A probe that a band was calibrated with."""

    name: str
    unit: str
    trained_share: float
    """Which part of the documents it was trained on (by content, `in_training`); 0 if on none of this project."""


class Band(_Record):
    """The calibration of a project."""

    format: int = 1
    project: str
    cycle: str
    """The cycle whose anchors were used."""
    seed: int
    half_samples: int
    """Buckets drawn for each domain and size."""
    false_alarms: float
    """Largest rate of false alarms: of all statistics together, for one bucket of one domain."""
    probes: dict[str, ProbeCard]
    """By digest."""
    references: tuple[str, ...] = ()
    """Sources of human text that were used beside the anchors."""
    domains: dict[str, DomainBand]
    not_calibrated: dict[str, str]
    """Domains without a band, and why."""

    @property
    def json_bytes(self) -> bytes:
        """The canonical JSON."""
        return canonical_json(self.model_dump(mode="json"))


def keep_band(store: Store, band: Band) -> str:
    """Keep a band in the store; gives its digest."""
    return keep_model(store, "band", {_FILE: band.json_bytes})


def read_band(store: Store, digest: str) -> Band:
    """The band of that digest. Raises DamagedData unless it is what was kept."""
    try:
        return Band.model_validate_json(read_model(store, "band", digest)[_FILE])
    except (KeyError, ValidationError):
        raise DamagedData(f"models/band/{digest}: holds no band of a known format; calibrate again") from None


def bands_in_use(store: Store, cycle: str) -> dict[str, Band]:
    """The bands in use for a cycle, by digest, in the order in which they were added."""
    return {entry.digest: read_band(store, entry.digest) for entry in active(store, "band", cycle)}


def band_for(bands: dict[str, Band], domain: str) -> tuple[str, Band, DomainBand] | None:
    """The band added last among those that cover a domain, with its digest; None if none does."""
    for digest, band in reversed(bands.items()):
        if domain in band.domains:
            return digest, band, band.domains[domain]
    return None
