"""Whether the local raw files of a declaration are there. No data are read and nothing heavy is imported."""

from __future__ import annotations

import glob

from anchor_pipeline.project.models import Project


def missing_files(project: Project) -> dict[str, str]:
    """Sources none of whose local files exist, with their uri. Remote sources are not asked."""
    missing = {}
    for name, source in project.sources.items():
        if source.uri is None or "://" in source.uri.removeprefix("file://"):
            continue
        path = source.uri.removeprefix("file://")
        # Path.glob takes no absolute patterns.
        if next(glob.iglob(path, root_dir=project.root, recursive=True), None) is None:  # noqa: PTH207
            missing[name] = source.uri
    return missing
