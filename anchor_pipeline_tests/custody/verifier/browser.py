"""A real Chromium with the verifier's page open from a file, without network."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.custody.verifier.page import verifier_page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")

_VERIFY = """async ({files, options}) => {
  const bytes = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  const given = new Map(Object.entries(files).map(([name, text]) => [name, bytes(text)]));
  for (const name of ["root", "pin", "proof"]) if (options[name]) options[name] = bytes(options[name]);
  const {release, ...result} = await anchorVerify(given, options);
  globalThis.lastRelease = release;
  return result;
}"""


def find_browser() -> str:
    """The path of a Chromium; skips the test if there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on the PATH: apt-get install chromium")
    return found


class Browser:
    """The page, and what it says."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def verify(self, files: Mapping[str, bytes], **options: Any) -> dict[str, Any]:
        """What `anchorVerify` makes of files by name; bytes among the options are files as well."""
        ready = {name: _b64(value) if isinstance(value, bytes) else value for name, value in options.items()}
        given = {name: _b64(data) for name, data in files.items()}
        result: dict[str, Any] = self.page.evaluate(_VERIFY, {"files": given, "options": ready})
        return result

    def trace(self, document: str) -> dict[str, Any]:
        """The way of a document of the release that was verified last."""
        found: dict[str, Any] = self.page.evaluate(
            "(id) => new Promise((done) => $trace.traceDocument(lastRelease, id).then(done))", document
        )
        return found


@contextmanager
def launched() -> Iterator[Any]:
    """Playwright's Chromium. While it runs, this thread has an event loop of its own: no other may be started."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = find_browser()
    with sync_api.sync_playwright() as playwright:
        # As root, in a container, Chromium has no sandbox of its own to use.
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def opened_page(chromium: Any, folder: Path, **context: Any) -> Iterator[Any]:
    """Playwright's page with the verifier, from a file, offline."""
    path = folder / "VERIFY.html"
    path.write_bytes(verifier_page())
    made = chromium.new_context(offline=True, **context)
    try:
        page = made.new_page()
        page.goto(path.as_uri())
        yield page
    finally:
        made.close()


def codes(result: Mapping[str, Any], ok: bool | None = False) -> list[str]:
    """Codes of the claims that are wrong (or proved, or open), in their order."""
    return [claim["code"] for claim in result["claims"] if claim["ok"] is ok]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
