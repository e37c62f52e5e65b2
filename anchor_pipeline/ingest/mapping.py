"""The fields of documents other than their content: from columns or constants, checked row by row or value by value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anchor_pipeline.corpus.document import AUTHORSHIPS
from anchor_pipeline.corpus.licences import admits, canonical_licence
from anchor_pipeline.corpus.strings import as_strings
from anchor_pipeline.ingest.dates import NO_DATE, UNPARSABLE, DateForm
from anchor_pipeline.ingest.problems import Problems, quoted
from anchor_pipeline.ingest.settings import Settings


@dataclass(frozen=True)
class Mapped:
    """Arrow arrays of n strings each (`parents`: lists of strings), `collected_at` in microseconds; no `ids`: None."""

    ids: Any
    collected_at: NDArray[np.int64]
    authorship: Any
    licence: Any
    domain: Any
    generator: Any
    family: Any
    parents: Any
    stratum: Any


def map_fields(batch: pa.RecordBatch, settings: Settings, problems: Problems) -> Mapped:
    """The fields of every row; rows without a usable one are marked in `problems`."""
    authorship = _authorship(batch, settings, problems)
    domain = _domain(batch, settings, problems)
    generator, family = _generator(batch, settings, authorship)
    problems.mark(
        "no_consent",
        np.full(batch.num_rows, settings.needs_consent),
        "the enterprise source has no `consent.basis`, or is not `scrubbed`",
    )
    return Mapped(
        ids=_ids(batch, settings, problems),
        collected_at=_dates(batch, settings, problems),
        authorship=authorship,
        licence=_licence(batch, settings, domain, problems),
        domain=domain,
        generator=generator,
        family=family,
        parents=_parents(batch, settings),
        stratum=_strings(batch, settings, "stratum"),
    )


def _strings(batch: pa.RecordBatch, settings: Settings, field: str, default: str | None = None) -> Any:
    """A field as strings: its column, its constant or the default; values without a spelling are null."""
    spec = settings.fields.get(field)
    if spec is None or spec.column is None:
        value = default if spec is None else spec.constant
        return pa.repeat(pa.scalar(value, pa.string()), batch.num_rows)
    try:
        return as_strings(batch.column(spec.column))
    except ValueError:
        return pa.nulls(batch.num_rows, pa.string())


def _missing(column: Any) -> Any:
    """Rows that are null, empty or white space."""
    return pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), ""), True).to_numpy(zero_copy_only=False)


def _by_value(column: Any, change: Callable[[str | None], str | None]) -> Any:
    """`change` of every value, called once for each distinct one."""
    encoded = column.dictionary_encode()
    values = pa.array([change(value) for value in encoded.dictionary.to_pylist()] + [change(None)], pa.string())
    return values.take(pc.fill_null(encoded.indices, len(values) - 1))


def _ids(batch: pa.RecordBatch, settings: Settings, problems: Problems) -> Any:
    if settings.column("id") is None:
        return None
    column = _strings(batch, settings, "id")
    problems.mark("no_id", _missing(column), f"`{settings.column('id')}` is null, empty, or a list or struct")
    return column


def _dates(batch: pa.RecordBatch, settings: Settings, problems: Problems) -> NDArray[np.int64]:
    spec = settings.fields.get("collected_at")
    if spec is None:
        problems.mark("no_date", np.ones(batch.num_rows, np.bool_), "the source maps no `fields.collected_at`")
        return np.zeros(batch.num_rows, np.int64)
    form = DateForm(spec.format, spec.unit)
    if spec.column is None:
        micros = np.full(batch.num_rows, form.micros_of(spec.constant), np.int64)
        values: Callable[[int], Any] = lambda _at: spec.constant  # noqa: E731
    else:
        column = batch.column(spec.column)
        micros = form.micros(column)
        values = lambda at: _shown(column, at)  # noqa: E731
    problems.mark("no_date", micros == NO_DATE, f"`{spec.column}` is null or empty")
    problems.mark(
        "unparsable_date", micros == UNPARSABLE, lambda at: f"{quoted(values(at))} is not {form}, years 1000 to 9999"
    )
    return np.where(micros <= UNPARSABLE, 0, micros)


def _shown(column: Any, at: int) -> Any:
    """A value for a message; Python cannot hold every date that Arrow can."""
    try:
        return column[at].as_py()
    except (ValueError, OverflowError):
        return str(column[at : at + 1].cast(pa.int64())[0])


def _authorship(batch: pa.RecordBatch, settings: Settings, problems: Problems) -> Any:
    column = _strings(batch, settings, "authorship", "synthetic" if settings.kind == "synthetic" else "unknown")
    column = pc.fill_null(column.cast(pa.string()), "unknown")
    known = pc.is_in(column, pa.array(AUTHORSHIPS))
    choices = ", ".join(AUTHORSHIPS)
    problems.mark(
        "unknown_authorship", pc.invert(known), lambda at: f"{quoted(column[at].as_py())} is not one of {choices}"
    )
    return column


def _domain(batch: pa.RecordBatch, settings: Settings, problems: Problems) -> Any:
    if settings.domain_column is None:
        return pa.repeat(pa.scalar(settings.domain, pa.string()), batch.num_rows)
    try:
        column = as_strings(batch.column(settings.domain_column)).cast(pa.string())
    except ValueError:
        column = pa.nulls(batch.num_rows, pa.string())
    known = pc.is_in(column, pa.array(sorted(settings.allowed), pa.string()))
    choices = ", ".join(sorted(settings.allowed))
    problems.mark(
        "unknown_domain", pc.invert(known), lambda at: f"{quoted(column[at].as_py())} is not one of {choices}"
    )
    return column


def _licence(batch: pa.RecordBatch, settings: Settings, domain: Any, problems: Problems) -> Any:
    declared = _strings(batch, settings, "licence")
    missing = _missing(declared)
    problems.mark("no_licence", missing, "no licence is declared, or it is empty")
    canonical = _by_value(declared, lambda text: canonical_licence(text) if text is not None else None)
    problems.mark(
        "unparsable_licence",
        pc.is_null(canonical).to_numpy(zero_copy_only=False) & ~missing,
        lambda at: f"{quoted(declared[at].as_py())} is not an SPDX licence expression",
    )
    for name, allowed in settings.allowed.items():
        if allowed is None:
            continue
        verdict = _by_value(canonical, lambda text, by=allowed: "yes" if text is None or admits(by, text) else None)  # type: ignore[misc]
        refused = pc.and_(pc.is_null(verdict), pc.fill_null(pc.equal(domain, name), False))
        problems.mark(
            "licence_not_allowed",
            refused,
            lambda at: f"{canonical[at].as_py()} is not met by the licences that rule licence allows",
        )
    return canonical


def _generator(batch: pa.RecordBatch, settings: Settings, authorship: Any) -> tuple[Any, Any]:
    """(generator, family). The source's own generator stands for the rows that no human wrote."""
    if "generator" in settings.fields:
        generator = _strings(batch, settings, "generator").cast(pa.string())
        generator = pc.if_else(pa.array(_missing(generator)), pa.scalar(None, pa.string()), generator)
    else:
        own = pa.repeat(pa.scalar(settings.generator, pa.string()), batch.num_rows)
        generator = pc.if_else(pc.equal(authorship, "human"), pa.scalar(None, pa.string()), own)
    return generator, _by_value(generator, lambda name: settings.families.get(name) if name is not None else None)


def _parents(batch: pa.RecordBatch, settings: Settings) -> Any:
    """Lists of ids; strings are split at the declared separator, or are JSON lists, or one id."""
    spec = settings.fields.get("parents")
    kind = pa.list_(pa.string())
    if spec is None or spec.column is None:
        return pa.array([[]] * batch.num_rows, kind)
    column = batch.column(spec.column)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        rows = column.to_pylist()
        return pa.array([[str(item) for item in row or () if item not in (None, "")] for row in rows], kind)
    encoded = _strings(batch, settings, "parents").dictionary_encode()
    lists = [_split(value, spec.separator) for value in encoded.dictionary.to_pylist()]
    return pa.array([*lists, []], kind).take(pc.fill_null(encoded.indices, len(lists)))


def _split(text: str | None, separator: str | None) -> list[str]:
    if text is not None and text.startswith("["):
        try:
            return [str(item) for item in orjson.loads(text) if item not in (None, "")]
        except orjson.JSONDecodeError:
            pass
    parts = (text or "").split(separator) if separator else [text or ""]
    return [part.strip() for part in parts if part.strip()]
