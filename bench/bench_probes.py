"""Probes: training, size, and scoring speed against KenLM on the same texts and the same model.

KenLM is installed into an environment of its own; it compiles for minutes, and is left out with `--quick` or where that
fails. Its PyPI distribution has neither `lmplz` nor `build_binary`, so that its trie cannot be made; it reads our
model as an ARPA file into its probing table, which its authors measure as the faster of the two. Both score from the
text: words are divided and looked up within the time taken. CPU seconds; the median of several runs in turn.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.measure import ROOT, table

DATA = ROOT.parent / "shared" / "data"
RUNS = 5

KENLM = """
import json, sys, time
import kenlm
model = kenlm.Model(sys.argv[1])
lines = open(sys.argv[2], encoding="utf-8").read().split("\\n")
words = sum(len(line.split()) + 1 for line in lines)
speeds, bits = [], 0.0
for _ in range(int(sys.argv[3])):
    begun = time.process_time()
    total = sum(model.score(line) for line in lines)
    speeds.append(words / (time.process_time() - begun))
print(json.dumps({"speeds": speeds, "bits": -total * 3.321928094887362}))
"""


def texts() -> tuple[Any, Any]:
    """Training texts, and others to score: real sentences, ten a text."""
    import pyarrow as pa

    from bench.corpus_maker import sentences

    pool = sentences(DATA)
    made = ["".join(pool[i : i + 10]) for i in range(0, len(pool), 10)]
    return pa.array(made[::2]), pa.array(made[1::2])


def speeds(score: Callable[[], Any]) -> list[float]:
    """Seconds of each of several runs, after one that compiles and opens what has to be."""
    score()
    found = []
    for _ in range(RUNS):
        begun = time.process_time()
        score()
        found.append(time.process_time() - begun)
    return found


def ours(train: Any, scored: Any) -> tuple[list[list[str]], Any, float]:
    """The rows of our probes; the word probe, and its median words a second from the text."""
    from anchor_pipeline.facts.probes.character_probe import train_character_probe
    from anchor_pipeline.facts.probes.probe import open_probe
    from anchor_pipeline.facts.probes.word_probe import train_word_probe
    from anchor_pipeline.facts.words import words_of

    rows, kept, words_a_second = [], None, 0.0
    for label, make in (("words, order 3", train_word_probe), ("characters, order 5", train_character_probe)):
        make([train.slice(0, 100)])
        begun = time.process_time()
        files = make([train])
        trained = time.process_time() - begun
        probe: Any = open_probe(files, "bench", "0" * 64)
        taken = statistics.median(speeds(partial(probe.score, scored)))
        bits, units = probe.score(scored)
        alone = taken
        if probe.unit == "word":
            hashed = words_of(scored)
            alone = statistics.median(speeds(partial(probe.score_hashes, *hashed)))
            kept, words_a_second = probe, units.sum() / taken
        rows.append([
            label,
            f"{train.nbytes / 1e6 / trained:.0f}",
            f"{sum(map(len, files.values())) / 1e6:.0f}",
            f"{scored.nbytes / 1e6 / alone:.0f}",
            f"{units.sum() / taken / 1e6:.1f}",
            f"{bits.sum() / units.sum():.2f}",
        ])  # fmt: skip
    return rows, kept, words_a_second


def kenlm_words_a_second(work: Path, probe: Any, scored: Any) -> float:
    """Of KenLM, on the same words under the same model, which must cost the same."""
    import numpy as np
    import pyarrow as pa

    from anchor_pipeline.facts.probes.arpa import arpa_of, word_name
    from anchor_pipeline.facts.words import words_of

    subprocess.run([sys.executable, "-m", "venv", work / "env"], check=True)
    interpreter = str(work / "env" / "bin" / "python")
    subprocess.run([interpreter, "-m", "pip", "install", "-q", "kenlm"], check=True, capture_output=True, timeout=1800)
    (work / "model.arpa").write_text("\n".join(arpa_of(probe.model, word_name)) + "\n", encoding="utf-8")
    hashes, starts = words_of(scored)
    lines = [" ".join(word_name(int(word) >> 4) for word in hashes[start:end]) for start, end in pairwise(starts)]
    (work / "texts").write_text("\n".join(lines), encoding="utf-8")
    command = [interpreter, "-c", KENLM, str(work / "model.arpa"), str(work / "texts"), str(RUNS)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    expected = float(np.sum(probe.score(pa.array(scored))[0]))
    if abs(found["bits"] / expected - 1) > 1e-4:
        raise SystemExit(f"KenLM and we disagree: {found['bits']} and {expected} bits")
    return float(statistics.median(found["speeds"]))


def main(quick: bool = False) -> str:
    """The tables."""
    if not DATA.is_dir():
        return "skipped: the real texts are not on this machine"
    train, scored = texts()
    rows, probe, words_a_second = ours(train, scored)
    header = [
        "probe",
        "training MB/CPU-s",
        "model MB",
        "scoring MB/CPU-s",
        "million units/CPU-s, from text",
        "bits/unit",
    ]
    lines = [f"{train.nbytes / 1e6:.0f} MB trained on, {scored.nbytes / 1e6:.0f} MB of other texts scored.", ""]
    lines += [table(header, rows), ""]
    if quick:
        return "\n".join([*lines, "KenLM: not measured with --quick."])
    try:
        with tempfile.TemporaryDirectory() as work:
            theirs = kenlm_words_a_second(Path(work), probe, scored)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        return "\n".join([*lines, f"KenLM: not available here ({type(error).__name__})."])
    factor = words_a_second / theirs
    said = f"KenLM on the same model: {theirs / 1e6:.2f} million words a CPU-second; ours {factor:.1f} times that."
    return "\n".join([*lines, said])


if __name__ == "__main__":
    print(main("--quick" in sys.argv))
