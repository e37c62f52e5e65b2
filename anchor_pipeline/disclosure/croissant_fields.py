"""The columns of a mix as fields of a Croissant record set."""

from __future__ import annotations

from typing import Any

from anchor_pipeline.disclosure.record import ReleaseRecord
from anchor_pipeline.mix.parts import mix_schema

RECORDS = "documents"
"""The id of the record set."""

_DESCRIPTIONS = {
    "doc_id": "Identifies the document: source, slash, its id there.",
    "text": "The text, unaltered; a table row as one line of JSON. Null for images and sounds.",
    "payload": "The bytes of an image or sound file, unaltered; null for text and table rows.",
    "source": "The declared source that the document was read from.",
    "kind": "How the source came by it: licensed, enterprise, anchor or synthetic.",
    "authorship": "Who wrote it: human, human_edited, synthetic or unknown.",
    "domain": "The business domain it belongs to.",
    "modality": "text, image, audio or table.",
    "tokens": "Its amount: text in tokens or words, an image 1, a sound in milliseconds, a table row 1.",
    "collected_at": "When it was collected, UTC.",
    "licence": "Its licence as SPDX expression.",
    "generator": "The model that wrote it, name@version; null if none is said to have.",
    "family": "Models that share their training with the generator; null without generator.",
    "digest": "Hexadecimal SHA-256 of modality, NUL and content.",
    "parents": "Ids of the documents it was made from.",
    "epoch": "0 for the first pass over a document, 1 for the second, …",
}
_TYPES = {"tokens": "cr:Int64", "epoch": "cr:Int32", "collected_at": "sc:DateTime"}
_EQUIVALENT = {
    "text": "sc:text",
    "licence": "sc:license",
    "source": "prov:wasDerivedFrom",
    "parents": "prov:wasDerivedFrom",
    "generator": "prov:wasAttributedTo",
}
"""What a column says of its document in the words of schema.org and PROV-O."""


def record_set(record: ReleaseRecord, files: str) -> dict[str, Any]:
    """One record per row, in training order, from the Parquet columns of the file set with id `files`."""
    media = {"image", "audio"} & set(record.modalities)
    columns = mix_schema(("text", "payload") if media else ("text",)).names
    return {
        "@type": "cr:RecordSet",
        "@id": RECORDS,
        "name": RECORDS,
        "description": "The rows of the mix: a document for each pass over it, in training order.",
        "dataType": ["sc:CreativeWork", "prov:Entity"],
        "key": [{"@id": f"{RECORDS}/doc_id"}, {"@id": f"{RECORDS}/epoch"}],
        "field": [_field(name, files, media) for name in columns],
    }


def _field(name: str, files: str, media: set[str]) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{RECORDS}/{name}",
        "name": name,
        "description": _DESCRIPTIONS[name],
        "dataType": _payload(media) if name == "payload" else _TYPES.get(name, "sc:Text"),
        "source": {"fileSet": {"@id": files}, "extract": {"column": name}},
    }
    if name == "parents":
        field["isArray"] = True
    if name in _EQUIVALENT:
        field["equivalentProperty"] = _EQUIVALENT[name]
    return field


def _payload(media: set[str]) -> str | list[str]:
    """Croissant has no type for mere bytes; of several types readers take the first, and leave sounds undecoded."""
    if media == {"image"}:
        return "sc:ImageObject"
    return "sc:AudioObject" if media == {"audio"} else ["sc:AudioObject", "sc:ImageObject"]
