from __future__ import annotations

from collections.abc import Iterator

import pytest

from anchor_pipeline_tests.custody.verifier.browser import Browser, opened_page


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened_page(tmp_path_factory.mktemp("verifier")) as page:
        yield Browser(page)
