"""The small projects whose output the documentation shows: the project of the README, and what goes wrong in it.

Their texts are made by a formula, so that everybody gets the same output.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

from anchor_pipeline.cli import anchor
from anchor_pipeline.errors import AnchorError

README = Path(__file__).resolve().parent.parent / "README.md"

_WORDS = (
    *("account", "card", "delivery", "invoice", "order", "parcel", "password"),
    *("payment", "refund", "return", "shop", "ticket", "transfer", "voucher"),
)


def readme_project() -> str:
    """The project.yaml that the README shows."""
    found = re.search(r"```yaml\n(project: .*?)```\n", README.read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        raise ValueError(f"{README} shows no project.yaml")
    return found[1]


def base() -> dict[str, bytes]:
    """The README's project: its files by name. Stewards add an anchor every third day, until the end of June."""
    return {
        "project.yaml": readme_project().encode(),
        "data/reviewed.jsonl": _lines("Reviewed answer", 60, "2025-01-03", 3),
        "data/articles.jsonl": _lines("Article", 300, "2024-01-01", 1),
    }


def _lines(what: str, count: int, first: str, days: int) -> bytes:
    """JSON lines of different texts of twenty-odd words, dated `days` apart."""
    rows = []
    for i in range(count):
        words = [_WORDS[(7 * i + (3 + i % 5) * j) % len(_WORDS)] for j in range(20)]
        day = date.fromisoformat(first) + timedelta(days=days * i)
        rows.append(json.dumps({"text": f"{what} {i}: {' '.join(words)}", "date": day.isoformat()}))
    return ("\n".join(rows) + "\n").encode()


def _edited(old: str, new: str) -> dict[str, bytes]:
    text = readme_project()
    if old not in text:
        raise ValueError(f"the README's project does not hold {old!r}")
    return {**base(), "project.yaml": text.replace(old, new, 1).encode()}


def _with(section: str) -> dict[str, bytes]:
    return {**base(), "project.yaml": (readme_project() + section).encode()}


def unsigned() -> dict[str, bytes]:
    """The steward has not signed off the anchors."""
    return _edited(", signed_off: true", "")


def unlicensed() -> dict[str, bytes]:
    """The articles' licence is not allowed."""
    return _with("rules:\n  licence: {allow: [CC0-1.0]}\n")


def relied_on() -> dict[str, bytes]:
    """A rule is declared blocking that cannot be judged yet."""
    return _with("rules:\n  entropy_band: {severity: block}\n")


def misspelt() -> dict[str, bytes]:
    """Two mistakes in the declaration."""
    files = _edited("signed_off", "signed_of")
    return {**files, "project.yaml": files["project.yaml"].replace(b"kind: licensed", b"kind: license")}


def renamed() -> dict[str, bytes]:
    """Whoever delivers the articles has given a column another name."""
    files = base()
    return {**files, "data/articles.jsonl": files["data/articles.jsonl"].replace(b'"date"', b'"published"')}


EXAMPLES: dict[str, Callable[[], dict[str, bytes]]] = {
    "readme": base,
    **{make.__name__: make for make in (misspelt, relied_on, renamed, unlicensed, unsigned)},
}
"""What `<!-- example: NAME -->` may name."""


class Terminal:
    """Runs commands in the folders of the examples, each command once. A context: it owns the folders."""

    def __enter__(self) -> Terminal:
        self._stack = ExitStack()
        self._folders: dict[str, Path] = {}
        self._done: dict[tuple[str, str], tuple[int, str]] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def folder(self, name: str) -> Path:
        """The folder of an example, with its files."""
        if name not in EXAMPLES:
            raise ValueError(f"there is no example {name!r}; examples are {', '.join(EXAMPLES)}")
        if name not in self._folders:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory())).resolve()
            for path, data in EXAMPLES[name]().items():
                (folder / path).parent.mkdir(exist_ok=True)
                (folder / path).write_bytes(data)
            self._folders[name] = folder
        return self._folders[name]

    def run(self, name: str, command: str) -> tuple[int, str]:
        """Exit code and output of an `anchor` command, but for the lines that tell of the progress."""
        if (name, command) not in self._done:
            with chdir(self.folder(name)), _no_dagster_home():
                self._done[name, command] = _run(command)
        return self._done[name, command]

    def transcript(self, name: str, commands: list[str]) -> str:
        """What a terminal shows. Digests are left out, since those of files depend on the release of Arrow."""
        shown: list[str] = []
        code = 0
        for command in commands:
            if command == "echo $?":
                output = str(code)
            else:
                code, output = self.run(name, command)
                folder = str(self.folder(name))
                output = re.sub(r"[0-9a-f]{64}", "…", output.replace(f"{folder}/", "").replace(folder, "."))
            shown += [f"$ {command}", *(line.rstrip() for line in output.strip("\n").splitlines())]
        return "\n".join(shown) + "\n"


@contextmanager
def _no_dagster_home() -> Iterator[None]:
    """Dagster's home lies in the store of the example, whatever the environment says."""
    home = os.environ.pop("DAGSTER_HOME", None)
    try:
        yield
    finally:
        os.environ.pop("DAGSTER_HOME", None)
        if home is not None:
            os.environ["DAGSTER_HOME"] = home


def _run(command: str) -> tuple[int, str]:
    program, *arguments = shlex.split(command)
    if program != "anchor":
        raise ValueError(f"{command!r}: examples run `anchor` and nothing else")
    output = StringIO()
    with redirect_stdout(output), redirect_stderr(StringIO()):
        try:
            code = int(anchor(arguments, standalone_mode=False) or 0)
        except AnchorError as error:
            code = error.exit_code
            print(error)
    return code, output.getvalue()
