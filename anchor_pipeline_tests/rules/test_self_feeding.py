"""Ancestry from declared parents: twice through one generator, too deep, in circles, unknown or ambiguous."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_pipeline.rules.ancestry import Ancestry, Recorded, walk
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline.rules.self_feeding import evaluate
from anchor_pipeline_tests.rules.evidence import Builder, at, declaration, doc


def _made(id: str, parents: list[str], generator: str | None = "gpt@1", **fields: Any) -> dict[str, Any]:
    line = generator.split("@")[0] if generator else None
    return doc("synth_s", id, 10, parents=parents, generator=generator, family=line, **fields)


def _support(found: list[Finding]) -> Finding:
    return at(found, "support", "text")


def _deep(**setting: Any) -> dict[str, Any]:
    return declaration({"self_feeding": {"max_depth": 9, **setting}})


def test_one_generation_from_human_text_passes(build: Builder) -> None:
    rows = [doc("tickets", "t"), _made("a", ["tickets/t"]), _made("b", ["t"]), _made("c", [])]
    found = _support(evaluate(build(rows)))
    assert (found.status, found.observed, found.required) == ("pass", 0, 0)


def test_two_generations_are_too_deep(build: Builder) -> None:
    rows = [_made("a", [], "phi@1"), _made("b", ["synth_s/a"])]
    found = _support(evaluate(build(rows)))
    assert (found.status, found.shortfall) == ("fail", 10)
    assert found.evidence["too_deep"] == 10
    assert found.evidence["examples"] == {"synth_s/b": "too_deep"}
    assert _support(evaluate(build(rows, project=_deep(max_depth=2)))).status == "pass"


def test_a_new_version_of_the_same_generator_feeds_itself(build: Builder) -> None:
    rows = [_made("a", [], "gpt@1"), _made("b", ["a"], "phi@1"), _made("c", ["b"], "gpt@2"), _made("d", ["c"], None)]
    found = _support(evaluate(build(rows, project=_deep())))
    assert found.evidence["self_fed"] == 20
    assert list(found.evidence["examples"]) == ["synth_s/c", "synth_s/d"]


def test_two_parents_of_one_generator_are_no_circle(build: Builder) -> None:
    rows = [_made("a", [], "gpt@1"), _made("b", [], "gpt@1"), _made("c", ["a", "b"], "phi@1")]
    assert _support(evaluate(build(rows, project=_deep()))).status == "pass"


def test_ancestors_need_not_be_drawn(build: Builder) -> None:
    corpus = [_made("a", [], "gpt@1", status="duplicate"), _made("h", ["a"], None, status="later", authorship="human")]
    found = _support(evaluate(build([_made("b", ["h"], "gpt@2")], corpus=corpus, project=_deep())))
    assert found.evidence["self_fed"] == 10


@pytest.mark.parametrize("length", [1, 2, 5])
def test_circles_end_and_are_found(build: Builder, length: int) -> None:
    rows = [_made(str(i), [f"synth_s/{(i + 1) % length}"], f"g{i}@1") for i in range(length)]
    rows.append(_made("below", ["synth_s/0"], "other@1"))
    found = _support(evaluate(build(rows, project=_deep())))
    assert found.evidence["self_fed"] == 10 * (length + 1)


def test_a_circle_of_human_text_is_none(build: Builder) -> None:
    rows = [doc("tickets", "1", parents=["tickets/2"]), doc("tickets", "2", parents=["tickets/1"])]
    assert _support(evaluate(build(rows))).status == "pass"


def test_unknown_parents_are_said_and_not_guessed(build: Builder) -> None:
    rows = [_made("a", ["nowhere/1", "gone"]), _made("same", ["same"])]
    found = _support(evaluate(build(rows)))
    assert found.status == "pass"
    assert found.evidence["parents_not_in_corpus"] == {"count": 3, "examples": ["gone", "nowhere/1", "same"]}
    assert "3 declared parents are not in the corpus" in found.message


def test_an_ambiguous_parent_that_would_matter_is_no_pass(build: Builder) -> None:
    corpus = [doc("human_e", "7"), doc("synth_e", "7"), doc("tickets", "8"), doc("human_e", "8")]
    found = _support(evaluate(build([_made("a", ["7"])], corpus=corpus)))
    assert found.status == "insufficient"
    assert found.evidence["ambiguous_parents"] == {"count": 1, "examples": ["7"]}
    assert _support(evaluate(build([_made("a", ["8"])], corpus=corpus))).status == "pass"
    assert _support(evaluate(build([_made("a", ["human_e/7"])], corpus=corpus))).status == "pass"
    # The original's id, used again for what was made of it.
    assert _support(evaluate(build([_made("9", ["9"])], corpus=[doc("tickets", "9")]))).status == "pass"


def test_no_generation_allowed(build: Builder) -> None:
    project = declaration({"self_feeding": {"max_depth": 0}})
    rows = [doc("tickets", "1"), doc("tickets", "2", parents=["a"]), _made("a", []), _made("b", ["tickets/1"])]
    found = _support(evaluate(build(rows, project=project)))
    assert found.observed == 30
    assert at(evaluate(build([*rows, doc("human_e", "1")], project=project)), "essays").status == "pass"


def test_off_in_one_domain_and_warning_in_the_other(build: Builder) -> None:
    rows = [_made("a", []), _made("b", ["a"]), doc("synth_e", "c", parents=["a"])]
    domains = {
        "support": {"rules": {"self_feeding": "off"}},
        "essays": {"rules": {"self_feeding": {"severity": "warn"}}},
    }
    (found,) = evaluate(build(rows, project=declaration(domains=domains)))
    assert (found.domain, found.status, found.refuses) == ("essays", "fail", False)


def test_nothing_selected_is_no_pass(build: Builder) -> None:
    assert {one.status for one in evaluate(build([]))} == {"insufficient"}


@given(data=st.data(), size=st.integers(1, 3), limit=st.integers(1, 2))
def test_walking_agrees_with_following_every_path(data: st.DataObject, size: int, limit: int) -> None:
    line = [data.draw(st.sampled_from([0, 1, 2])) for _ in range(size)]
    generated = [bool(bit) or data.draw(st.booleans()) for bit in line]
    parents = [tuple(data.draw(st.lists(st.integers(0, size - 1), max_size=2, unique=True))) for _ in range(size)]
    graph = Ancestry(line=line, generated=generated, certain=parents)
    descent = walk(graph, graph.parents(possible=False), limit)

    def paths(node: int, steps: int) -> list[list[int]]:
        longer = [[node, *rest] for p in parents[node] for rest in paths(p, steps - 1)] if steps else []
        return [[node], *longer]

    for node in range(size):
        # Long enough to go around every circle once more than the limit counts.
        ways = paths(node, 3 * size)
        lines = [[line[i] for i in way if line[i]] for way in ways]
        assert descent.fed[node] == any(len(set(names)) < len(names) for names in lines)
        assert descent.depth[node] == min(limit, max(sum(generated[i] for i in way) for way in ways))


def test_a_long_chain_takes_linear_time(build: Builder) -> None:
    rows = [doc("tickets", "0"), *(doc("tickets", str(i), parents=[f"tickets/{i - 1}"]) for i in range(1, 20_000))]
    evidence = build(rows)
    start = time.process_time()
    assert _support(evaluate(evidence)).status == "pass"
    assert time.process_time() - start < 5


def _on_record(*documents: Recorded) -> Callable[[Sequence[str]], list[Recorded]]:
    """A record that holds just these, and gives them all whatever is asked."""
    return lambda names: list(documents)


def test_parents_that_only_the_record_knows_count(build: Builder) -> None:
    evidence = build([_made("b", ["gone/a"], "phi@1")], project=_deep())
    assert _support(evaluate(evidence)).evidence["parents_not_in_corpus"]["examples"] == ["gone/a"]
    known = _on_record(
        Recorded("gone/a", "gpt@1", None, "synthetic", ("x", "lost")), Recorded("old/x", "phi@0", None, "synthetic", ())
    )
    found = _support(evaluate(replace(evidence, recorded=known)))
    assert (found.status, found.evidence["self_fed"]) == ("fail", 10)
    assert found.evidence["parents_not_in_corpus"] == {"count": 1, "examples": ["lost"]}
    assert found.evidence["parents_recorded_earlier"] == {"count": 2, "examples": ["gone/a", "x"]}


def test_the_record_leads_back_into_the_corpus_and_does_not_replace_it(build: Builder) -> None:
    corpus = [_made("c", ["d"], "gpt@1"), doc("tickets", "d")]
    evidence = build([_made("b", ["gone/a"], "gpt@2")], corpus=corpus, project=_deep())
    # What the record says of a document that the corpus holds is not heard.
    known = _on_record(
        Recorded("gone/a", None, None, "human", ("synth_s/c",)),
        Recorded("tickets/d", "phi@1", None, "synthetic", ("b",)),
    )
    found = _support(evaluate(replace(evidence, recorded=known)))
    assert (found.status, found.evidence["self_fed"]) == ("fail", 10)
    assert "parents_not_in_corpus" not in found.evidence


def test_a_record_that_knows_nothing_changes_nothing(build: Builder) -> None:
    asked: list[Sequence[str]] = []

    def ask(names: Sequence[str]) -> list[Recorded]:
        asked.append(names)
        return []

    evidence = build([_made("a", ["nowhere/1", "gone"]), _made("same", ["same"]), _made("b", ["a"], "phi@1")])
    assert evaluate(replace(evidence, recorded=ask)) == evaluate(evidence)
    assert asked == [["gone", "nowhere/1", "same"]]
    whole = build([_made("a", []), _made("b", ["a"])])
    evaluate(replace(whole, recorded=ask))
    assert len(asked) == 1


def test_an_id_that_several_recorded_documents_bear_is_ambiguous(build: Builder) -> None:
    evidence = build([_made("b", ["7"], "gpt@1")], project=_deep())
    known = _on_record(Recorded("one/7", "gpt@1", None, "synthetic", ()), Recorded("two/7", None, None, "human", ()))
    found = _support(evaluate(replace(evidence, recorded=known)))
    assert (found.status, found.evidence["ambiguous_parents"]["examples"]) == ("insufficient", ["7"])
