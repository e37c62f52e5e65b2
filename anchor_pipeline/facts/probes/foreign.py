"""Models that were made elsewhere, as probes: which files are kept of them, and what their card says."""

from __future__ import annotations

import hashlib
from pathlib import Path

from anchor_pipeline import __version__
from anchor_pipeline.errors import UsageError
from anchor_pipeline.facts.probes.card import CARD, Card, ProbeKind
from anchor_pipeline.facts.probes.model_file import MODEL

KENLM = "model.kenlm"

_CAUSAL = ("config.json", "tokenizer.json")
_SAFETENSORS = ".safetensors"


def files_of(path: Path) -> dict[str, bytes]:
    """The files that make a probe of a KenLM file, of a folder with a causal model, or of a probe.

    UsageError if it is none of these.
    """
    if path.is_file():
        return _with_card("kenlm", {KENLM: path.read_bytes()}, {"file": path.name, "tokens": "split at white space"})
    if (path / CARD).is_file() and (path / MODEL).is_file():
        return _opened({name: (path / name).read_bytes() for name in (CARD, MODEL)})
    weights = sorted(path.glob(f"*{_SAFETENSORS}"))
    missing = [name for name in _CAUSAL if not (path / name).is_file()]
    if missing or not weights:
        raise UsageError(
            f"{path} is not a model: expected a KenLM file, {CARD} and {MODEL} of a probe, or the files of a causal "
            f"model: {', '.join(_CAUSAL)} and weights in {_SAFETENSORS} (pickled weights are never read)"
        )
    index = path / "model.safetensors.index.json"
    files = [*(path / name for name in _CAUSAL), *weights, *([index] if index.is_file() else [])]
    return _with_card("causal", {file.name: file.read_bytes() for file in files}, {})


def _with_card(kind: ProbeKind, files: dict[str, bytes], settings: dict[str, str]) -> dict[str, bytes]:
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    card = Card(kind=kind, files=digests, settings=settings, package=__version__)
    return _opened({**files, CARD: card.to_bytes()})


def _opened(files: dict[str, bytes]) -> dict[str, bytes]:
    """The same files, once they were seen to be a probe that can be opened here."""
    from anchor_pipeline.facts.probes.probe import open_probe

    open_probe(files, "new", "0" * 64)
    return files
