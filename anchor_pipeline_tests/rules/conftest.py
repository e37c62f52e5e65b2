from __future__ import annotations

import pytest

from anchor_pipeline_tests.rules.evidence import Builder


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("rules"))
