"""The release record as JSON: what every statement of a release was written from."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from pydantic import BaseModel

from anchor_pipeline.disclosure.record import ReleaseRecord
from anchor_pipeline.rules.verdict import Verdict

RECORD = "disclosure/record.json"
FORMAT = 1


def record_json(record: ReleaseRecord) -> dict[str, Any]:
    """Every field by its name; of the verdict, which is VERDICT.json, the digest alone."""
    return {"format": FORMAT, **_json(record)}


def _json(value: Any) -> Any:
    if isinstance(value, Verdict):
        return value.digest
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value):
        return {field.name: _json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_json(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value
