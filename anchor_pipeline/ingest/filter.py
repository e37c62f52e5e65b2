"""The `where` clause of a source: one SQL expression on the file's columns, asked of DuckDB batch by batch.

The outcome of a row must depend on that row alone, so the expression is parsed first and only what is a
function of one row is let through: no second statement, no subquery, aggregate, window or lambda, nothing
random and no clock. The connection reaches neither files nor the network, and its settings are locked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest.readers.base import WhereFailed

_ALLOWED = frozenset(
    (
        "BETWEEN",
        "CASE",
        "CAST",
        "COLLATE",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "OPERATOR",
        "TYPE",
    )
)


class Where:
    """A checked `where` clause. Raises UsageError, naming source and expression, if it is not one."""

    def __init__(self, source: str, expression: str) -> None:
        self.source, self.expression = source, expression
        self._connection = _connect()
        tree = self._parse()
        nodes = list(_expressions(tree))
        self.columns = tuple(dict.fromkeys(node["column_names"][0] for node in nodes if node["class"] == "COLUMN_REF"))
        for node in nodes:
            self._check(node)
        if not self.columns:
            raise self._refusal("it names no column of the file")

    def keep(self, batch: pa.RecordBatch) -> NDArray[np.bool_]:
        """Which rows of `batch` (holding at least `columns`) are true. Raises WhereFailed."""
        rows = batch.select(list(self.columns))
        try:
            self._connection.register("rows", rows)
            # The line break ends a comment at the expression's end.
            query = f"SELECT ({self.expression}\n) IS TRUE AS keep FROM rows"
            answer: Any = self._connection.sql(query).fetchnumpy()
            self._connection.unregister("rows")
        except duckdb.Error as error:
            raise WhereFailed(f"`where: {self.expression}` cannot be evaluated: {_first_line(error)}") from None
        keep = np.asarray(answer["keep"], dtype=np.bool_)
        assert len(keep) == batch.num_rows
        return keep

    def _parse(self) -> Any:
        """The syntax tree of the expression, which must read the same bare and in brackets."""
        bare, bracketed = (self._serialised(f"SELECT {text}") for text in (self.expression, f"({self.expression}\n)"))
        if json.dumps(bare) != json.dumps(bracketed) or bare.get("from_table", {}).get("type") != "EMPTY":
            raise self._refusal("it is not a single expression")
        return bare["select_list"]

    def _serialised(self, query: str) -> Any:
        row = self._connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
        answer = json.loads(row[0][0])
        if answer.get("error"):
            raise self._refusal(_first_line(answer.get("error_message", "it cannot be parsed")))
        if len(answer["statements"]) != 1:
            raise self._refusal("it is more than one statement")
        return _without_places(answer["statements"][0]["node"])

    def _check(self, node: Any) -> None:
        kind = node["class"]
        if kind not in _ALLOWED:
            raise self._refusal(f"a {kind.lower()} is not a function of one row")
        if kind == "FUNCTION" and node["function_name"].lower() not in _row_functions():
            raise self._refusal(f"`{node['function_name']}` is unknown, or not a function of one row alone")

    def _refusal(self, problem: str) -> UsageError:
        return UsageError(
            f"source {self.source}: `where: {self.expression}` is refused: {problem}; "
            "write one SQL condition on the columns of the file"
        )


def _connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={"enable_external_access": "false", "threads": 1})
    connection.execute("SET lock_configuration = true")
    return connection


@lru_cache(maxsize=1)
def _row_functions() -> frozenset[str]:
    """Names of DuckDB's scalar functions that give the same for the same arguments, always."""
    rows = (
        _connect()
        .execute(
            "SELECT lower(function_name) FROM duckdb_functions() GROUP BY ALL "
            "HAVING bool_and(function_type = 'scalar' AND coalesce(stability, '') = 'CONSISTENT')"
        )
        .fetchall()
    )
    return frozenset(name for (name,) in rows) - {"getenv", "error"}


def _expressions(tree: Any) -> Iterator[Any]:
    """All nodes of a syntax tree that are expressions."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from _expressions(part)


def _without_places(tree: Any) -> Any:
    """The tree without the positions in the text it was read from."""
    if isinstance(tree, dict):
        return {name: _without_places(part) for name, part in tree.items() if name != "query_location"}
    if isinstance(tree, list):
        return [_without_places(part) for part in tree]
    return tree


def _first_line(message: object) -> str:
    return str(message).strip().split("\n", 1)[0]
