from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from anchor_pipeline_tests.custody.verifier.browser import Browser, launched, opened_page


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    with launched() as found:
        yield found


@pytest.fixture(scope="package")
def browser(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened_page(chromium, tmp_path_factory.mktemp("verifier")) as page:
        yield Browser(page)
