"""How fast the browser verifier is: 10,000 records in a real Chromium, by its own ML-DSA-65 and by this project's.

    python -m bench.bench_verifier [RECORDS]

A record is an entry of a ledger: canonical JSON twice, its rules, one Ed25519 and one ML-DSA-65 signature. Goals: at
least 300 records a second without the browser's own ML-DSA-65, and a page that answers meanwhile.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anchor_pipeline.custody import note
from anchor_pipeline.custody.envelope import seal
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline.custody.merkle import Frontier, leaf_hash
from anchor_pipeline.custody.statements import statement
from anchor_pipeline.custody.verifier.page import verifier_page
from bench.measure import table

RECORDS = 10_000
ORIGIN = "example.org/bench"

_CHECK = """async (native) => {
  const [ledger, head, root] = document.getElementById("bench").files;
  let [longest, last, told] = [0, performance.now(), 0];
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 10);
  const client = new $client.Client(document.getElementById("core").textContent);
  if (native === "no worker") client.withoutWorker();
  const begun = performance.now();
  const files = [["ledger.jsonl", ledger], ["checkpoint", head]];
  const options = {root, native: native === "no worker" ? true : native};
  const {overall, summary} = await client.ask({ask: "verify", files, options}, () => { told += 1; });
  clearInterval(watch);
  client.worker?.terminate();
  const seconds = (performance.now() - begun) / 1000;
  return {seconds, longest, told, state: overall.state, size: summary.size, means: summary.means};
}"""

_INPUT = """() => {
  const input = Object.assign(document.createElement("input"), {id: "bench", type: "file", multiple: true});
  document.body.append(input);
}"""


def main() -> str:
    """Measure all ways."""
    browser = shutil.which("chromium")
    if browser is None:
        return "skipped: there is no Chromium on this machine"
    records = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with tempfile.TemporaryDirectory() as name:
        files = write_ledger(Path(name), records)
        rows = _measured(browser, files)
    header = ["10,000 records in Chromium" if records == RECORDS else f"{records:,} records in Chromium"]
    return table([*header, "seconds", "records/s", "longest pause of the page, ms", "times progress was told"], rows)


WAYS: dict[str, Any] = {
    "ML-DSA-65 and Ed25519 of the browser": True,
    "Ed25519 of the browser, ML-DSA-65 of this project": "ed25519",
    "both of this project": False,
    "of the browser, without a worker": "no worker",
}


def _measured(browser: str, files: list[Path]) -> list[list[str]]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        rows = [_row(title, measure(chromium, files, native)) for title, native in WAYS.items()]
        chromium.close()
    return rows


def _row(title: str, found: dict[str, Any]) -> list[str]:
    rate = found["size"] / found["seconds"]
    return [title, f"{found['seconds']:.1f}", f"{rate:,.0f}", f"{found['longest']:.0f}", str(found["told"])]


def measure(chromium: Any, files: list[Path], native: Any) -> dict[str, Any]:
    """What one check of a ledger took in a browser of Playwright; AssertionError if it is not found good."""
    page_file = files[0].with_name("VERIFY.html")
    page_file.write_bytes(verifier_page())
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.goto(page_file.as_uri())
    # An input of its own: the page must not begin a check beside the one that is measured.
    page.evaluate(_INPUT)
    page.set_input_files("#bench", files)
    found: dict[str, Any] = page.evaluate(_CHECK, native)
    context.close()
    assert found["state"] == "proved", found
    return found


def write_ledger(folder: Path, records: int) -> list[Path]:
    """A sound ledger of so many entries, its head, and the root key."""
    root, pipeline = PrivateKey.generate("root"), PrivateKey.generate("pipeline")
    tree = Frontier()
    with (folder / "ledger.jsonl").open("wb") as file:
        for line in _entries(root, pipeline, records):
            tree.append(leaf_hash(line))
            file.write(line + b"\n")
    head = note.signed(ORIGIN, tree.size, tree.root(), pipeline)
    (folder / "checkpoint").write_text(head.encoded(), encoding="utf-8")
    (folder / "root.pub.json").write_bytes(root.public.encoded())
    return [folder / name for name in ("ledger.jsonl", "checkpoint", "root.pub.json")]


def _entries(root: PrivateKey, pipeline: PrivateKey, records: int) -> Iterator[bytes]:
    previous = ""
    for number in range(records):
        signer = pipeline if number else root
        name, fields = ("intent", _intent(number)) if number else ("genesis", _genesis(root, pipeline))
        seconds = f"{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"
        place = {"sequence": number, "previous": previous, "time": f"2026-11-20T{seconds}.000000Z"}
        line = seal(statement(name, {**fields, **place, "origin": ORIGIN, "by": signer.public.identity}), [signer])
        previous = leaf_hash(line).hex()
        yield line


def _genesis(root: PrivateKey, pipeline: PrivateKey) -> dict[str, Any]:
    keys = [{"identity": "pipeline", "key": pipeline.public.record()}]
    return {"root": root.public.record(), "keys": keys, "authority": None, "continues": None}


def _intent(number: int) -> dict[str, Any]:
    data = [{"name": f"raw/books/{n}.jsonl", "digest": f"{number * 10 + n:064x}", "rows": n} for n in range(5)]
    fields: dict[str, Any] = dict.fromkeys(("parent", "as_of", "policy", "description"))
    named = {"run": f"00000000-0000-4000-8000-{number:012}", "step": "sources/books", "project": "bench"}
    return {**fields, **named, "cycle": "2026-11", "version": "1", "inputs": data, "outputs": []}


if __name__ == "__main__":
    begun = time.perf_counter()
    print(main())
    print(f"in all {time.perf_counter() - begun:.0f} s", file=sys.stderr)
