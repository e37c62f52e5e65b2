"""Questions about documents and releases that one query answers.

Cost, for D documents, M members of releases and k keys: a condition is one pass over the columns it names, of D rows;
`releases_of` is one pass over the keys of M rows (8 bytes each), blocks that cannot hold any of the keys left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from anchor_pipeline.graph.paths import distinct

Keys = npt.NDArray[np.uint64]
"""Documents, by their keys: sorted, each once."""

_FEW = 64
"""So many keys are written into the question, where DuckDB compares them with the bounds of every block."""

_HOLDING = """
    SELECT r.release, r.stage, r.cycle, r.revision, r.digest, r.folder, r.superseded, count(*), sum(m.tokens)::BIGINT
    FROM members AS m JOIN releases AS r USING (release) WHERE {held}
    GROUP BY ALL ORDER BY r.stage, r.cycle, r.revision
"""


@dataclass(frozen=True)
class Holding:
    """A release that holds some of the documents asked about."""

    release: int
    stage: str
    cycle: str
    revision: int
    digest: str
    """The mix digest."""
    folder: str
    """Its name in the store."""
    superseded: bool
    """A later revision has replaced it."""
    documents: int
    """How many of those asked about it holds."""
    tokens: int
    """Theirs, in the units of their modalities, over all passes."""


@dataclass(frozen=True)
class Known:
    """What is recorded of a document."""

    doc_id: str
    digest: str
    source: str
    authorship: str
    generator: str | None


@dataclass(frozen=True)
class Export:
    """Something that was written from a release."""

    export: int
    name: str
    uri: str
    release_digest: str | None
    at: datetime


def as_keys(values: object) -> Keys:
    """Keys from anything NumPy takes: sorted, each once."""
    return distinct(np.asarray(values, dtype=np.uint64))


def documents_where(connection: duckdb.DuckDBPyConnection, condition: str, parameters: Sequence[object]) -> Keys:
    """Keys of the documents for which an SQL condition holds; values belong into `parameters`, never into the text."""
    found = connection.execute(f"SELECT key FROM documents WHERE {condition}", list(parameters)).fetchnumpy()["key"]
    return as_keys(found)


def keys_named(connection: duckdb.DuckDBPyConnection, doc_id: str) -> Keys:
    """Keys of every content that was recorded under an id."""
    return documents_where(connection, "name = hash(?) AND doc_id = ?", [doc_id, doc_id])


def releases_of(connection: duckdb.DuckDBPyConnection, keys: Keys) -> list[Holding]:
    """The releases that hold any of the documents, by stage, cycle and revision."""
    with registered(connection, keys) as held:
        return [Holding(*row) for row in connection.execute(_HOLDING.format(held=held)).fetchall()]


def documents_of(connection: duckdb.DuckDBPyConnection, keys: Keys) -> list[Known]:
    """What is recorded of documents, by id and digest."""
    with registered(connection, keys, "key") as held:
        rows = connection.execute(
            f"SELECT DISTINCT doc_id, digest, source, authorship, generator FROM documents WHERE {held} ORDER BY ALL"
        )
        return [Known(*row) for row in rows.fetchall()]


def exports_of(connection: duckdb.DuckDBPyConnection, digests: Sequence[str]) -> list[Export]:
    """What was written from releases with these mix digests, in the order it was."""
    rows = connection.execute(
        'SELECT export, name, uri, release_digest, "at" FROM exports WHERE release_digest IN (SELECT unnest(?)) '
        "ORDER BY ALL",
        [list(digests)],
    )
    return [Export(*row) for row in rows.fetchall()]


class registered:
    """Keys as a condition on the column m.key, for as long as the `with` block."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, keys: Keys, column: str = "m.key") -> None:
        self._connection, self._keys, self._column = connection, keys, column

    def __enter__(self) -> str:
        if not len(self._keys):
            return "false"
        if len(self._keys) <= _FEW:
            return f"{self._column} IN ({', '.join(str(key) for key in self._keys.tolist())})"
        self._connection.register("_asked", pa.table({"key": pa.array(self._keys)}))
        return f"{self._column} IN (SELECT key FROM _asked)"

    def __exit__(self, *_: object) -> None:
        if len(self._keys) > _FEW:
            self._connection.unregister("_asked")
