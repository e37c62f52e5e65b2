"""`anchor init`: a small project that builds as it is, made of the files in template/."""

from __future__ import annotations

import json
import re
import unicodedata
from importlib.resources import files
from pathlib import Path

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project.schema import project_schema

_TEMPLATE = files("anchor_pipeline.project") / "template"
_DATA = ("articles", "handbook", "replies", "tickets")
_IGNORED = "# what a build makes; all of it can be made again\nstore/\n.anchor/\n"


def init_project(folder: str | Path) -> list[Path]:
    """Write the template into `folder`, which is made if need be; the files written, sorted.

    The project is named for the folder. Raises UsageError, and writes nothing, if any of the files is there
    already or the folder cannot be written to.
    """
    target = Path(folder)
    contents = {target / name: text for name, text in _contents(project_name(target)).items()}
    taken = [path for path in sorted(contents) if path.exists() or path.is_symlink()]
    if taken:
        listed = f"{', '.join(map(str, taken))} {'is' if len(taken) == 1 else 'are'} there already"
        raise UsageError(f"{listed} and will not be overwritten; name a folder without them")
    try:
        for path, text in sorted(contents.items()):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Exclusive, so that not even a file made in this moment is lost.
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}; name another folder") from None
    return sorted(contents)


def project_name(folder: Path) -> str:
    """A valid project name made from that of the folder: `Mein Überblick (2)` becomes `mein_uberblick_2`."""
    plain = unicodedata.normalize("NFKD", folder.resolve().name).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not name:
        return "my_project"
    return (name if not name[0].isdigit() else f"project_{name}")[:63].rstrip("_")


def _contents(project: str) -> dict[str, str]:
    declaration = (_TEMPLATE / "project.yaml").read_text(encoding="utf-8")
    data = {f"data/{name}.jsonl": (_TEMPLATE / "data" / f"{name}.jsonl").read_text(encoding="utf-8") for name in _DATA}
    return {
        "project.yaml": declaration.replace("project: my_project\n", f"project: {project}\n", 1),
        "project.schema.json": json.dumps(project_schema(), indent=2, ensure_ascii=False) + "\n",
        ".gitignore": _IGNORED,
        **data,
    }
