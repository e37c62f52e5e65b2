"""The document: one row, whatever its modality. The one place where its columns and units are said.

| column | type | meaning |
|---|---|---|
| doc_id | string | `<source>/<id>`; unique in a corpus |
| text | string, null | the text, unaltered; null for images and sounds |
| payload | binary, null | the bytes of an image or sound file, unaltered; null for text and tables |
| source, kind, domain, modality | string | as declared |
| authorship | string | human, human_edited, synthetic or unknown |
| tokens | int64 | amount: text in tokens, an image 1, a sound in milliseconds, a table row 1 |
| bytes | int64 | length of the content in bytes |
| digest | string | hexadecimal SHA-256 of modality, NUL, content |
| collected_at | timestamp[us, UTC] | when it was collected |
| licence | string | canonical SPDX expression |
| generator | string, null | model that wrote it, `name@version` |
| family | string, null | models that share its training |
| parents | list<string> | ids of what it was made from |
| stratum | string, null | stratum of the sampling plan |
| raw_file, raw_row | string, int64 | where it was read: file as declared, 1-based record (line, for JSON lines) |
"""

from __future__ import annotations

import pyarrow as pa

DOCUMENT_SCHEMA = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("payload", pa.binary()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("authorship", pa.string(), nullable=False),
        pa.field("domain", pa.string(), nullable=False),
        pa.field("modality", pa.string(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
        pa.field("collected_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("generator", pa.string()),
        pa.field("family", pa.string()),
        pa.field("parents", pa.list_(pa.string())),
        pa.field("stratum", pa.string()),
        pa.field("raw_file", pa.string(), nullable=False),
        pa.field("raw_row", pa.int64(), nullable=False),
    ]
)

CONTENT_COLUMNS = ("text", "payload")
METADATA_COLUMNS = tuple(name for name in DOCUMENT_SCHEMA.names if name not in CONTENT_COLUMNS)

AUTHORSHIPS = ("human", "human_edited", "synthetic", "unknown")

AMOUNT_UNITS = {"text": "tokens", "image": "samples", "audio": "seconds", "table": "rows"}
"""What shares are counted in, per modality."""

AMOUNT_SCALE = {"text": 1, "image": 1, "audio": 1000, "table": 1}
"""How many of the column `tokens` make one such unit: sounds are kept in whole milliseconds."""
