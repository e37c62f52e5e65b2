from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project.source import Source
from anchor_pipeline.twins import TWINS, find_twin
from anchor_pipeline.twins.base import Origin, TooLittleText
from anchor_pipeline.twins.generate import combined_licence, generate_source
from anchor_pipeline_tests.twins.texts import training


def source(**changes: Any) -> Source:
    generator = {"name": "babbler", "family": "markov", "version": "1", **changes.pop("generator", {})}
    twin = {"twin": "markov", "fit": "notes", "documents": 6, "tokens": 40, **changes}
    return Source.model_validate({"kind": "synthetic", "domain": "chat", "generate": twin, "generator": generator})


def test_each_row_says_what_it_owes_to_whom() -> None:
    texts = training()
    origins = {text.origin.id: text.origin for text in texts}
    rows = [json.loads(line) for line in generate_source(source(), texts, 7).jsonl.splitlines()]
    assert len(rows) == 6
    for row in rows:
        parents = [origins[id] for id in row["parents"]]
        assert parents
        assert datetime.fromisoformat(row["collected_at"]) == max(parent.collected_at for parent in parents)
        assert row["licence"] == combined_licence(parents)
        assert row["generator"] == "babbler@1"


def test_the_record_says_how_to_write_it_again() -> None:
    record = generate_source(source(), training(), 7).record
    digest = record.pop("fit_digest")
    assert isinstance(digest, str)
    assert len(digest) == 64
    assert record == {
        "twin": "markov",
        "version": "1",
        "seed": "7",
        "order": 2,
        "documents": 6,
        "tokens": 40,
        "fit": "notes",
        "fit_texts": 28,
        "fit_tokens": sum(len(text.text.split()) for text in training()),
    }


def test_same_bytes_again_and_a_declared_seed_goes_before_the_project_s() -> None:
    first = generate_source(source(), training(), 7)
    assert first == generate_source(source(), reversed(training()), 7)
    assert first.jsonl == generate_source(source(generator={"seed": "7"}), training(), 99).jsonl
    assert first.jsonl != generate_source(source(), training(), 99).jsonl


def test_another_version_than_declared_is_refused() -> None:
    with pytest.raises(UsageError, match=r'declared as version 3, but `markov` here is 1.*declare version: "1"'):
        generate_source(source(generator={"version": "3"}), training(), 7)


def test_too_little_text_names_the_source() -> None:
    with pytest.raises(TooLittleText, match="source `notes` cannot be imitated"):
        generate_source(source(), [training()[0]._replace(text="Too few words.")], 7)


def test_a_source_that_is_read_is_not_generated() -> None:
    read = Source.model_validate({"kind": "synthetic", "domain": "chat", "uri": "chat.jsonl"})
    with pytest.raises(UsageError, match="read, not generated"):
        generate_source(read, training(), 7)


def test_an_unknown_generator_lists_the_valid_names() -> None:
    with pytest.raises(UsageError, match=r"no generator `markow`; did you mean `markov`\? valid are markov"):
        find_twin("markow")


def test_every_generator_is_registered_by_its_own_name() -> None:
    assert all(find_twin(name).name == name for name in TWINS)


def test_a_combined_licence_keeps_choices_together() -> None:
    day = datetime(2024, 1, 1, tzinfo=UTC)
    origins = [Origin(str(n), day, text) for n, text in enumerate(["MIT", "Apache-2.0 OR MIT", "MIT"])]
    assert combined_licence(origins) == "(Apache-2.0 OR MIT) AND MIT"
    assert combined_licence(origins[1:2]) == "Apache-2.0 OR MIT"
