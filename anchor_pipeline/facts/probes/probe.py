"""What every probe is, and how one is opened from the store."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from anchor_pipeline.corpus.register import entries, read_model
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import DamagedData
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.probes.card import CARD, Card, read_card
from anchor_pipeline.facts.probes.kneser_ney import Floats
from anchor_pipeline.facts.probes.model_file import MODEL
from anchor_pipeline.facts.probes.ngrams import Counts


class Probe(Protocol):
    """A frozen model that says how surprising texts are."""

    name: str
    digest: str
    unit: str
    """word, character or token: what is counted beside the bits."""
    card: Card

    def measure(self, batch: Batch) -> tuple[Floats, Counts]:
        """Of every row −log2 p, its end included, and how many units were predicted, the end among them."""
        ...


def open_probe(files: dict[str, bytes], name: str, digest: str) -> Probe:
    """The probe of these files. DamagedData if they are not those of a probe."""
    missing = {CARD} - set(files)
    if missing:
        raise DamagedData(f"probe {digest[:12]} has no {CARD}; put it back from a copy")
    card = read_card(files[CARD])
    if card.kind in ("words", "characters"):
        from anchor_pipeline.facts.probes.ngram_model import read_ngram_model

        if MODEL not in files:
            raise DamagedData(f"probe {digest[:12]} has no {MODEL}; put it back from a copy")
        model = read_ngram_model(files[MODEL], card.order)
        if card.kind == "words":
            from anchor_pipeline.facts.probes.word_probe import WordProbe

            return WordProbe(name, digest, card, model)
        from anchor_pipeline.facts.probes.character_probe import CharacterProbe

        return CharacterProbe(name, digest, card, model)
    if card.kind == "kenlm":
        from anchor_pipeline.facts.probes.kenlm_probe import KenlmProbe

        return KenlmProbe(name, digest, card, files)
    from anchor_pipeline.facts.probes.causal_probe import CausalProbe

    return CausalProbe(name, digest, card, files)


def probe_of(store: Store, digest: str) -> Probe:
    """The probe of a digest, kept open while it is in use. DamagedData if it is missing or damaged."""
    return _opened(store.address_of("."), digest)


@lru_cache(maxsize=4)
def _opened(address: str, digest: str) -> Probe:
    store = Store.at(address)
    names = [entry.name for entry in entries(store, "probe") if entry.digest == digest]
    return open_probe(read_model(store, "probe", digest), names[-1] if names else digest[:12], digest)
