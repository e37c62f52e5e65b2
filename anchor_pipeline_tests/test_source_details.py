"""What is told of datasets: addresses of raw files, columns, terms, shares; nothing that is not declared."""

from __future__ import annotations

from typing import Any

import pytest

from anchor_pipeline.artefacts import export_artefact
from anchor_pipeline.lineage.naming import dataset_of
from anchor_pipeline.mix.manifest import Manifest
from anchor_pipeline.project.source import Source
from anchor_pipeline.source_details import address_of_raw, columns_of_raw, generator_of, tags_of, terms_of


def source(**fields: Any) -> Source:
    return Source.model_validate({"kind": "licensed", "domain": "d", "uri": "raw/*.jsonl", **fields})


@pytest.mark.parametrize(
    ("uri", "path", "address"),
    [
        ("raw/*.jsonl", "a.jsonl", None),
        (None, "a.jsonl", None),
        ("s3://bucket/raw/a.jsonl", "a.jsonl", "s3://bucket/raw/a.jsonl"),
        ("s3://bucket/raw/*.jsonl", "a.jsonl", "s3://bucket/raw/a.jsonl"),
        ("s3://bucket/raw/**/x?.jsonl", "b/x1.jsonl", "s3://bucket/raw/b/x1.jsonl"),
        ("s3://bucket/raw/", "b/a.jsonl", "s3://bucket/raw/b/a.jsonl"),
        ("s3://bucket/raw", "a.jsonl", "s3://bucket/raw/a.jsonl"),
        ("https://example.org/a.jsonl?sig=x", "a.jsonl", "https://example.org/a.jsonl"),
        ("zip://*.txt::s3://bucket/x.zip", "a.txt", None),
    ],
)
def test_the_address_of_a_raw_file(uri: str | None, path: str, address: str | None) -> None:
    assert address_of_raw(uri, path) == address


def test_a_raw_file_on_object_storage_is_named_by_its_address() -> None:
    address = address_of_raw("s3://bucket/raw/*.jsonl", "a.jsonl")
    assert dataset_of("raw/peps/a.jsonl", address, "assistant") == ("s3://bucket", "raw/a.jsonl")


def test_columns_of_raw_files_as_declared() -> None:
    fields = {"id": {"column": "key"}, "text": {"column": "body"}, "licence": "CC0-1.0"}
    found = columns_of_raw(source(fields=fields, domain={"column": "area"}))
    assert found == {
        "doc_id": ("key", "TRANSFORMATION"),
        "domain": ("area", "TRANSFORMATION"),
        "text": ("body", "IDENTITY"),
        **dict.fromkeys(("tokens", "bytes", "digest"), ("body", "TRANSFORMATION")),
    }
    assert columns_of_raw(source(modality="table")) == {}
    assert columns_of_raw(source(modality="image"))["payload"] == ("payload", "IDENTITY")


def test_terms_say_what_is_declared_and_no_more() -> None:
    bare = terms_of(source())
    assert (bare.licence, bare.licence_column, bare.expires, bare.uses, bare.consent_basis, bare.risk) == (None,) * 6
    assert bare.signed_off is None
    told = terms_of(
        source(
            kind="enterprise",
            fields={"licence": {"column": "terms"}},
            terms={"expires": "2030-12-31", "uses": ["training"]},
            consent={"basis": "contract", "scrubbed": True},
            risk="low",
        )
    )
    assert (told.licence_column, told.expires, told.uses) == ("terms", "2030-12-31", ("training",))
    assert (told.consent_basis, told.scrubbed, told.risk) == ("contract", True, "low")
    assert terms_of(source(kind="anchor", signed_off=True)).signed_off is True


def test_a_generator_and_what_it_was_fitted_on() -> None:
    assert generator_of(source()) is None
    twin = {"kind": "synthetic", "uri": None, "generate": {"twin": "markov", "fit": "peps", "documents": 3}}
    found = generator_of(source(**twin, generator={"name": "markov", "seed": "7"}))
    assert found is not None
    assert (found.name, found.seed, found.version, found.fitted_on) == ("markov", "7", None, "sources/peps")


def test_tags_leave_out_what_is_not_declared() -> None:
    assert tags_of(source()) == {"kind": "licensed", "domain": "d", "modality": "text"}
    assert "domain" not in tags_of(source(domain={"column": "area"}))


def test_an_export_is_made_from_its_mix() -> None:
    manifest = Manifest.model_construct(stage="sft", cycle="2020")
    made = export_artefact("exports/srv/pictures", manifest, "1" * 64, 5)
    assert (made.details.layer, [one.dataset for one in made.details.made_from or ()]) == ("file", ["mix/sft"])
    assert made.change == "CREATE"
