"""What all declared models share: frozen, no unknown keys, scalars as shorthand, exact numbers."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetJsonSchemaHandler, WithJsonSchema, model_validator
from pydantic_core import CoreSchema

from anchor_pipeline.project.cycles import parse_day
from anchor_pipeline.project.units import (
    Duration,
    parse_duration,
    parse_number,
    parse_share,
    parse_size,
)


class Model(BaseModel):
    """A part of the declaration. `shorthand` names the key that a bare scalar stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)
    shorthand: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _expand_shorthand(cls, value: Any) -> Any:
        if cls.shorthand is not None and value is not None and not isinstance(value, (dict, BaseModel)):
            return {cls.shorthand: value}
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core))
        if cls.shorthand is None:
            return schema
        scalar = {"type": ["string", "number", "boolean"], "description": f"short for {{{cls.shorthand}: …}}"}
        return {"title": schema.get("title", cls.__name__), "anyOf": [scalar, schema]}


def _scalar(description: str, *types: str) -> WithJsonSchema:
    return WithJsonSchema({"type": list(types), "description": description})


Share = Annotated[Fraction, BeforeValidator(parse_share), _scalar("0.15, 15 % or 1/3", "number", "string")]
Number = Annotated[Fraction, BeforeValidator(parse_number), _scalar("a number, or 1/3", "number", "string")]
Size = Annotated[int, BeforeValidator(parse_size), _scalar("5000, 200k, 1.5M, 2B", "integer", "string")]
Span = Annotated[Duration, BeforeValidator(parse_duration), _scalar("12h, 45d, 2w, 6mo, 1y", "string")]
Day = Annotated[
    date, BeforeValidator(parse_day), WithJsonSchema({"type": "string", "description": "a date, 2021-07-05"})
]
