"""Join the modules of this folder into the one file that is copied beside every release.

The page has two scripts: `core`, which does the checking and is run in a worker as well, and what shows it. A content
security policy names both by their digests and allows nothing else, no network above all. The same modules give the
same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([a-z0-9_]+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)
_MODULE_WORD = re.compile(r"^(?:import|export)\b", re.MULTILINE)


@cache
def verifier_page() -> bytes:
    """VERIFY.html, UTF-8."""
    core = _closure("worker")
    page = [name for name in _closure("page") if name not in core]
    parts = {"style": _read("style.css"), "core": _script(core), "page": _script(page)}
    for name, text in parts.items():
        if re.search(r"</(?:script|style)|<!--", text, re.IGNORECASE):
            raise ValueError(f"{name} of the verifier cannot stand in a page: it holds an end tag or a comment of HTML")
    parts["policy"] = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_digest(parts['core'])} {_digest(parts['page'])}",
            f"style-src {_digest(parts['style'])}",
            "worker-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _read("template.html")).encode()


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _closure(name: str) -> list[str]:
    """A module and all that it imports, each after what it needs. ValueError for a circle."""
    found: list[str] = []

    def visit(one: str, above: tuple[str, ...]) -> None:
        if one in above:
            raise ValueError(f"modules of the verifier import each other: {' -> '.join((*above, one))}")
        if one not in found:
            for _, needed in _IMPORT.findall(_read(f"{one}.js")):
                visit(needed, (*above, one))
            found.append(one)

    visit(name, ())
    return found


def _script(names: list[str]) -> str:
    return '"use strict";\n' + "".join(map(_wrapped, names))


def _wrapped(name: str) -> str:
    """A module as a function of its own, called at once, that gives what it exports: its other names stay inside."""
    text = _read(f"{name}.js")
    exported = [found[1] for found in _EXPORT.finditer(text)]
    body = _EXPORT.sub("", _IMPORT.sub(_taken, text))
    if left := _MODULE_WORD.search(body):
        line = body.count("\n", 0, left.start()) + 1
        raise ValueError(f"{name}.js, line {line}: expected `import {{ … }} from` or `export` before a declaration")
    return f"// {name}.js\nconst ${name} = (() => {{\n{body}return {{ {', '.join(exported)} }};\n}})();\n"


def _taken(found: re.Match[str]) -> str:
    names = " ".join(found[1].replace(" as ", ": ").split())
    return f"const {{ {names} }} = ${found[2]};\n"


def _digest(text: str) -> str:
    """As a content security policy names a script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
