"""Images, sounds and table rows: measuring them, and searching for what is near; against imagehash and pdqhash.

`python -m bench.bench_media [DATA_DIR]`; DATA_DIR is laid out as ../shared/data. CPU seconds of one process. The peers
are installed into an environment of their own (pdqhash is compiled for it).
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.media.hamming import HashIndex
from anchor_pipeline.facts.media.sets import SETS
from anchor_pipeline.facts.media.sound_search import Prints, nearest_sounds
from bench.measure import ROOT, table

PEERS = """
import io, json, sys, time, zipfile
import imagehash, numpy, pdqhash
from PIL import Image
mirror = Image.Transpose.FLIP_LEFT_RIGHT
with zipfile.ZipFile(sys.argv[1]) as archive:
    files = [archive.read(name) for name in archive.namelist()]
def both(data):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    turned = image.transpose(mirror)
    for one in (image, turned):
        imagehash.phash(one)
        pdqhash.compute(numpy.array(one))
both(files[0])
begun = time.process_time()
for data in files:
    both(data)
print(json.dumps(len(files) / (time.process_time() - begun)))
"""


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of the second call: the first compiles."""
    work()
    begun = time.process_time()
    work()
    return time.process_time() - begun


def photos(folder: Path, number: int = 200) -> Path:
    """A zip of JPEG files of 1024 × 768, soft shapes with grain."""
    from io import BytesIO

    from PIL import Image

    random = np.random.Generator(np.random.PCG64(1))
    grain = random.integers(-12, 13, (768, 1024, 3))
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for at in range(number):
            coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3)).astype(np.uint8))
            shape = np.asarray(coarse.resize((1024, 768), Image.Resampling.BICUBIC), np.int64)
            buffer = BytesIO()
            Image.fromarray(np.clip(shape + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
            archive.writestr(f"{at}.jpg", buffer.getvalue())
    return folder / "photos.zip"


def drawings(data: Path, folder: Path) -> Path:
    """The handwritten characters in one flat zip."""
    with zipfile.ZipFile(next((data / "omniglot").glob("*.zip"))) as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")]
        with zipfile.ZipFile(folder / "drawings.zip", "w") as flat:
            for at, name in enumerate(names):
                flat.writestr(f"{at}.png", archive.read(name))
    return folder / "drawings.zip"


def images(data: Path, folder: Path) -> list[list[str]]:
    """Images per CPU-second, with those of the peers: both hashes of image and mirror image, decoding included."""
    venv.create(folder / "peers", with_pip=True)
    python = folder / "peers" / "bin" / "python"
    packages = ["imagehash", "pdqhash", "pillow", "numpy", "scipy", "setuptools"]
    install: list[str | Path] = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", *packages]
    subprocess.run(install, check=True, capture_output=True)
    rows = []
    for name, path in {
        "2,720 drawings, PNG 105 × 105": drawings(data, folder),
        "200 photos, JPEG 1024 × 768": photos(folder),
    }.items():
        with zipfile.ZipFile(path) as archive:
            files = [archive.read(entry) for entry in archive.namelist()]
        batch = Batch(pa.table({"payload": pa.array(files, pa.binary())}))
        ours = len(files) / cpu(lambda batch=batch: SETS["image"].measure(batch))  # type: ignore[misc]
        done = subprocess.run([python, "-c", PEERS, path], check=True, capture_output=True, text=True)
        theirs = json.loads(done.stdout)
        rows.append([f"image facts: {name}", f"{ours:,.0f} images", f"{theirs:,.0f} (imagehash and pdqhash)"])
    return rows


def sounds(data: Path) -> list[list[str]]:
    """Seconds of sound per CPU-second."""
    rows = []
    files = [path.read_bytes() for path in sorted((data / "fsdd").glob("*.wav"))]
    samples = b"".join(file[44:] for file in files)
    head = bytearray(files[0][:44])
    head[40:44], head[4:8] = len(samples).to_bytes(4, "little"), (len(samples) + 36).to_bytes(4, "little")
    for name, payloads in {"400 spoken words": files, "the same as one file": [bytes(head) + samples]}.items():
        batch = Batch(pa.table({"payload": pa.array(payloads, pa.binary())}))
        measured = SETS["audio"].measure(batch)
        seconds = sum(second for second in measured[0].to_pylist() if second)
        spent = cpu(lambda batch=batch: SETS["audio"].measure(batch))  # type: ignore[misc]
        rows.append([f"sound facts: {name}, {seconds:.0f} s at 8 kHz", f"{seconds / spent:,.0f} s of sound", ""])
    return rows


def tables(data: Path) -> list[list[str]]:
    """Rows per CPU-second."""
    texts, names = [], []
    for path in sorted((data / "nab").glob("*/*.csv")):
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                texts.append(json.dumps(row, separators=(",", ":"), sort_keys=True))
                names.append(path.name)
    batch = Batch(pa.table({"text": texts, "raw_file": names}))
    spent = cpu(lambda: SETS["table"].measure(batch))
    return [[f"table facts: {len(texts):,} rows of two fields", f"{len(texts) / spent:,.0f} rows", ""]]


def search() -> list[list[str]]:
    """CPU seconds to find the nearest of 100,000 for each of 100,000."""
    random = np.random.Generator(np.random.PCG64(1))
    rows = []
    for name, words, within in (("PDQ, 31 bits", 4, 31), ("pHash, 4 bits", 1, 4)):
        hashes = random.integers(0, 2**64, (100_000, words), dtype=np.uint64)
        queries = random.integers(0, 2**64, (100_000, words), dtype=np.uint64)
        index = HashIndex.of(hashes)
        index.nearest(queries[:10], within)
        begun = time.process_time()
        index.nearest(queries, within)
        spent = time.process_time() - begun
        few = cpu(lambda index=index, queries=queries, words=words: index.nearest(queries[:500], 64 * words))  # type: ignore[misc]
        rows.append([f"search, exact: {name}, 100,000 in 100,000", f"{spent:.1f} s", f"{few * 200:.0f} s (all pairs)"])
    for number in (1_000, 4_000):
        prints = _prints(number)
        nearest_sounds(_prints(3), _prints(3), 0.35, comparisons=0)
        begun = time.process_time()
        nearest_sounds(prints, prints, 0.35, itself=True, comparisons=0)
        spent = time.process_time() - begun
        rows.append([f"search, by index: {number:,} sounds of 10 s in {number:,}", f"{spent:.1f} s", ""])
    return rows


def _prints(number: int) -> Prints:
    """Fingerprints of random words that change slowly, as those of sounds do."""
    length = 862
    parts = []
    for seed in range(number):
        random = np.random.Generator(np.random.PCG64(seed))
        drift = np.cumsum(random.normal(size=(length + 32, 32)), axis=0)
        parts.append(np.packbits(drift[32:] > drift[:-32], axis=1, bitorder="little").view("<u4")[:, 0])
    return Prints(np.concatenate(parts).astype(np.uint32), np.arange(number + 1, dtype=np.int64) * length)


def main(data: Path = ROOT.parent / "shared" / "data") -> str:
    """The table."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [*images(data, Path(folder)), *sounds(data), *tables(data), *search()]
    return table(["measured", "ours, per CPU-second or in CPU-seconds", "others"], rows)


if __name__ == "__main__":
    print(main(*map(Path, sys.argv[1:])))
