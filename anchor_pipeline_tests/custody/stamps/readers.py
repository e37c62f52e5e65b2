"""What the three verifiers make of a stamp: the package's, that of docs/spec, and the page's, run by node."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

import anchor_pipeline.custody.verifier as page
from anchor_pipeline.custody.stamps.check import read_stamp
from anchor_pipeline.custody.stamps.der import WrongStamp
from docs.spec import verifier

FLAW = "stamp"
_SCRIPT = """
import { readFileSync } from "node:fs";
import { readStamp } from "./stamps.js";
import { WrongStamp } from "./stamps_der.js";
import { unb64, unhex } from "./bytes.js";
const { subtle } = globalThis.crypto;
const out = [];
for (const [kind, data, digest] of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    out.push(await readStamp(unb64(data, ""), kind, unhex(digest), subtle));
  } catch (error) {
    if (!(error instanceof WrongStamp)) throw error;
    out.push({ state: "stamp", why: error.message });
  }
}
process.stdout.write(JSON.stringify(out));
"""


class Given(NamedTuple):
    """A stamp, and what it should be of."""

    kind: str
    data: bytes
    digest: bytes


def first(given: Given) -> str:
    """The package's: its state, or that it is wrong."""
    try:
        return read_stamp(given.data, 7, given.kind, given.digest).state
    except WrongStamp:
        return FLAW


def second(given: Given) -> str:
    """That of docs/spec."""
    try:
        return verifier.read_stamp(given.data, given.kind, given.digest)[0]
    except verifier.NoStamp:
        return FLAW


def third(folder: Path, given: Sequence[Given]) -> list[dict[str, object]]:
    """The page's, for many at once: all that it read. Skips where there is no node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the PATH: apt-get install nodejs")
    folder.mkdir(exist_ok=True)
    for path in Path(page.__file__).parent.glob("*.js"):
        shutil.copy(path, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "read.js").write_text(_SCRIPT)
    told = json.dumps([[one.kind, base64.b64encode(one.data).decode(), one.digest.hex()] for one in given])
    command = [node, str(folder / "read.js")]
    done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found
