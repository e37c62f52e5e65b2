"""The static vectors of docs/spec/vectors/stamps: how they are read, and how they were made.

    python -m anchor_pipeline_tests.custody.stamps.vectors

makes all of them anew, with new keys: for a change of the specification only.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from anchor_pipeline.custody.stamps.opentimestamps import OpenTimestamps
from anchor_pipeline.custody.stamps.rfc3161 import Rfc3161
from anchor_pipeline_tests.custody.stamps.cases import DIGEST, HEAD, Case, cases
from anchor_pipeline_tests.custody.stamps.readers import Given
from anchor_pipeline_tests.custody.stamps.services import authority, calendar

FILE = Path(__file__).parents[3] / "docs/spec/vectors/stamps/stamps.json"
FORMAT = "anchor-stamp-vectors-1"
_LARGEST = 40_000
"""Bytes; what is larger is tried in the tests only."""


def read() -> list[Case]:
    """What lies there."""
    record = json.loads(FILE.read_text())
    assert (record["format"], record["head"]) == (FORMAT, HEAD)
    return [
        Case(one["name"], one["state"], one["why"], Given(one["kind"], base64.b64decode(one["data"]), DIGEST))
        for one in record["vectors"]
    ]


def _by_others() -> Iterator[Case]:
    """Stamps that other software made: python-opentimestamps and OpenSSL."""
    with calendar() as one, tempfile.TemporaryDirectory() as folder, authority(Path(folder) / "tsa") as other:
        stamper = OpenTimestamps([one.url])
        pending = stamper.stamp(DIGEST)
        one.confirmed = True
        yield Case("library-pending", "pending", "by python-opentimestamps", Given("ots", pending, DIGEST))
        done = stamper.upgrade(pending)
        yield Case("library-bitcoin", "bitcoin", "the same, completed", Given("ots", done, DIGEST))
        token = Rfc3161(other.url).stamp(DIGEST)
        yield Case("openssl", "authority", "by openssl ts", Given("tsr", token, DIGEST))


def made() -> str:
    """All of them, a line each, so that a change can be read."""
    found = [case for case in (*cases(), *_by_others()) if len(case.given.data) <= _LARGEST]
    lines = ",\n".join(
        json.dumps(
            {
                "name": case.name,
                "why": case.why,
                "state": case.state,
                "kind": case.given.kind,
                "data": base64.b64encode(case.given.data).decode(),
            }
        )
        for case in found
    )
    return f'{{\n"format":{json.dumps(FORMAT)},\n"head":{json.dumps(HEAD)},\n"vectors":[\n{lines}\n]\n}}\n'


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(made())
