"""Real data of every kind, counted by other means."""

from __future__ import annotations

import csv
import json
import wave
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from anchor_pipeline.ingest.tokens import reference_words
from anchor_pipeline_tests.data import shared_data
from anchor_pipeline_tests.ingest.support import check_conservation, ingest


def lines(*paths: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_bytes().split(b"\n") if line]


def test_peps_by_their_dates(tmp_path: Path) -> None:
    path = shared_data() / "peps/peps.jsonl"
    fields = {"id": {"column": "id"}, "collected_at": {"column": "created", "format": "%d-%b-%Y"}}
    snapshot, kept, rejected = ingest(tmp_path, uri=str(path), kind="anchor", fields=fields)
    check_conservation(snapshot, kept, rejected)
    raw = [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    assert len(kept) == len(raw) == 538
    assert [row["text"] for row in kept] == [row["text"] for row in raw]
    assert [row["tokens"] for row in kept] == [reference_words(row["text"]) for row in raw]
    assert [row["collected_at"].strftime("%d-%b-%Y") for row in kept] == [row["created"] for row in raw]
    # What the files say of their licence is not SPDX: all of it is set aside, none of it lost.
    stated = {**fields, "licence": {"column": "license"}}
    snapshot, kept, rejected = ingest(tmp_path, uri=str(path), kind="anchor", fields=stated)
    assert (kept, snapshot.quarantined) == ([], {"unparsable_licence": 538})
    assert [row["content"].decode() for row in rejected] == [row["text"] for row in raw]


def test_l2r_humans(tmp_path: Path) -> None:
    folder = shared_data() / "l2r"
    snapshot, kept, _ = ingest(tmp_path, uri=str(folder), where="origin = 'human'", fields={"id": {"column": "id"}})
    raw = lines(*sorted(folder.glob("*.jsonl")))
    humans = [row for row in raw if row["origin"] == "human"]
    assert [(row["doc_id"], row["text"]) for row in kept] == [(f"s/{row['id']}", row["text"]) for row in humans]
    assert snapshot.filtered == len(raw) - len(humans)
    travel, technical = (
        [row["digest"] for row in kept if row["raw_file"].startswith(name)] for name in ("Travel", "Tech")
    )
    assert len(set(travel) & set(technical)) >= 190  # known to be the same texts


def test_outfox_by_authorship(tmp_path: Path) -> None:
    path = shared_data() / "outfox/essays.jsonl"
    _, kept, _ = ingest(
        tmp_path, uri=str(path), where="origin <> 'human'", kind="synthetic", fields={"authorship": None}
    )
    assert len(kept) == 1500
    assert {row["authorship"] for row in kept} == {"synthetic"}


def test_banking77(tmp_path: Path) -> None:
    path = shared_data() / "banking77/train.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    where = "category IN ('card_arrival', 'pin_blocked')"
    fields = {"stratum": {"column": "category"}}
    snapshot, kept, rejected = ingest(tmp_path, uri=str(path), where=where, fields=fields)
    chosen = [row for row in rows if row["category"] in ("card_arrival", "pin_blocked")]
    assert [(row["text"], row["stratum"]) for row in kept] == [(row["text"], row["category"]) for row in chosen]
    assert (snapshot.read, snapshot.filtered, rejected) == (len(chosen), len(rows) - len(chosen), [])


def test_omniglot(tmp_path: Path) -> None:
    path = shared_data() / "omniglot/images_background_small1.zip"
    _, kept, rejected = ingest(tmp_path, uri=str(path), modality="image")
    with zipfile.ZipFile(path) as archive:
        images = {name: archive.read(name) for name in archive.namelist() if name.endswith(".png")}
    assert rejected == []
    assert {row["doc_id"].removeprefix("s/"): row["payload"] for row in kept} == images


def test_spoken_digits(tmp_path: Path) -> None:
    folder = shared_data() / "fsdd"
    _, kept, rejected = ingest(tmp_path, uri=str(folder), modality="audio")
    assert rejected == []
    durations = {}
    for path in folder.glob("*.wav"):
        with wave.open(str(path)) as sound:
            durations[f"s/{path.name}"] = sound.getnframes() * 1000 // sound.getframerate()
    assert {row["doc_id"]: row["tokens"] for row in kept} == durations


def test_sensors_as_tables(tmp_path: Path) -> None:
    folder = shared_data() / "nab/realTraffic"
    fields = {"collected_at": {"column": "timestamp"}}
    snapshot, kept, rejected = ingest(tmp_path, uri=f"{folder}/*.csv", modality="table", fields=fields)
    assert rejected == []
    counts = Counter(row["raw_file"] for row in kept)
    assert counts == {path.name: len(path.read_text().splitlines()) - 1 for path in folder.glob("*.csv")}
    first = json.loads(kept[0]["text"])
    assert set(first) == {"timestamp", "value"}
    assert kept[0]["collected_at"].strftime("%Y-%m-%d %H:%M:%S") == first["timestamp"]
    assert snapshot.read == len(kept)
