"""How the JSON documents of a release are written."""

from __future__ import annotations

import json
from typing import Any


def as_json(value: Any) -> bytes:
    """For machines and for people: indented, in the order it was made in, UTF-8."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "replace")
