"""Write the generated parts of the documentation, or check that they are current.

    python -m docs.generate            write docs/reference/ and the console blocks of the other pages
    python -m docs.generate --check    change nothing; exit 1 with a diff if anything is stale

The reference pages come from the code that they describe (pages.py). A console block that follows a line
`<!-- example: NAME -->` shows what its commands really print, run in the small project NAME (examples.py).
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.examples import Terminal
from docs.pages import PAGES

ROOT = Path(__file__).resolve().parent.parent

_EXAMPLE = re.compile(r"<!-- example: (?P<name>[a-z_]+) -->\n\n```console\n(?P<block>.*?)```\n", re.DOTALL)


def markdown_files(root: Path = ROOT) -> list[Path]:
    """Every Markdown file of the repository that people wrote, sorted."""
    patterns = ("*.md", "docs/**/*.md", "examples/*.md", "bench/*.md")
    return sorted(path for pattern in patterns for path in root.glob(pattern))


def expected(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Each page with a generated part, and what it should hold."""
    for name, page in PAGES.items():
        yield root / "docs" / "reference" / name, page()
    with Terminal() as terminal:

        def renewed(match: re.Match[str]) -> str:
            commands = [line[2:] for line in match["block"].splitlines() if line.startswith("$ ")]
            shown = terminal.transcript(match["name"], commands)
            return f"<!-- example: {match['name']} -->\n\n```console\n{shown}```\n"

        for path in markdown_files(root):
            text = path.read_text(encoding="utf-8")
            if _EXAMPLE.search(text) is not None:
                yield path, _EXAMPLE.sub(renewed, text)


def main(arguments: list[str]) -> int:
    """Write what is stale, or with `--check` only say so; gives the exit code."""
    check = arguments == ["--check"]
    if arguments and not check:
        print(f"{' '.join(arguments)}: the only option is --check", file=sys.stderr)
        return 2
    stale = 0
    for path, text in expected():
        name = path.relative_to(ROOT).as_posix()
        current = path.read_text(encoding="utf-8") if path.exists() else ""
        if current == text:
            continue
        stale += 1
        if check:
            lines = difflib.unified_diff(current.splitlines(True), text.splitlines(True), name, f"{name} (generated)")
            sys.stdout.writelines(lines)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if check and stale:
        print(f"{stale} pages are stale; run `python -m docs.generate`", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
