"""The lineage graph of a store, opened for questions.

    with open_graph(store) as graph:
        keys = graph.documents_where("source = ?", ["tickets"])
        for release in graph.releases_of(keys):
            print(release.folder, release.documents, release.tokens)

Opening brings it up to date first; where nothing is new that is a listing of names, and nothing is locked.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import duckdb

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData, Unavailable
from anchor_pipeline.graph import questions
from anchor_pipeline.graph.database import WAIT_SECONDS, Damaged, connect, file_of, release_scratch, remove
from anchor_pipeline.graph.update import Updated, apply, news_of

if TYPE_CHECKING:
    from anchor_pipeline.graph.ancestors import Ancestry
    from anchor_pipeline.graph.generators import Generator
    from anchor_pipeline.graph.origins import Origins


class Graph:
    """An open graph. One thread at a time; close it, for nobody can write while somebody reads."""

    def __init__(self, store: Store, connection: duckdb.DuckDBPyConnection, updated: Updated, wait: float) -> None:
        self.store = store
        self.connection = connection
        """Reads only; temporary tables may be made in it."""
        self.updated = updated
        """What opening it has added, and `troubles`: what is missing because it could not be read."""
        self._wait = wait

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others write."""
        release_scratch(self.connection)

    def update(self) -> Updated:
        """Bring the graph up to date with its store; temporary tables are gone afterwards."""
        self.close()
        self.connection, self.updated = _current(self.store, self._wait)
        return self.updated

    def documents_where(self, condition: str, parameters: Sequence[object] = ()) -> questions.Keys:
        """Keys of the documents for which an SQL condition on the columns of `documents` holds."""
        return questions.documents_where(self.connection, condition, parameters)

    def releases_of(self, keys: questions.Keys) -> list[questions.Holding]:
        """The releases that hold any of the documents, by stage, cycle and revision."""
        return questions.releases_of(self.connection, keys)

    def exports_of(self, digests: Sequence[str]) -> list[questions.Export]:
        """What was written from releases with these mix digests, as far as it was recorded."""
        return questions.exports_of(self.connection, digests)

    def descendants(self, keys: questions.Keys, *, possible: bool = True) -> questions.Keys:
        """Keys of all documents that were made from these, by way of any number of others.

        Parents are names of documents, so what names one that has several contents descends from each. `possible`:
        an id that several sources have stands for all of them, otherwise for none.
        """
        from anchor_pipeline.graph.descendants import descendants

        return descendants(self.connection, keys, possible=possible)

    def ancestry(self, doc_id: str) -> Ancestry:
        """Everything a document was made from, by way of any number of others."""
        from anchor_pipeline.graph.ancestors import ancestry

        return ancestry(self.connection, doc_id)

    def origins(self, release: int) -> Origins:
        """Where the tokens of a release come from in the end."""
        from anchor_pipeline.graph.origins import origins

        return origins(self.connection, release)

    def generators(self) -> list[Generator]:
        """What each line of generators has written, over how many generations, and how much of it feeds on itself."""
        from anchor_pipeline.graph.generators import generators

        return generators(self.connection)


def open_graph(store: Store, *, update: bool = True, wait: float = WAIT_SECONDS) -> Graph:
    """Open the lineage graph of a store, as it is now (`update`) or as it was last brought up to date.

    Raises Unavailable if other processes have it open for `wait` seconds; DamagedData if it is to be read as it was,
    and was never built.
    """
    if update:
        return Graph(store, *_current(store, wait), wait)
    try:
        return Graph(store, connect(store, write=False, wait=wait), Updated(), wait)
    except Damaged as error:
        raise DamagedData(f"{error}; build the lineage graph first, with `anchor lineage build`") from None


def _current(store: Store, wait: float) -> tuple[duckdb.DuckDBPyConnection, Updated]:
    """A connection to a graph in which nothing is missing that lies in the store now."""
    try:
        connection = connect(store, write=False, wait=wait)
        if not news_of(store, connection):
            return connection, Updated()
        release_scratch(connection)
    except (Damaged, *_BROKEN):
        pass
    with _writing(store):
        try:
            updated = _written(store, wait)
        except (Damaged, *_BROKEN):
            remove(store)
            try:
                updated = _written(store, wait)
            except (Damaged, *_BROKEN) as error:
                raise Unavailable(f"the lineage graph cannot be built ({error}); see to the disk, try again") from error
    return connect(store, write=False, wait=wait), updated


_BROKEN = (duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)
"""What DuckDB says of a file of its own that is damaged."""


def _written(store: Store, wait: float) -> Updated:
    fresh = not file_of(store).exists()
    connection = connect(store, write=True, wait=wait)
    try:
        updated = apply(store, connection, news_of(store, connection))
        connection.execute("CHECKPOINT")
    finally:
        release_scratch(connection)
    updated.rebuilt = fresh
    return updated


@contextmanager
def _writing(store: Store) -> Iterator[None]:
    """One process at a time decides whether to build the graph anew, and writes it."""
    path = file_of(store).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
