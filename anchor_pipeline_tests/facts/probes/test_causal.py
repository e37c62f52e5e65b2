"""A causal model as a probe: the model is a real one, tiny, with random weights, made here."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from anchor_pipeline.errors import DamagedData, UsageError
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.probes.foreign import files_of
from anchor_pipeline.facts.probes.probe import open_probe

TEXTS = ["", "a short text", None, "the cat sat on the mat " * 40, "é 漢字 🙂", "x" * 500]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 of two layers with a context of 32 tokens, over bytes, saved as Hugging Face does."""
    for package in ("torch", "transformers", "tokenizers"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install anchor-pipeline[causal]")
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel

    path = tmp_path_factory.mktemp("model")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<|end|>": 0, **{letter: 1 + i for i, letter in enumerate(letters)}}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(path / "tokenizer.json"))
    torch.manual_seed(1)
    config = GPT2Config(vocab_size=257, n_positions=32, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
    GPT2LMHeadModel(config).save_pretrained(path)
    return path


def batch(texts: list[str | None]) -> Batch:
    return Batch(pa.table({"text": pa.array(texts, pa.string())}))


def test_a_text_costs_what_the_model_says_token_by_token(folder: Path) -> None:
    import torch
    from transformers import GPT2LMHeadModel

    probe = open_probe(files_of(folder), "tiny", "0" * 64)
    model = GPT2LMHeadModel.from_pretrained(folder).eval()
    bits, units = probe.measure(batch(TEXTS))
    for text, found, count in zip(TEXTS, bits, units, strict=True):
        tokens = [0, *probe._tokenizer.encode(text or "").ids, 0]  # type: ignore[attr-defined]
        assert count == len(tokens) - 1
        expected = 0.0
        for place in range(1, len(tokens)):
            # The window that has this token first: the first one, or one that begins half a context later.
            start = 0 if place < 32 else (place - 32) // 16 * 16 + 16
            with torch.inference_mode():
                logits = model(torch.tensor([tokens[start:place]])).logits[0, -1].double()
            expected -= float(torch.log_softmax(logits, -1)[tokens[place]]) / math.log(2.0)
        assert found == pytest.approx(expected, rel=1e-5)


def test_a_row_costs_the_same_whatever_stands_beside_it(folder: Path) -> None:
    probe = open_probe(files_of(folder), "tiny", "0" * 64)
    together, _ = probe.measure(batch(TEXTS))
    alone = np.concatenate([probe.measure(batch([text]))[0] for text in TEXTS])
    assert together == pytest.approx(alone, rel=1e-5)


def test_the_card_has_the_digests_of_the_files(folder: Path) -> None:
    files = files_of(folder)
    assert set(files) == {"config.json", "tokenizer.json", "model.safetensors", "card.json"}
    assert set(json.loads(files["card.json"])["files"]) == {"config.json", "tokenizer.json", "model.safetensors"}


def test_pickled_weights_are_never_read(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "pytorch_model.bin"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(UsageError, match="pickled weights are never read"):
        files_of(tmp_path)


def test_a_model_with_code_of_its_own_is_not_run(folder: Path) -> None:
    files = files_of(folder)
    config = json.loads(files["config.json"])
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"}}
    with pytest.raises(DamagedData, match="cannot be read"):
        open_probe({**files, "config.json": json.dumps(config).encode(), "own.py": b"1/0"}, "own", "0" * 64)


def test_truncated_weights_are_damage(folder: Path) -> None:
    files = files_of(folder)
    with pytest.raises(DamagedData, match="cannot be read"):
        open_probe({**files, "model.safetensors": files["model.safetensors"][:-100]}, "cut", "0" * 64)
