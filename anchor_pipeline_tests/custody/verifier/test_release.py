"""A whole release, good and altered, in a real browser."""

from __future__ import annotations

import pytest

from anchor_pipeline_tests.custody.verifier.browser import Browser, codes
from anchor_pipeline_tests.custody.verifier.releases import ROOT, World


@pytest.fixture(scope="module")
def good() -> dict[str, bytes]:
    return World().files()


def test_a_good_release_is_proved(browser: Browser, good: dict[str, bytes]) -> None:
    result = browser.verify(good, root=ROOT)
    assert (result["verdict"], codes(result)) == ("valid", [])
    assert set(codes(result, True)) >= {"manifest", "files", "verdict", "ledger", "root", "completion", "documents", "credentials"}
