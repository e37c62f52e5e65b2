"""MinHash by others, each over the same documents, in an environment of its own that is made here and thrown away.

Of the peers only the calls themselves are timed: no imports, no reading, no writing where it can be left out.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measure import run


@dataclass(frozen=True)
class Peer:
    """Someone else's MinHash."""

    label: str
    packages: tuple[str, ...]
    megabytes: float
    """How much of the text it gets: enough to time it."""
    goal: float
    """How many times as fast all of our facts are to be."""
    code: str


HEAD = """
import json, pickle, sys, time
texts = pickle.load(open(sys.argv[1], "rb"))
size = sum(len(text.encode()) for text in texts)
"""
TAIL = """
print(json.dumps({"bytes": size, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}))
"""
START = "cpu, wall = time.process_time(), time.perf_counter()\n"

PEERS = (
    Peer(
        "datatrove MinHash, 128 hashes, whitespace tokenizer",
        ("datatrove", "nltk", "spacy", "tokenizers", "xxhash<4"),  # xxhash 4 takes no str
        8,
        10,
        HEAD
        + """
import tempfile
from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.word_tokenizers import WhitespaceTokenizer
documents = [Document(text=text, id=str(n)) for n, text in enumerate(texts)]
config = MinhashConfig(n_grams=5, num_buckets=16, hashes_per_bucket=8)
folder = tempfile.mkdtemp(dir=sys.argv[2])
step = MinhashDedupSignature(folder, config, language=WhitespaceTokenizer())
step.get_signature(step.get_shingles(texts[0]))
"""
        + START
        + "step.run(iter(documents))\n"
        + TAIL,
    ),
    Peer(
        "rensa RMinHash in bulk, 128, 5-gram shingles made in Python",
        ("rensa",),
        64,
        2,
        HEAD
        + """
from rensa import RMinHash
def shingles(text):
    words = text.lower().split()
    return [" ".join(words[at : at + 5]) for at in range(len(words) - 4)] or [" ".join(words)]
"""
        + START
        + """
for at in range(0, len(texts), 1000):
    RMinHash.digest_matrix_from_token_sets([shingles(text) for text in texts[at : at + 1000]], 128, 42)
"""
        + TAIL,
    ),
    Peer(
        "gaoya MinHashStringIndex, 32 bands of 4, word 5-grams",
        ("gaoya",),
        64,
        1,
        HEAD
        + """
from gaoya.minhash import MinHashStringIndex
index = MinHashStringIndex(32, 0.8, 32, 4, None, "word", True, (5, 5), "vec")
"""
        + START
        + "for number, text in enumerate(texts):\n    index.insert_document(number, text)\n"
        + TAIL,
    ),
)


def measure_peers(texts: Sequence[str], work: Path, ours: float) -> list[list[str]]:
    """A row for each: label, MB, CPU seconds, MB per CPU-second, and how many times as fast `ours` (MB/s) is."""
    rows = []
    for number, peer in enumerate(PEERS):
        environment = work / f"peer-{number}"
        said = install(environment, peer.packages)
        if said:
            rows.append([peer.label, "", "", f"could not be installed: {said}", "", f"{peer.goal:g}"])
            continue
        given = work / "texts.pickle"
        given.write_bytes(pickle.dumps(first(texts, peer.megabytes * 1e6)))
        cost = run([str(environment / "bin/python"), "-c", peer.code, str(given), str(work)])
        if cost.code:
            rows.append([peer.label, "", "", f"failed: {cost.err.strip().splitlines()[-1]}", "", f"{peer.goal:g}"])
            continue
        took = json.loads(cost.out.splitlines()[-1])
        speed = took["bytes"] / 1e6 / took["cpu"]
        figures = [f"{took['bytes'] / 1e6:.0f}", f"{took['cpu']:.1f}", f"{speed:.1f}", f"{ours / speed:.1f}"]
        rows.append([peer.label, *figures, f"{peer.goal:g}"])
    return rows


def install(environment: Path, packages: Sequence[str]) -> str:
    """Make an environment with these packages; what went wrong, or nothing."""
    steps = (
        [sys.executable, "-m", "venv", str(environment)],
        [str(environment / "bin/python"), "-m", "pip", "install", "--quiet", *packages],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        if done.returncode:
            # The last line alone: others name the registry that was asked.
            return (done.stderr.strip().splitlines() or ["no reason given"])[-1][:80]
    return ""


def first(texts: Sequence[str], size: float) -> list[str]:
    """The first texts, about `size` bytes in all."""
    found, total = [], 0
    for text in texts:
        if total >= size:
            break
        found.append(text)
        total += len(text.encode())
    return found
