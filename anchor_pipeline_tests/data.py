"""The real data that some machines have beside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[2] / "shared" / "data"


def shared_data() -> Path:
    """The folder of real data: ANCHOR_TEST_DATA, or ../shared/data. Skips the test where there is none."""
    folder = Path(os.environ.get("ANCHOR_TEST_DATA", _BESIDE))
    if not folder.is_dir():
        pytest.skip("no real data: neither ANCHOR_TEST_DATA nor ../shared/data is a folder")
    return folder
