"""The content of documents: the text, or the bytes of an image or sound, with its size and amount."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from anchor_pipeline.corpus.strings import Bytes, Offsets, buffers_of, without_bom
from anchor_pipeline.ingest.problems import Problems
from anchor_pipeline.ingest.readers.audio import NotAudio, wav_milliseconds
from anchor_pipeline.ingest.readers.base import NOT_TEXT, ROW, ROW_JSON
from anchor_pipeline.ingest.readers.images import image_fault
from anchor_pipeline.ingest.settings import Settings
from anchor_pipeline.ingest.tokens import TokenCounter, WordCounter


@dataclass(frozen=True)
class Content:
    """n contents: the Arrow column, its bytes data[offsets[i]:offsets[i + 1]], sizes in bytes, amounts as `tokens`."""

    column: Any
    data: Bytes
    offsets: Offsets
    sizes: NDArray[np.int64]
    amounts: NDArray[np.int64]


def content_of(batch: pa.RecordBatch, settings: Settings, counter: TokenCounter, problems: Problems) -> Content:
    """The content of every row; rows without a usable one are marked in `problems`."""
    if settings.modality in ("image", "audio"):
        return _payloads(batch, settings, problems)
    column = _row_json(batch) if settings.column("text") is None else _text(batch, settings, problems)
    data, offsets = buffers_of(column)
    sizes = np.diff(offsets)
    _mark_oversized(settings, sizes, problems)
    words = WordCounter().count(column)
    nulls = column.is_null().to_numpy(zero_copy_only=False)
    problems.mark("empty_text", (words == 0) & ~nulls, "the text is empty, or nothing but white space")
    if settings.modality == "table":
        amounts = np.ones(len(column), np.int64)
    else:
        amounts = words if isinstance(counter, WordCounter) else counter.count(column)
    return Content(column, data, offsets, sizes, amounts)


def _text(batch: pa.RecordBatch, settings: Settings, problems: Problems) -> Any:
    name = settings.column("text")
    column = batch.column(name)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = _decoded(column, problems)
    elif NOT_TEXT in batch.schema.names:
        problems.mark("text_not_string", batch.column(NOT_TEXT), f"`{name}` is not a string, but other JSON")
    elif not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        other = column.is_valid().to_numpy(zero_copy_only=False)
        problems.mark("text_not_string", other, f"`{name}` is of type {column.type}, not a string")
        column = pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.large_string())
    problems.mark("null_text", column.is_null(), f"`{name}` is null")
    return without_bom(column)


def _decoded(column: Any, problems: Problems) -> Any:
    """Bytes as text; those that are not UTF-8 are marked, and shown with replacement characters."""
    wide = column.cast(pa.large_binary())
    text = wide.view(pa.large_string())
    try:
        text.validate(full=True)
        return text
    except pa.ArrowInvalid:
        pass
    texts: list[str | None] = []
    bad = np.zeros(len(column), np.bool_)
    for at, value in enumerate(wide.to_pylist()):
        try:
            texts.append(None if value is None else value.decode("utf-8"))
        except UnicodeDecodeError:
            bad[at] = True
            texts.append(value.decode("utf-8", "replace"))
    problems.mark("bad_utf8", bad, "the text is not UTF-8; what could not be decoded is shown as �")
    return pa.array(texts, pa.large_string())


def _row_json(batch: pa.RecordBatch) -> Any:
    """The rows as canonical JSON: sorted keys, no spaces."""
    if ROW_JSON in batch.schema.names:
        return batch.column(ROW_JSON)
    names = [name for name in batch.schema.names if name != ROW]
    # Arrow spells dates and times itself: it has some that Python cannot hold.
    plain = [column.cast(pa.string()) if pa.types.is_temporal(column.type) else column for column in batch.columns]
    rows = pa.RecordBatch.from_arrays(plain, names=batch.schema.names).select(names).to_pylist()
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    return pa.array([orjson.dumps(row, default=_spell, option=options).decode() for row in rows], pa.large_string())


def _spell(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _mark_oversized(settings: Settings, sizes: NDArray[np.int64], problems: Problems) -> None:
    limit = settings.max_bytes
    problems.mark("oversized", sizes > limit, lambda at: f"{sizes[at]} bytes, more than max_bytes = {limit}")


def _payloads(batch: pa.RecordBatch, settings: Settings, problems: Problems) -> Content:
    column = batch.column(settings.column("payload"))
    if pa.types.is_struct(column.type) and column.type.get_field_index("bytes") >= 0:
        column = pc.struct_field(column, "bytes")  # how Hugging Face datasets keep images and sounds
    if not pa.types.is_binary(column.type) and not pa.types.is_large_binary(column.type):
        column = pa.array([None if value is None else str(value).encode() for value in column.to_pylist()], pa.binary())
    data, offsets = buffers_of(column)
    sizes = np.diff(offsets)
    _mark_oversized(settings, sizes, problems)
    amounts = np.ones(len(column), np.int64)
    faults: dict[int, str] = {}
    for at in range(len(column)):
        payload = data[offsets[at] : offsets[at + 1]].tobytes()
        if settings.modality == "audio":
            try:
                amounts[at] = wav_milliseconds(payload)
            except NotAudio as error:
                faults[at] = str(error)
        elif (fault := image_fault(payload)) is not None:
            faults[at] = fault
    broken = np.zeros(len(column), np.bool_)
    broken[list(faults)] = True
    problems.mark("not_audio" if settings.modality == "audio" else "not_an_image", broken, faults.__getitem__)
    return Content(column, data, offsets, sizes, amounts)
