"""Folders of text, Markdown and reStructuredText files: each file is one document, its raw row 1.

Columns: `text`, `path` (relative to the source's folder), `name` and `folder` (its last part and the rest).
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from anchor_pipeline.ingest.readers.base import KEPT_BYTES, ROW, Chunk, RawFile, Reader, Reject, Wanted, select_columns

COLUMNS = ("text", "path", "name", "folder")


class TextReader(Reader):
    """Reader of files that are one document each."""

    name = "text"
    suffixes = (".txt", ".text", ".md", ".markdown", ".rst")

    def read(self, file: RawFile, wanted: Wanted) -> Iterator[Chunk]:
        """One chunk of one row; a file that is not UTF-8, or over `max_bytes`, is rejected."""
        names = select_columns(file, wanted, COLUMNS)
        folder, _, name = file.name.rpartition("/")
        values = {"path": file.name, "name": name, "folder": folder}
        size = file.path.stat().st_size
        rejects: list[Reject] = []
        if size > wanted.max_bytes:
            with file.path.open("rb") as stream:
                content = stream.read(KEPT_BYTES)
            detail = f"{size} bytes, more than max_bytes = {wanted.max_bytes}"
            rejects.append(Reject(1, "oversized", detail, content, size, file.name))
        else:
            data = file.path.read_bytes()
            try:
                values["text"] = data.decode("utf-8")
            except UnicodeDecodeError as error:
                rejects.append(Reject.of(1, "bad_utf8", f"byte {error.start} is not UTF-8", data, id=file.name))
        rows = [1] if "text" in values else []
        columns = [pa.array([values[name]] if rows else [], pa.large_string()) for name in names]
        return iter(
            [Chunk(pa.RecordBatch.from_arrays([*columns, pa.array(rows, pa.int64())], [*names, ROW]), tuple(rejects))]
        )
