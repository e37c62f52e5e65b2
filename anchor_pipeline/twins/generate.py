"""Write a synthetic source that is declared with `generate:`, as JSON lines that ingest reads like any others.

Each row says what it owes to whom: its parents are the documents whose words it took, it is as new as the newest
of them, and its licence asks for all that theirs ask for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC

from anchor_pipeline.errors import UsageError
from anchor_pipeline.project.source import Source
from anchor_pipeline.twins import find_twin
from anchor_pipeline.twins.base import Origin, TooLittleText, Training, Written


@dataclass(frozen=True)
class Generated:
    """A written source: JSON lines in UTF-8, and the record of how they came about."""

    jsonl: bytes
    """Rows of id, text, parents (document ids), collected_at, licence, generator (`name@version`)."""
    record: dict[str, str | int]
    """twin, version, seed, order, documents, tokens, fit, fit_digest, fit_texts, fit_tokens."""


def generate_source(source: Source, texts: Iterable[Training], seed: int) -> Generated:
    """The rows of a source declared with `generate:`, fitted on `texts`, the documents of its `fit`, in any order.

    The seed is the declared `generator.seed`, or else `seed`, the project's. Raises UsageError if there is no such
    generator, or not in the declared version; TooLittleText naming the source that was fitted on.
    """
    declared, generator = source.generate, source.generator
    if declared is None or generator is None:
        raise UsageError("this source is read, not generated; declare `generate` and `generator`")
    twin = find_twin(declared.twin)
    if generator.version not in (None, twin.version):
        raise UsageError(
            f"the generator is declared as version {generator.version}, but `{twin.name}` here is {twin.version}, which"
            f' writes other text; declare version: "{twin.version}", or install the release that has the declared one'
        )
    used = generator.seed if generator.seed is not None else str(seed)
    try:
        model = twin.fit(texts, declared.order)
        written = model.write(declared.documents, declared.tokens, used)
        rows = [_row(text, f"{generator.name}@{twin.version}") for text in written]
    except TooLittleText as error:
        raise TooLittleText(f"source `{declared.fit}` cannot be imitated: {error}") from None
    record: dict[str, str | int] = {
        "twin": twin.name,
        "version": twin.version,
        "seed": used,
        "order": declared.order,
        "documents": declared.documents,
        "tokens": declared.tokens,
        "fit": declared.fit,
        "fit_digest": model.digest,
        "fit_texts": model.texts,
        "fit_tokens": model.tokens,
    }
    return Generated(b"".join(rows), record)


def _row(written: Written, generator: str) -> bytes:
    row = {
        "id": hashlib.sha256(written.text.encode()).hexdigest()[:16],
        "text": written.text,
        "parents": [origin.id for origin in written.origins],
        "collected_at": max(origin.collected_at for origin in written.origins).astimezone(UTC).isoformat(),
        "licence": combined_licence(written.origins),
        "generator": generator,
    }
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def combined_licence(origins: Iterable[Origin]) -> str:
    """One SPDX expression that holds only where all the licences do: their conjunction, sorted, each once."""
    licences = sorted({origin.licence for origin in origins})
    if len(licences) == 1:
        return licences[0]
    return " AND ".join(f"({licence})" if " OR " in licence.upper() else licence for licence in licences)
