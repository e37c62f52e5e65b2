"""A wrong declaration is refused with every problem at once: file, line, the nearest valid name."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.errors import DeclarationError, UsageError
from anchor_pipeline.project import Project, load_project

GOOD = """
project: p
cycle: {cadence: yearly, start: 2000-01-01}
domains:
  a: {}
  s: {volatility: slow, fresh_window: 2y}
  v: {volatility: volatile}
sources:
  x: {kind: anchor, domain: a, uri: x.jsonl}
stages:
  t: {tokens: 200k, domains: {a: 0.5, s: 0.25, v: {weight: 25 %, rules: {anchor_share: {min: 0.4}}}}}
"""


def load(tmp_path: Path, text: str, **environ: str) -> Project:
    (tmp_path / "project.yaml").write_text(text)
    return load_project(tmp_path, environ)


def problems(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        load(tmp_path, text, **environ)
    assert all(problem.file.endswith("project.yaml") for problem in caught.value.problems)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def test_sizes_shares_and_durations_are_exact(tmp_path: Path) -> None:
    project = load(tmp_path, GOOD)
    stage = project.stages["t"]
    assert stage.tokens.text == 200_000
    assert [part.weight for part in stage.domains.values()] == [Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)]
    assert str(project.domains["a"].window) == "60d"
    assert project.domains["v"].window.seconds == 30 * 86400


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("uri: x.jsonl", "urii: x.jsonl", "unknown key `urii` in `sources.x`; did you mean `uri`?"),
        (
            "kind: anchor",
            "kind: anchors",
            "`sources.x.kind` is 'anchors'; it can be 'licensed', 'enterprise', 'anchor'",
        ),
        ("domain: a", "domain: aa", "domain `aa` is not declared; did you mean `a`?"),
        ("  t: {tokens", "  all: {tokens", "`all` stands for every stage"),
        ("tokens: 200k", "tokens: 200q", "'200q' is not a size"),
        ("a: 0.5", "a: 0.6", "the domain weights add up to 1.1, not to 1"),
        ("fresh_window: 2y", "fresh_window: 2", "is not a duration"),
        (", fresh_window: 2y", "", "a slow domain must declare its `fresh_window`"),
        ("project: p", "projekt: p", "unknown key `projekt`; did you mean `project`?"),
        ("project: p", "project: 'a b'", "cannot be a name"),
        ("min: 0.4", "min: 1.4", "is not a share"),
        ("anchor_share:", "anchor_shre:", "did you mean `anchor_share`?"),
        ("cadence: yearly", "cadence: sometimes", "it can be 'hourly', 'daily'"),
        ("cadence: yearly, ", "", "declare either `cadence`"),
        ("cadence: yearly", "cron: every day", "is not a cron expression"),
        ("uri: x.jsonl", "uri: '${NOWHERE}/x'", "the environment variable NOWHERE is not set"),
        ("uri: x.jsonl", "uri: x, uri: y", "`uri` is declared twice"),
        ("uri: x.jsonl", "steward: s", "declare where the data is"),
        ("2000-01-01", "01/02/2000", "is not a date; write it as 2021-07-05"),
    ],
)
def test_each_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    text = GOOD.replace(old, new)
    line = next(number for number, row in enumerate(GOOD.splitlines(), 1) if old in row)
    found = problems(tmp_path, text)
    assert any(expected in problem for problem in found), found
    assert any(problem.startswith(f"{line}: ") for problem in found), found


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("uri: x.jsonl", "urii: x").replace("200k", "200q").replace("project: p", "project: '1'")
    assert len(problems(tmp_path, text)) >= 3


def test_environment_and_defaults(tmp_path: Path) -> None:
    text = GOOD.replace("uri: x.jsonl", "uri: '${A}/${B:-b}.jsonl'")
    assert load(tmp_path, text, A="/data").sources["x"].uri == "/data/b.jsonl"


def test_scalars_mean_what_the_field_says(tmp_path: Path) -> None:
    generator = "kind: synthetic, generator: {name: m, version: 0613, seed: 1:30, temperature: off}"
    project = load(tmp_path, GOOD.replace("kind: anchor", generator))
    made = project.sources["x"].generator
    assert made is not None
    assert (made.version, made.seed, made.temperature) == ("0613", "1:30", "off")
    assert made.identity == "m@0613"


def test_settings_narrowest_wins(tmp_path: Path) -> None:
    base = load(tmp_path, GOOD)
    assert base.setting("anchor_share", domain="v").min == Fraction(1, 5)  # type: ignore[attr-defined]
    assert base.setting("anchor_share", domain="s").min == Fraction(1, 10)  # type: ignore[attr-defined]
    assert base.setting("anchor_share", stage="t", domain="v").min == Fraction(2, 5)  # type: ignore[attr-defined]
    narrow = GOOD.replace("a: {}", "a: {rules: {synthetic_share: {max: 0.2}}}").replace(
        "tokens: 200k,", "tokens: 200k, rules: {synthetic_share: {severity: warn}, anchor_share: off},"
    )
    project = load(tmp_path, narrow + "rules: {synthetic_share: {max: 0.1, unknown_counts: false}}\n")
    setting = project.setting("synthetic_share", stage="t", domain="a")
    assert (setting.max, setting.severity, setting.unknown_counts) == (Fraction(1, 5), "warn", False)  # type: ignore[attr-defined]
    assert project.setting("synthetic_share", stage="t").max == Fraction(1, 10)  # type: ignore[attr-defined]
    assert project.setting("anchor_share", stage="t").off
    assert not project.setting("anchor_share", stage="t", domain="v").off, "a narrower mapping switches it on again"


def test_expectations_keep_numbers_and_quoted_text(tmp_path: Path) -> None:
    text = GOOD.replace(
        "uri: x.jsonl", "uri: x, expectations: [{type: t, column: tokens, min_value: 1, max_value: '2', mostly: 0.9}]"
    )
    assert load(tmp_path, text).sources["x"].expectations[0] == {
        "type": "t", "column": "tokens", "min_value": 1, "max_value": "2", "mostly": 0.9,
    }  # fmt: skip


def test_what_is_no_yaml_or_too_large_is_refused(tmp_path: Path) -> None:
    assert "not valid YAML" in problems(tmp_path, "a: [")[0]
    assert "not a mapping" in problems(tmp_path, "- 1")[0]
    assert "not valid YAML" in problems(tmp_path, "a: !!python/object:os.system {}\nb: [")[0]
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    bomb += "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9))
    assert "too large" in problems(tmp_path, bomb)[0]
    assert "too" in problems(tmp_path, "a: " + "[" * 60 + "]" * 60)[0]


def test_python_tags_do_nothing(tmp_path: Path) -> None:
    target = tmp_path / "made"
    problems(tmp_path, f"project: !!python/object/apply:os.mkdir ['{target}']\n")
    assert not target.exists()


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="anchor init"):
        load_project(tmp_path / "nowhere")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_project_or_a_declaration_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("p")
    (folder / "project.yaml").write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(DeclarationError):
        load_project(folder, {})


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys, anchor_pipeline.cli, anchor_pipeline.project\n"
        "heavy = {'dagster', 'polars', 'pyarrow', 'duckdb', 'numba', 'scipy', 'sklearn', 'great_expectations',"
        " 'pandas', 'numpy', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
