"""A mix of images and sounds that people and models made, released under custody."""

from __future__ import annotations

import io
import random
import wave
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from anchor_pipeline import steps
from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.custody.custodian import custodian_of
from anchor_pipeline.mix.release import Release
from anchor_pipeline.project import load_project

PROJECT = """
project: pictures
seed: 3
cycle: {cadence: yearly, start: 2019-01-01}
custody: {origin: example.org/pictures}
domains:
  sea: {volatility: slow, fresh_window: 2y}
sources:
  photos:
    kind: anchor
    domain: sea
    modality: image
    uri: raw/photos/*
    fields: {collected_at: {constant: 2020-06-01}, authorship: human, licence: CC0-1.0}
    steward: harbour@example.org
    signed_off: true
  renders:
    kind: synthetic
    domain: sea
    modality: image
    uri: raw/renders/*
    fields: {collected_at: {constant: 2020-06-01}, licence: CC0-1.0}
    generator: {name: brush, version: "2", seed: "11"}
  waves:
    kind: anchor
    domain: sea
    modality: audio
    uri: raw/waves/*
    fields: {collected_at: {constant: 2020-06-01}, authorship: human, licence: CC0-1.0}
    steward: harbour@example.org
    signed_off: true
  hums:
    kind: synthetic
    domain: sea
    modality: audio
    uri: raw/hums/*
    fields: {collected_at: {constant: 2020-06-01}, licence: CC0-1.0}
    generator: {name: reed}
  odd:
    kind: licensed
    domain: sea
    modality: image
    uri: raw/odd.parquet
    fields: {id: {column: id}, payload: {column: payload}, collected_at: {constant: 2020-06-01}, licence: CC0-1.0}
stages:
  main:
    tokens: {image: 100, audio: 100}
    domains: {sea: 1.0}
rules:
  generator_diversity: {max_family_share: 1.0}
  anchor_share: {min: 0.1}
  synthetic_share: {max: 0.9}
  perceptual_novelty: off
"""


def picture(number: int, format: str = "PNG") -> bytes:
    """A small image that no other number gives."""
    from PIL import Image

    chance = random.Random(number)
    image = Image.frombytes("RGB", (16, 16), chance.randbytes(16 * 16 * 3))
    written = io.BytesIO()
    image.save(written, format)
    return written.getvalue()


def sound(number: int) -> bytes:
    """A second of a WAV file."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(random.Random(number).randbytes(16_000))
    return written.getvalue()


def media_release(folder: Path) -> Release:
    """Raw files, keys, and the release of stage `main`."""
    files = {f"photos/p{n}.png": picture(n) for n in range(6)}
    files |= {"photos/p7.jpg": picture(7, "JPEG")}
    files |= {f"renders/r{n}.{suffix}": picture(50 + n, kind) for n, (suffix, kind) in enumerate(
        [("png", "PNG"), ("jpg", "JPEG"), ("gif", "GIF"), ("bmp", "BMP")]
    )}  # fmt: skip
    files |= {f"waves/w{n}.wav": sound(n) for n in range(4)}
    files |= {f"hums/h{n}.wav": sound(50 + n) for n in range(2)}
    for name, data in files.items():
        path = folder / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    odd = {"id": ["../../../escaped", "/escaped"], "payload": [picture(90), picture(91)]}
    pq.write_table(pa.table(odd), folder / "raw/odd.parquet")
    (folder / "project.yaml").write_text(PROJECT)
    project = load_project(folder)
    custodian = custodian_of(project)
    assert custodian is not None
    begin_custody(custodian, ["pipeline"])
    place = steps.Workplace(project)
    cycle = project.calendar.at("2020")
    steps.plan_all(place, ["main"], cycle)
    return steps.release(place, "main", cycle)
