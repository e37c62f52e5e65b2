"""Questions about every single document, which may be more than fit into memory: DuckDB, spilling to disk.

Questions of the kind "does anything occur twice" are asked of 64-bit hashes (8 bytes a document); what they turn
up is then looked at exactly. Two of n documents share a hash by chance with probability n² / 2⁶⁵.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

MEMORY = "384MB"
"""Beyond this DuckDB spills."""


@contextmanager
def connect() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own, gone afterwards with whatever it spilled."""
    with (
        tempfile.TemporaryDirectory(prefix="anchor-rules-") as folder,
        duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": folder}) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        yield connection


def ask(sql: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
    """The rows that answer one question; `literal` makes a file a parameter of read_parquet($name)."""
    with connect() as connection:
        return connection.execute(sql, parameters).fetchall()


def literal(path: Path) -> str:
    """A path that DuckDB takes as it stands, even if it holds * ? or [."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))
