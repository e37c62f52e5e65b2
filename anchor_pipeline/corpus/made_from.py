"""What a table was made from, said in its own footer.

A table and the record beside it cannot be replaced in one go. After a crash between the two, or while another run
builds the same cycle, the record may be of another table than the one that lies there: so nobody takes the record's
word for it.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline.errors import DamagedData

KEY = "made_from"
"""Of the Parquet file's key-value metadata; the value is the digest of the inputs, as in the record."""


def is_made_from(table: Path, inputs: str) -> bool:
    """Whether the table is there, and was made from the inputs of that digest."""
    try:
        found = pq.read_metadata(table).metadata or {}
    except (OSError, pa.ArrowException):
        return False
    return bool(found.get(KEY.encode()) == inputs.encode())


def must_be_made_from(table: Path, inputs: str, what: str, step: str) -> None:
    """DamagedData unless the table is the one that its record tells of."""
    if not is_made_from(table, inputs):
        raise DamagedData(
            f"{table}: is not the {what} that was made: another run makes it anew, or was killed over it; "
            f"build {step} again"
        )
