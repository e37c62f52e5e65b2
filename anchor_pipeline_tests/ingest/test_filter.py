"""`where`: any condition on one row, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor_pipeline.errors import UsageError
from anchor_pipeline.ingest.filter import Where
from anchor_pipeline.ingest.readers import streams
from anchor_pipeline.ingest.readers.base import WhereFailed
from anchor_pipeline_tests.ingest.support import ingest, read

BATCH = pa.record_batch(
    {
        "origin": ["human", "gpt", None, "Human"],
        "n": pa.array([1, 5, 9, None], pa.int64()),
        "two words": ["a", "b", "c", "d"],
        "meta": ['{"lang": "en"}', None, "{}", '{"lang": "de"}'],
        "day": pa.array([0, 1, 2, 3], pa.date32()),
    }
)


@pytest.mark.parametrize(
    ("expression", "kept", "columns"),
    [
        ("origin = 'human'", [0], ("origin",)),
        ("origin <> 'human' -- not them", [1, 3], ("origin",)),
        ("lower(origin) LIKE 'hu%' OR n BETWEEN 2 AND 6", [0, 1, 3], ("origin", "n")),
        ("origin IS NULL", [2], ("origin",)),
        ("\"two words\" IN ('b', 'c;d')", [1], ("two words",)),
        ("meta->>'lang' = 'en'", [0], ("meta",)),
        ("CASE WHEN n > 2 THEN true ELSE origin = 'human' END", [0, 1, 2], ("n", "origin")),
        ("n::DOUBLE / 2 > 2 AND day < DATE '1970-01-03'", [1], ("n", "day")),
        ("regexp_matches(origin, '^[hH]') AND NOT coalesce(n, 0) = 1", [3], ("origin", "n")),
    ],
)
def test_conditions(expression: str, kept: list[int], columns: tuple[str, ...]) -> None:
    where = Where("s", expression)
    assert where.columns == columns
    assert where.keep(BATCH).nonzero()[0].tolist() == kept


@pytest.mark.parametrize(
    "expression",
    [
        "n = 1; DROP TABLE x",
        "n = 1) OR (1 = 1",
        "n = 1, n = 2",
        "n = 1 FROM range(3)",
        "n = 1 ORDER BY 1",
        "n = 1 UNION SELECT true",
        "n IN (SELECT 1)",
        "EXISTS (SELECT * FROM read_csv('/etc/passwd') WHERE n = 1)",
        "n = count(*)",
        "row_number() OVER (ORDER BY n) < 3",
        "random() < 0.5 AND n = 1",
        "uuid() = origin",
        "day < now()",
        "day < today()",
        "getenv('HOME') = origin",
        "current_setting('threads') = n",
        "list_filter([n], x -> x > 1) IS NOT NULL",
        "COLUMNS(*) > 1",
        "n > $1",
        "n > ?",
        "nosuchfunction(n) = 1",
        "read_text('/etc/passwd') = origin",
        "1 = 1",
        "",
        "-- n = 1",
        "n = = 1",
    ],
)
def test_anything_else_is_refused(expression: str) -> None:
    with pytest.raises(UsageError) as caught:
        Where("letters", expression)
    assert f"source letters: `where: {expression}`" in str(caught.value)


def test_a_clock_hidden_as_a_column_is_a_missing_column(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    snapshot, kept, _ = ingest(tmp_path, uri="a.jsonl", where="current_date > '2020-01-01'")
    assert kept == []
    assert "missing column `current_date`" in snapshot.unreadable[0].message


def test_no_way_out() -> None:
    connection = Where("s", "n = 1")._connection
    for statement in ("SELECT * FROM read_csv('/etc/passwd')", "SET enable_external_access = true", "SET threads = 2"):
        with pytest.raises(Exception, match=r"disabled|locked|Cannot"):
            connection.execute(statement)


values = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.just(2**70), st.floats(-5, 5), st.sampled_from(["", "3", "x"]),
    st.just([1]), st.just({"a": "x"}),
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(values, values), max_size=8),
    st.sampled_from(["try_cast(a AS DOUBLE) > 1", "a IS NULL OR b IS NULL"]),
)
def test_a_row_is_judged_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: Any, expression: str) -> None:
    """Whatever stands in the other lines, and however they are cut into blocks."""
    where = Where("s", expression)
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"a": a, "b": b}).encode() + b"\n" for a, b in rows]

    def kept(data: bytes) -> list[int]:
        path.write_bytes(data)
        return [row["row"] for row in read("jsonl", path, "a", where=where)[0]]

    together = kept(b"".join(lines))
    assert together == [at for at, line in enumerate(lines, 1) if kept(line)]
    monkeypatch.setattr(streams, "BLOCK", 11)
    assert kept(b"".join(lines)) == together
    monkeypatch.undo()


def test_what_cannot_be_evaluated_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(WhereFailed, match="cannot be evaluated"):
        Where("s", "origin > 5").keep(BATCH)
    for name, data in {"a.csv": "text,n\na,1\nb,x\n", "b.csv": "text,n\nc,1\nd,2\n"}.items():
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text(data)
    snapshot, kept, _ = ingest(tmp_path, uri="in", where="n = 1")
    assert [row["text"] for row in kept] == ["c"]
    assert [entry.path for entry in snapshot.unreadable] == ["a.csv"]
    assert [file.filtered for file in snapshot.files] == [1]
    assert [file.read for file in snapshot.files] == [1]
