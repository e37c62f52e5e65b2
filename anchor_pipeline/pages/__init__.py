"""What the pages that people read look like: one style, no scripts, nothing fetched from anywhere.

The templates lie beside this file and escape whatever is put into them; a content security policy forbids scripts
and network besides, in case a name in the data is hostile and a template forgets.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup


def render(template: str, **values: Any) -> bytes:
    """The page made by a template of this folder, UTF-8. The same values give the same bytes.

    Raises jinja2.UndefinedError for a value the template needs and does not get.
    """
    page = _environment().get_template(template).render(**values)
    # Lone surrogates can come in with file names; a page must be valid UTF-8 all the same.
    return page.encode("utf-8", errors="replace")


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["n"] = lambda value: f"{value:,}"
    environment.filters["ticks"] = _ticks
    return environment


def _ticks(text: str) -> Markup:
    """A message with its `names` set as code; everything in it is escaped first."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
