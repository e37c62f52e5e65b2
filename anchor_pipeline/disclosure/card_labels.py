"""The labels of a Hugging Face dataset card that have a fixed vocabulary."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from anchor_pipeline.disclosure.licences import all_of
from anchor_pipeline.disclosure.markdown import visible

# https://huggingface.co/docs/hub/repositories-licenses: those that say exactly what an SPDX identifier says.
_LICENCES = {
    name.lower(): name.lower()
    for name in (
        "Apache-2.0", "MIT", "AFL-3.0", "Artistic-2.0", "BSL-1.0", "BSD-2-Clause", "BSD-3-Clause",
        "BSD-3-Clause-Clear", "CC0-1.0", "CC-BY-2.0", "CC-BY-2.5", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0",
        "CC-BY-SA-4.0", "CC-BY-NC-2.0", "CC-BY-NC-3.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-3.0",
        "CC-BY-NC-ND-4.0", "CC-BY-NC-SA-2.0", "CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", "CDLA-Sharing-1.0",
        "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "WTFPL", "ECL-2.0", "EPL-1.0", "EPL-2.0", "etalab-2.0",
        "EUPL-1.1", "ISC", "LPPL-1.3c", "MS-PL", "MPL-2.0", "OSL-3.0", "PostgreSQL", "OFL-1.1", "NCSA", "Unlicense",
        "Zlib",
    )
} | {
    "c-uda-1.0": "c-uda",
    "odc-by-1.0": "odc-by",
    "odbl-1.0": "odbl",
    "pddl-1.0": "pddl",
    "agpl-3.0-only": "agpl-3.0",
    "gpl-2.0-only": "gpl-2.0",
    "gpl-3.0-only": "gpl-3.0",
    "lgpl-2.1-only": "lgpl-2.1",
    "lgpl-3.0-only": "lgpl-3.0",
}  # fmt: skip

_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


def licence_labels(expressions: Iterable[str], link: str) -> dict[str, Any]:
    """`license`: one, or several if documents have several; `other`, with a name and a link, where the Hub has none."""
    known = sorted(set(expressions))
    labels = [_LICENCES.get(expression.lower()) for expression in known]
    if None not in labels and labels:
        return {"license": labels[0] if len(labels) == 1 else labels}
    return {"license": "other", "license_name": visible(all_of(known)), "license_link": link}


def size_category(rows: int) -> str:
    """`n<1K`, `1K<n<10K`, …, `n>1T`."""
    if rows < 1000:
        return "n<1K"
    for at, (low, high) in enumerate(pairwise(_SIZES)):
        if rows < 1000 * 10 ** (at + 1):
            return f"{low}<n<{high}"
    return "n>1T"


def languages(declared: str | None) -> dict[str, Any]:
    """`language`, if what is declared is a list of ISO 639 codes; other words stay in the documents for people."""
    codes = re.split(r"[,;\s]+", declared.strip()) if declared else []
    return {"language": codes} if codes and all(_LANGUAGE.fullmatch(code) for code in codes) else {}
