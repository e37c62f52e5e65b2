"""The manifest of a released mix: what it holds, and by which verdict. Its presence is the release.

MANIFEST.json is canonical JSON (`canonical_json`: sorted keys, no spaces, UTF-8; shares are decimal strings, so
there are no floats to spell in two ways). A reader parses it, encodes it again and compares: a file that is not
the one spelling of its content is refused.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from anchor_pipeline import __version__
from anchor_pipeline.corpus.document import AMOUNT_SCALE, AMOUNT_UNITS
from anchor_pipeline.corpus.snapshot import canonical_digest, canonical_json
from anchor_pipeline.custody.release_files import NOTICE, VERIFIER, is_custody_file
from anchor_pipeline.errors import DamagedData

FORMAT = 2
"""Version of the layout of a release. A reader refuses those it does not know."""

WRITTEN_BY = f"anchor-pipeline {__version__}"

MANIFEST = "MANIFEST.json"
VERDICT = "VERDICT.json"

SHARE_DIMENSIONS = ("domain", "kind", "source", "generator", "authorship")
"""Columns by which the manifest states shares."""

_DIGEST = r"^[0-9a-f]{64}$"
_SHARE = re.compile(r"(0|[1-9][0-9]*)\.[0-9]{6}")
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


def part_path(index: int, count: int) -> str:
    """Where a part lies in its release; named such that Hugging Face `datasets` takes it for the train split."""
    return f"data/train-{index:05d}-of-{count:05d}.parquet"


def check_extra_name(name: str) -> None:
    """ValueError unless `name` may be a file beside the parts: relative, plain, and not one of the fixed names."""
    taken = name.split("/")[0] == "data" or name == MANIFEST or is_custody_file(name)
    if _SAFE_NAME.fullmatch(name) is None or taken:
        raise ValueError(
            f"{name!r} cannot name a file of a release: expected letters, digits, '.', '_', '-' with '/' between, "
            f"outside data/ and custody/, and not {MANIFEST}, {VERIFIER} or {NOTICE}"
        )


_LARGEST = 2**53 - 1
"""Integers beyond are not exact in JavaScript, in which a release is verified as well."""

_Count = Annotated[int, Field(ge=0, le=_LARGEST)]
_Positive = Annotated[int, Field(ge=1, le=_LARGEST)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Record):
    """A file of the release; its path is relative to MANIFEST.json."""

    path: str
    sha256: str = Field(pattern=_DIGEST)
    bytes: _Count
    """Size of the file."""


class Part(Entry):
    """A Parquet file of the mix; the parts in their order are the mix in training order."""

    rows: _Positive
    tokens: _Count
    """Sum of the column `tokens`."""


class File(Entry):
    """Any other file of the release: the verdict, the report."""

    @field_validator("path")
    @classmethod
    def _plain(cls, path: str) -> str:
        check_extra_name(path)
        return path


class Share(_Record):
    """How much of a modality has some value in some column; every pass over a document counts."""

    tokens: _Count
    documents: _Count
    share: Decimal
    """tokens / tokens of the modality, to six places."""

    @field_validator("share")
    @classmethod
    def _six_places(cls, share: Decimal) -> Decimal:
        if _SHARE.fullmatch(str(share)) is None:
            raise ValueError(f"the share {share} has not six places")
        return share


class Amount(_Record):
    """What the mix holds of a modality; `unit` is what the column `tokens` counts."""

    unit: str
    tokens: _Count
    documents: _Count


class Digests(_Record):
    """What the mix was made from and judged by."""

    policy: str
    selection: str
    corpus: str
    verdict: str


class Documents(_Record):
    """The list of documents, each once, sorted by id: how many, and the root of the Merkle tree over their lines."""

    count: _Positive
    root: str = Field(pattern=_DIGEST)


class PreviousRelease(_Record):
    """The newest release of the latest earlier cycle of the stage."""

    cycle: str
    digest: str = Field(pattern=_DIGEST)


class Replaced(_Record):
    """The revision of the same cycle that this one replaces."""

    revision: _Positive
    digest: str = Field(pattern=_DIGEST)


class Manifest(_Record):
    """Everything about a release but its rows."""

    format: int
    project: str
    stage: str
    cycle: str
    as_of: str
    """End of the cycle, ISO 8601 in UTC."""
    written_by: str
    parts: tuple[Part, ...] = Field(min_length=1)
    files: tuple[File, ...]
    rows: _Count
    amounts: dict[str, Amount]
    """By modality."""
    shares: dict[str, dict[str, dict[str, Share]]]
    """By modality, column (SHARE_DIMENSIONS), value; rows without a value (no generator) are in none."""
    digests: Digests
    documents: Documents | None
    """What proofs about single documents rest on; None where the project declares no custody."""
    previous: PreviousRelease | None
    revision: _Count
    replaces: Replaced | None
    digest: str
    """The mix digest: of everything above but `revision` and `replaces`."""

    @field_validator("parts")
    @classmethod
    def _in_order(cls, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        for index, part in enumerate(parts):
            if part.path != part_path(index, len(parts)):
                raise ValueError(f"part {index} is named {part.path!r}, expected {part_path(index, len(parts))!r}")
        return parts

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All files of the release but the manifest."""
        return (*self.parts, *self.files)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.rows != sum(part.rows for part in self.parts):
            raise ValueError(f"{self.rows} rows in all, but the parts hold {sum(part.rows for part in self.parts)}")
        names = [file.path for file in self.files]
        if names != sorted(set(names)):
            raise ValueError("files are not sorted, or named twice")
        return self

    def computed_digest(self) -> str:
        """The mix digest, computed; equal to `digest` in a sound manifest."""
        return canonical_digest(self.model_dump(mode="json", exclude={"revision", "replaces", "digest"}))

    def encoded(self) -> bytes:
        """The bytes of MANIFEST.json."""
        return canonical_json(self.model_dump(mode="json"))


def parse_manifest(data: bytes, where: str) -> Manifest:
    """The manifest in `data`; DamagedData if it is not a sound one, naming `where` it lies."""
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise DamagedData(f"{where}: not a manifest ({_reason(error, data)}); restore the release") from None
    if manifest.format != FORMAT:
        raise DamagedData(f"{where}: format {manifest.format}, this version reads format {FORMAT}; update it")
    if manifest.digest != manifest.computed_digest() or manifest.encoded() != data:
        raise DamagedData(f"{where}: altered, its content does not have the digest it states; restore the release")
    return manifest


def _reason(error: ValidationError, data: bytes) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if not data:
        return "the file is empty"
    return f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}"


def manifest_schema() -> dict[str, Any]:
    """JSON Schema of MANIFEST.json."""
    return Manifest.model_json_schema(mode="serialization")


def unit_of(modality: str) -> str:
    """What the column `tokens` counts for a modality: tokens, samples, milliseconds, rows."""
    unit = AMOUNT_UNITS.get(modality, "tokens")
    return f"milli{unit}" if AMOUNT_SCALE.get(modality, 1) == 1000 else unit
