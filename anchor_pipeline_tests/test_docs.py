"""The documentation says what is so: generated parts are current, links lead somewhere, what is shown works."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import pytest

from anchor_pipeline.cli import anchor
from anchor_pipeline.facts import assemble
from anchor_pipeline.ingest.quarantine import REASONS
from anchor_pipeline.ingest.readers import READERS
from anchor_pipeline.mix.candidates import candidates
from anchor_pipeline.mix.manifest import Manifest
from anchor_pipeline.mix.read import Mix
from anchor_pipeline.project.loading import load_project
from anchor_pipeline.project.source import Source
from anchor_pipeline.project.yaml_lines import read_yaml
from anchor_pipeline.rules import explain
from anchor_pipeline_tests.markdown import Block, anchors, blocks, commands, links
from docs.examples import EXAMPLES, Terminal, readme_project
from docs.generate import ROOT, main, markdown_files

PAGES = markdown_files()
PAGE = pytest.mark.parametrize("page", PAGES, ids=[path.relative_to(ROOT).as_posix() for path in PAGES])


def every(*languages: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page, *languages)]


def test_generated_parts_are_current() -> None:
    # In a process of its own: click keeps the help option of a command as it was first asked for, by whichever test.
    told = subprocess.run([sys.executable, "-m", "docs.generate", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0, f"run `python -m docs.generate`\n{told.stdout}{told.stderr}"


def test_a_stale_page_is_told_with_a_diff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("docs.generate.ROOT", tmp_path)
    monkeypatch.setattr("docs.generate.expected", lambda: [(tmp_path / "page.md", "new\n")])
    (tmp_path / "page.md").write_text("old\n")
    assert main(["--check"]) == 1
    assert "-old\n+new\n" in capsys.readouterr().out
    assert (tmp_path / "page.md").read_text() == "old\n"
    assert main([]) == 0
    assert (tmp_path / "page.md").read_text() == "new\n"
    assert main(["--check"]) == 0
    assert main(["--chek"]) == 2


@PAGE
def test_links_resolve(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, fragment = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link}: there is no {target}"
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert not fragment or fragment in anchors(target), f"{link}: {target.name} has no heading #{fragment}"


@PAGE
def test_commands_exist_with_their_options(page: Path) -> None:
    for shown, arguments in commands(page):
        name, *rest = arguments
        assert name in anchor.commands, f"`{shown}`: there is no command {name}"
        command = anchor.commands[name]
        # A command named between words may stand without its arguments.
        wanted = rest or ["x" for one in command.params if isinstance(one, click.Argument)]
        # As below `anchor`: a command keeps the names of its help option from its first context.
        parent = click.Context(anchor, info_name="anchor", **anchor.context_settings)
        command.make_context(name, list(wanted), parent=parent)


@pytest.mark.parametrize("block", every("yaml"), ids=lambda block: block.id)
def test_yaml_loads(block: Block, tmp_path: Path) -> None:
    if not block.text.startswith("# a fragment"):
        (tmp_path / "project.yaml").write_text(block.text)
        load_project(tmp_path, environ={})
    elif block.text.startswith("# a fragment: one source"):
        for declared in read_yaml(block.text, block.id, {}).value.values():
            Source.model_validate(declared)


@pytest.mark.parametrize("block", every("python"), ids=lambda block: block.id)
def test_python_imports_what_exists(block: Block) -> None:
    tree = ast.parse(block.text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _installed(str(node.module)):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mix":
            assert hasattr(Mix, node.attr) or node.attr == "manifest", f"a mix has no {node.attr}"
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "mix.manifest":
            assert node.attr in Manifest.model_fields
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("mix."):
            function: Any = getattr(Mix, node.func.attr) if isinstance(node.func, ast.Attribute) else None
            named = {word.arg for word in node.keywords}
            assert named <= set(inspect.signature(function).parameters), ast.unparse(node)


def _installed(module: str) -> bool:
    top = module.partition(".")[0]
    return top == "anchor_pipeline" or importlib.util.find_spec(top) is not None


def test_the_readme_project_has_ten_lines_and_is_built_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(readme_project().splitlines()) == 10
    batches: list[Any] = []
    [reading] = blocks(ROOT / "README.md", "python")
    with Terminal() as terminal:
        code, output = terminal.run("readme", "anchor build . --cycle 2025-06")
        assert code == 0, output
        monkeypatch.chdir(terminal.folder("readme"))
        exec(compile(reading.text, reading.id, "exec"), {"train": batches.append})
        monkeypatch.undo()
    assert sum(batch.num_rows for batch in batches) > 0


def test_every_example_is_shown() -> None:
    shown = {name for page in PAGES for name in re.findall(r"<!-- example: ([a-z_]+) -->", page.read_text())}
    assert shown == set(EXAMPLES)
    with Terminal() as terminal, pytest.raises(ValueError, match="there is no example 'other'; examples are readme"):
        terminal.folder("other")


def test_ingest_tells_of_every_reason_and_format() -> None:
    text = (ROOT / "docs" / "ingest.md").read_text()
    _, first, second = text.split("| reason |")
    assert tuple(re.findall(r"^\| `(\w+)` \|", first, re.MULTILINE)) == REASONS
    in_cycles = set(re.findall(r"^\| `(\w+)` \|", second, re.MULTILINE))
    assert in_cycles == set(re.findall(r"\(`(\w+)`", inspect.getdoc(assemble) or ""))
    assert all(f"| `{name}` |" in text for name in READERS)


def test_concepts_tell_why_documents_are_left_out() -> None:
    text = (ROOT / "docs" / "concepts.md").read_text()
    reasons = (inspect.getdoc(candidates) or "").partition("Reasons: ")[2].partition(".")[0].split(",")
    reasons = [reason.strip() for reason in reasons]
    assert len(reasons) == 6
    assert all(f"`{reason}`" in text for reason in reasons)


def test_refusals_tell_the_words_that_the_command_uses() -> None:
    text = (ROOT / "docs" / "refusals.md").read_text()
    told = set(re.findall(r"^\| `([A-Za-z, ]+)` \|", text, re.MULTILINE))
    assert told == set(explain._KINDS.values()) - {"passes"}


def test_contributing_names_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`([\w./]*\w/|[\w./]+\.(?:py|md|toml))`", text))
    places = (ROOT, ROOT / "anchor_pipeline", ROOT / "anchor_pipeline_tests")
    optional = {"bench/RESULTS.md", "dist/"}
    assert not {name for name in named - optional if not any((place / name).exists() for place in places)}
    assert {"ingest/readers/", "rules/registry.py"} <= named


def test_concepts_quote_what_the_planner_says() -> None:
    quoted = re.findall(r'"([^"]+)"', (ROOT / "docs" / "concepts.md").read_text())
    said = (ROOT / "docs" / "refusals.md").read_text()
    assert quoted
    assert all(" ".join(one.split()) in said for one in quoted)


def test_store_tells_of_every_key_of_the_manifest() -> None:
    table = (ROOT / "docs" / "store.md").read_text().partition("| key |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines()[2:]))) == set(
        Manifest.model_fields
    )
