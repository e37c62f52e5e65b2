"""A KenLM model (binary or ARPA) as a probe. Needs the extra `kenlm`.

Texts are split at white space, as KenLM does; a model that was trained on other tokens judges them as unknown.
"""

from __future__ import annotations

import tempfile
from math import log2
from pathlib import Path
from typing import Any

import numpy as np

from anchor_pipeline.errors import DamagedData, UsageError
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.probes.card import Card
from anchor_pipeline.facts.probes.foreign import KENLM
from anchor_pipeline.facts.probes.kneser_ney import Floats
from anchor_pipeline.facts.probes.ngrams import Counts

_BITS = log2(10.0)


class KenlmProbe:
    """Scores with KenLM's own code."""

    unit = "word"

    def __init__(self, name: str, digest: str, card: Card, files: dict[str, bytes]) -> None:
        try:
            import kenlm
        except ImportError:
            raise UsageError(f"probe {name} is a KenLM model; install anchor-pipeline[kenlm] to use it") from None
        self.name, self.digest, self.card = name, digest, card
        if KENLM not in files:
            raise DamagedData(f"probe {digest[:12]} has no {KENLM}; put it back from a copy")
        # KenLM reads from a path alone. Once it is open, the file may go.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / KENLM
            path.write_bytes(files[KENLM])
            try:
                self._model: Any = kenlm.Model(str(path))
            except (OSError, RuntimeError) as error:
                raise DamagedData(f"probe {digest[:12]}: KenLM cannot read {KENLM} ({error})") from None

    def measure(self, batch: Batch) -> tuple[Floats, Counts]:
        """−log2 p of every row with its end, and how many words that is, the end among them."""
        bits, units = np.zeros(batch.rows), np.zeros(batch.rows, np.int64)
        for row, text in enumerate(batch.column("text")):
            words = (text.as_py() or "").split()
            bits[row] = -self._model.score(" ".join(words), bos=True, eos=True) * _BITS
            units[row] = len(words) + 1
        return bits, units
