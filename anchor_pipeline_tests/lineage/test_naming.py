from __future__ import annotations

import pytest

from anchor_pipeline.lineage.naming import dataset_of, namespace_of, without_secrets


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (None, ("anchor://p", "raw/a")),
        ("data/a.jsonl", ("anchor://p", "raw/a")),
        ("/data/a.jsonl", ("anchor://p", "raw/a")),
        ("file:///data/a.jsonl", ("anchor://p", "raw/a")),
        ("zip://in.txt::/data/a.zip", ("anchor://p", "raw/a")),
        ("s3://bucket/k/a.jsonl", ("s3://bucket", "k/a.jsonl")),
        ("s3://bucket", ("s3://bucket", "/")),
        ("https://me:pw@host:8443/a.csv?token=t#f", ("https://host:8443", "a.csv")),
        ("abfss://box@account.dfs.core.windows.net/a", ("abfss://box@account.dfs.core.windows.net", "a")),
        ("abfss://box:pw@account.dfs.core.windows.net/a", ("abfss://box@account.dfs.core.windows.net", "a")),
        ("simplecache::s3://bucket/a", ("s3://bucket", "a")),
        ("zip://in/a.txt::s3://bucket/x.zip", ("s3://bucket", "x.zip!/in/a.txt")),
        ("hf://datasets/org/name/a.parquet", ("hf://datasets", "org/name/a.parquet")),
    ],
)
def test_dataset_of(uri: str | None, expected: tuple[str, str]) -> None:
    assert dataset_of("raw/a", uri, "p") == expected


def test_a_project_name_is_spelt_as_part_of_a_url() -> None:
    assert namespace_of("our mixes/2") == "anchor://our%20mixes%2F2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://id:pw@bucket/a is gone", "s3://bucket/a is gone"),
        ("https://host/a?sig=x&b=y (403)", "https://host/a?… (403)"),
        ("chain zip://a::s3://id:pw@bucket/a", "chain zip://a::s3://bucket/a"),
        ("db_password=abc, AWS_SECRET=x", "db_password=…, AWS_SECRET=…"),
        ("AccountKey=abc;EndpointSuffix=core", "AccountKey=…;EndpointSuffix=core"),
        ("support: 15 tokens missing", "support: 15 tokens missing"),
        ("mail a@b.example, see https://host/a.", "mail a@b.example, see https://host/a."),
    ],
)
def test_without_secrets(text: str, expected: str) -> None:
    assert without_secrets(text) == expected


def test_a_long_text_costs_its_length() -> None:
    # The square of it would take minutes.
    for part in ("x", "x://", "x://y@", "token", "-.+"):
        assert len(without_secrets(part * 30_000)) > 0
