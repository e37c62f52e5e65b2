"""The static vectors in a real browser: the page says of each what it states."""

from __future__ import annotations

import pytest

from anchor_pipeline_tests.custody.vectors import SOUND, Vector, read
from anchor_pipeline_tests.custody.verdicts import READERS
from anchor_pipeline_tests.custody.verifier.browser import Browser, codes


def said(browser: Browser, vector: Vector) -> str:
    """The first code of the page, or `sound`."""
    carried = {name: data for name, data in vector.files.items() if name not in READERS}
    result = browser.verify(carried, root=vector.files["root.pub.json"], pin=vector.files.get("pin"))
    wrong = codes(result)
    assert (result["verdict"] == "invalid") == bool(wrong)
    return wrong[0] if wrong else SOUND


@pytest.mark.parametrize("name", ["ledgers.json", "releases.json"])
def test_the_page_says_what_they_state(browser: Browser, name: str) -> None:
    found = {one.name: (one.verdict, said(browser, one)) for one in read(name)}
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}
