"""A Hugging Face causal language model as a probe. Needs the extra `causal` (torch, transformers, tokenizers).

Weights come from safetensors files alone, and no code comes from a model. A text is its tokens between the model's
begin and end; one longer than the model's context is scored in windows that overlap by half, each token once, in the
first window that has it. On a GPU where there is one: its sums differ from those of a processor in the last digits, so
facts should be measured on one kind of machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from anchor_pipeline.errors import DamagedData, UsageError
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.probes.card import CARD, Card
from anchor_pipeline.facts.probes.kneser_ney import Floats
from anchor_pipeline.facts.probes.ngrams import Counts

_MOST_CONTEXT = 2048
_TOKENS_AT_ONCE = 16_384
"""Tokens of a batch of windows, padding among them: bounds the memory."""

Window = tuple[int, list[int], int]
"""Row, its tokens, and how many at the front are context only."""


class CausalProbe:
    """Scores with torch, in windows and batches."""

    unit = "token"

    def __init__(self, name: str, digest: str, card: Card, files: dict[str, bytes]) -> None:
        try:
            import torch
            from tokenizers import Tokenizer
            from transformers import AutoModelForCausalLM
        except ImportError:
            raise UsageError(f"probe {name} is a causal model; install anchor-pipeline[causal] to use it") from None
        self.name, self.digest, self.card = name, digest, card
        try:
            self._tokenizer: Any = Tokenizer.from_str(files["tokenizer.json"].decode())
        except Exception as error:
            raise DamagedData(f"probe {digest[:12]}: tokenizer.json cannot be read ({error})") from None
        # Added special tokens would be counted as text.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        with tempfile.TemporaryDirectory() as folder:
            for file, data in files.items():
                if file != CARD:
                    (Path(folder) / file).write_bytes(data)
            try:
                self._model: Any = AutoModelForCausalLM.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
                )
            except Exception as error:
                raise DamagedData(f"probe {digest[:12]}: the model cannot be read ({error})") from None
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model.to(self._device).eval()
        config = self._model.config
        self._context = min(int(getattr(config, "max_position_embeddings", None) or _MOST_CONTEXT), _MOST_CONTEXT)
        self._end = _first(config.eos_token_id)
        self._begin = _first(config.bos_token_id)
        if self._begin is None:
            self._begin = self._end
        if self._begin is None:
            raise UsageError(f"{name}: its config.json names neither a begin nor an end of text")

    def measure(self, batch: Batch) -> tuple[Floats, Counts]:
        """−log2 p of every row with its end, and how many tokens that is, the end among them."""
        texts = [text.as_py() or "" for text in batch.column("text")]
        bits, units = np.zeros(len(texts)), np.zeros(len(texts), np.int64)
        end = [] if self._end is None else [self._end]
        rows = [
            [self._begin, *found.ids, *end] for found in self._tokenizer.encode_batch(texts, add_special_tokens=False)
        ]
        for row, tokens in enumerate(rows):
            units[row] = len(tokens) - 1
        windows = [window for row, tokens in enumerate(rows) for window in _windows(row, tokens, self._context)]
        for some in _batches(windows):
            for (row, _, _), cost in zip(some, self._costs(some), strict=True):
                bits[row] += cost
        return bits, np.maximum(units, 1)

    def _costs(self, windows: list[Window]) -> list[float]:
        """Bits of the tokens of each window that are not context only."""
        import torch

        longest = max(len(tokens) for _, tokens, _ in windows)
        padded = torch.tensor([tokens + [0] * (longest - len(tokens)) for _, tokens, _ in windows], device=self._device)
        there = torch.tensor([[1] * len(tokens) + [0] * (longest - len(tokens)) for _, tokens, _ in windows])
        with torch.inference_mode():
            logits = self._model(input_ids=padded, attention_mask=there.to(self._device)).logits[:, :-1].float()
            found = torch.log_softmax(logits, -1).gather(-1, padded[:, 1:, None])[..., 0].double().cpu().numpy()
        return [
            float(-found[i, max(context, 1) - 1 : len(tokens) - 1].sum() / log(2.0))
            for i, (_, tokens, context) in enumerate(windows)
        ]


def _windows(row: int, tokens: list[int], size: int) -> Iterator[Window]:
    """Windows of at most `size` tokens, each beginning half a window behind the one before."""
    yield row, tokens[:size], 1
    done, step = size, max(1, size // 2)
    while done < len(tokens):
        start = done - (size - step)
        yield row, tokens[start : start + size], size - step
        done = start + size


def _batches(windows: list[Window]) -> Iterator[list[Window]]:
    """Windows of like length together, so that little is padding."""
    some: list[Window] = []
    for window in sorted(windows, key=lambda one: len(one[1])):
        if some and (len(some) + 1) * len(window[1]) > _TOKENS_AT_ONCE:
            yield some
            some = []
        some.append(window)
    if some:
        yield some


def _first(token: int | list[int] | None) -> int | None:
    return token[0] if isinstance(token, list) else token
