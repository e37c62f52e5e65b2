"""The one file that the modules are joined into."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import anchor_pipeline.custody.verifier as package
from anchor_pipeline.custody.verifier.page import verifier_page

FOLDER = Path(package.__file__).parent


def test_the_same_modules_give_the_same_bytes() -> None:
    code = (
        "import sys; from anchor_pipeline.custody.verifier.page import verifier_page\n"
        "sys.stdout.buffer.write(verifier_page())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert out == verifier_page()


def test_the_policy_allows_these_scripts_and_nothing_else() -> None:
    page = verifier_page().decode()
    policy = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    blocks = re.findall(r"<(script|style)[^>]*>(.*?)</\1>", page, re.DOTALL)
    digests = {
        kind: [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for k, text in blocks if k == kind]
        for kind in ("script", "style")
    }
    scripts, styles = (" ".join(f"'sha256-{one}'" for one in digests[kind]) for kind in ("script", "style"))
    assert policy == [
        f"default-src 'none'; script-src {scripts}; style-src {styles}; worker-src blob:; "
        "base-uri 'none'; form-action 'none'"
    ]


def test_the_page_names_no_other_file_and_has_no_handler_in_its_markup() -> None:
    markup = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", verifier_page().decode(), flags=re.DOTALL)
    assert re.findall(r"\b(?:src|href|on\w+|style)\s*=\s*\"(?!#)", markup) == []


def test_data_becomes_text_and_never_markup_or_code() -> None:
    for path in FOLDER.glob("*.js"):
        text = re.sub(r"//.*", "", path.read_text())
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setAttributeNS", text
        )
        assert found == [], path.name


def test_modules_hold_one_idea() -> None:
    assert {path.name: n for path in FOLDER.glob("*.*") if (n := len(path.read_text().splitlines())) >= 300} == {}


def test_every_module_says_what_it_is_and_is_part_of_the_page() -> None:
    page = verifier_page().decode()
    for path in FOLDER.glob("*.js"):
        assert path.read_text().startswith("// "), path.name
        assert f"// {path.name}\n" in page, path.name
