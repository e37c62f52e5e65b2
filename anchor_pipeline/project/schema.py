"""JSON Schema of project.yaml, for editors: reference it with `# yaml-language-server: $schema=…`."""

from __future__ import annotations

from typing import Any

from anchor_pipeline.project.models import Project

SCHEMA_ID = "https://anchor-pipeline.dev/schema/project-1.json"


def project_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that every valid project.yaml fulfils."""
    schema = Project.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **schema}
