"""The columns of corpus and mix as the UI shows them; their meanings are those the schemas document."""

from __future__ import annotations

import re
from functools import cache

import dagster as dg
import pyarrow as pa

from anchor_pipeline.corpus import corpus, document
from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA, METADATA_COLUMNS
from anchor_pipeline.mix.parts import mix_schema

_MORE = {
    "shard": "where the content lies: shard digest",
    "shard_row": "where the content lies: 0-based row",
    "epoch": "0 for the first pass over the document, 1 for the second",
}
"""What the tables of those docstrings do not tell of."""


def corpus_columns() -> dg.TableSchema:
    """One row per document read."""
    strings = [pa.field(name, pa.string()) for name in ("status", "reason", "duplicate_of")]
    places = [pa.field("shard", pa.string()), pa.field("shard_row", pa.int64())]
    return _columns(pa.schema([*(DOCUMENT_SCHEMA.field(name) for name in METADATA_COLUMNS), *places, *strings]))


def mix_columns(*, content: bool) -> dg.TableSchema:
    """One row per drawn document and pass, with its text; with `content` also bytes of images and sounds."""
    return _columns(mix_schema(("text", "payload") if content else ("text",)))


def _columns(schema: pa.Schema) -> dg.TableSchema:
    meanings = {**_documented(corpus.__doc__), **_documented(document.__doc__), **_MORE}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                field.name,
                str(field.type),
                meanings.get(field.name),
                constraints=dg.TableColumnConstraints(nullable=field.nullable, unique=False),
            )
            for field in schema
        ]
    )


@cache
def _documented(text: str | None) -> dict[str, str]:
    """Meanings by column, of the table in a module's docstring."""
    found = {}
    for names, meaning in re.findall(r"^\| ([\w, ]+) \| [^|]+ \| ([^|]+) \|$", text or "", re.MULTILINE):
        found.update({name.strip(): meaning for name in names.split(",")})
    return found
