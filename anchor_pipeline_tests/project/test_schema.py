"""The JSON Schema accepts what loads and points editors at what does not."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from anchor_pipeline.project.schema import project_schema
from anchor_pipeline_tests.project.test_loading import GOOD


def errors(text: str) -> list[str]:
    value: Any = json.loads(json.dumps(yaml.safe_load(text), default=str))
    validator = jsonschema.Draft202012Validator(project_schema())
    return [error.message for error in validator.iter_errors(value)]


def test_it_is_a_schema_and_accepts_a_good_project() -> None:
    jsonschema.Draft202012Validator.check_schema(project_schema())
    assert errors(GOOD) == []


@pytest.mark.parametrize(("old", "new"), [("uri:", "urii:"), ("kind: anchor", "kind: anchors"), ("project: p", "x: p")])
def test_it_refuses_what_loading_refuses(old: str, new: str) -> None:
    assert errors(GOOD.replace(old, new))


def test_every_key_is_described_for_the_editor() -> None:
    models = project_schema()["$defs"]
    bare = [
        f"{name}.{key}"
        for name, model in models.items()
        for part in [model, *model.get("anyOf", [])]
        for key, value in part.get("properties", {}).items()
        if "description" not in value and "$ref" not in value
    ]
    # These say all by their names.
    allowed = {"constant", "cadence", "name", "family", "version", "seed", "temperature", "decoding", "description",
               "prompt_template", "metric", "weight", "text", "image", "audio", "table", "column", "rules", "start",
               "anchor", "licensed", "enterprise", "synthetic", "modality", "fields"}  # fmt: skip
    assert [key for key in bare if key.split(".")[1] not in allowed and not key.startswith("Rules.")] == []
