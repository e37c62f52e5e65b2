"""The static vectors of docs/spec/vectors: how they are read, and how they were made.

    python -m anchor_pipeline_tests.custody.vectors

makes all of them anew. That is for a change of the specification only: signatures are hedged, so every byte changes,
and vectors are worth something because they stay.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchor_pipeline_tests.custody.cases import Case, all_cases
from anchor_pipeline_tests.custody.cases_releases import release_cases

FOLDER = Path(__file__).parents[2] / "docs/spec/vectors"
FORMAT = "anchor-vectors-1"
SOUND = "sound"


@dataclass(frozen=True)
class Vector:
    """Files, and what has to be said of them."""

    name: str
    why: str
    verdict: str
    """`sound`, or the code of the flaw."""
    files: dict[str, bytes]


def read(name: str) -> list[Vector]:
    """The vectors in `ledgers.json` or `releases.json`."""
    record = json.loads((FOLDER / name).read_text())
    assert record["format"] == FORMAT
    pieces = [
        piece.encode() if isinstance(piece, str) else base64.b64decode(piece["base64"]) for piece in record["pieces"]
    ]
    return [
        Vector(
            one["name"],
            one["why"],
            one["verdict"],
            {path: b"".join(pieces[number] for number in numbers) for path, numbers in one["files"].items()},
        )
        for one in record["vectors"]
    ]


def packed(vectors: Iterable[Vector]) -> str:
    """As JSON: what files have in common is kept once."""
    pieces: dict[bytes, int] = {}
    made = []
    for one in vectors:
        files = {
            path: [pieces.setdefault(piece, len(pieces)) for piece in _split(path, data)]
            for path, data in sorted(one.files.items())
        }
        made.append({"name": one.name, "why": one.why, "verdict": one.verdict, "files": files})
    record = {"format": FORMAT, "pieces": [_piece(piece) for piece in pieces], "vectors": made}
    # A line for each piece and vector, so that a change can be read.
    lines = ",\n".join(f"{json.dumps(name)}:{_lines(value)}" for name, value in record.items())
    return f"{{\n{lines}\n}}\n"


def ledger_vectors() -> Iterator[Vector]:
    """From the cases that the verifiers are tested with."""
    for case in all_cases():
        yield Vector(case.name, case.why, case.code or SOUND, files_of(case))


def files_of(case: Case) -> dict[str, bytes]:
    files = {"ledger.jsonl": case.ledger, "checkpoint": case.head, "root.pub.json": case.root}
    return files if case.pin is None else {**files, "pin": case.pin}


def case_of(vector: Vector) -> Case:
    files = vector.files
    return Case(
        vector.name,
        vector.why,
        "" if vector.verdict == SOUND else vector.verdict,
        files["ledger.jsonl"],
        files["checkpoint"],
        files["root.pub.json"],
        files.get("pin"),
    )


def release_vectors() -> Iterator[Vector]:
    for name, why, code, files in release_cases():
        yield Vector(name, why, code or SOUND, files)


def _split(path: str, data: bytes) -> list[bytes]:
    if not path.endswith(".jsonl"):
        return [data] if data else []
    lines = data.split(b"\n")
    return [line for line in [*(one + b"\n" for one in lines[:-1]), lines[-1]] if line]


def _piece(data: bytes) -> Any:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _lines(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value)
    return "[\n" + ",\n".join(json.dumps(one, ensure_ascii=True, separators=(",", ":")) for one in value) + "\n]"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, made in (("ledgers.json", ledger_vectors()), ("releases.json", release_vectors())):
        (FOLDER / name).write_text(packed(made))


if __name__ == "__main__":
    main()
