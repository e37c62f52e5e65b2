from __future__ import annotations

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.released import Released
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.media import sets
from anchor_pipeline.rules import perceptual_novelty
from anchor_pipeline.rules.finding import Finding
from anchor_pipeline_tests.data import shared_data
from anchor_pipeline_tests.facts.media.pictures import file_of, photo
from anchor_pipeline_tests.facts.media.waves import pcm
from anchor_pipeline_tests.rules.evidence import (
    CORPUS_SCHEMA,
    Builder,
    Row,
    _write,
    at,
    declaration,
    doc,
)

needs_pillow = pytest.mark.skipif(not sets.images_can_be_measured(), reason="Pillow is not installed (extra media)")


def media(source: str, id: str, payload: bytes, modality: str = "image", **fields: Any) -> Row:
    synthetic = source.startswith("synth")
    return doc(source, id, 1, modality=modality, payload=payload, text=None, synthetic=synthetic, **fields)


def project_of(modality: str, **setting: Any) -> Row:
    uris = {"image": "*.png", "audio": "*.wav", "table": "*.csv"}
    declared = declaration(rules={"perceptual_novelty": setting} if setting else None)
    for source in declared["sources"].values():
        source.update(modality=modality, uri=uris[modality])
    declared["stages"]["main"]["tokens"] = {modality: 1000}
    return declared


def placed(store: Store, rows: Iterable[Row]) -> list[Row]:
    """The rows, their content in a shard of the store."""
    loose = pa.schema([field.with_nullable(True) for field in DOCUMENT_SCHEMA])
    content = [{name: row.get(name) for name in loose.names} for row in rows]
    shard = store.write_shard(pa.Table.from_pylist(content, schema=loose)) if content else None
    return [{**row, "shard": shard.digest, "shard_row": at} for at, row in enumerate(rows) if shard]


def judged(
    build: Builder, drawn: list[Row], undrawn: tuple[Row, ...] = (), modality: str = "image", **setting: Any
) -> list[Finding]:
    """The findings on drawn documents; those that are not drawn are in the corpus all the same."""
    store = Store(tempfile.mkdtemp(dir=build.folder))
    project = project_of(modality, **setting)
    evidence = build(placed(store, drawn), project=project, corpus=placed(store, undrawn), store=store)
    return perceptual_novelty.evaluate(evidence)


@pytest.fixture(scope="module")
def originals() -> list[Row]:
    return [media("anchors_s", str(seed), file_of(photo(seed))) for seed in range(20)]


def variants(seed: int) -> dict[str, bytes]:
    from PIL import Image

    image = photo(seed)
    noisy = np.asarray(image, float) + np.random.Generator(np.random.PCG64(1)).normal(0, 8, (240, 320, 3))
    return {
        "mirrored": file_of(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        "resized": file_of(image.resize((500, 410))),
        "recompressed": file_of(image, "JPEG", quality=30),
        "noisy": file_of(Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))),
        "brighter": file_of(image.point(lambda value: min(255, value * 0.8 + 50))),
    }


@needs_pillow
@pytest.mark.parametrize("change", ["mirrored", "resized", "recompressed", "noisy", "brighter"])
def test_a_synthetic_image_that_is_a_changed_original_fails_and_names_it(
    build: Builder, originals: list[Row], change: str
) -> None:
    drawn = [*originals, media("synth_s", "copy", variants(7)[change]), media("synth_s", "new", file_of(photo(99)))]
    for domain in (None, "support"):
        finding = at(judged(build, drawn), domain, "image")
        assert finding.status == "fail"
        assert finding.severity == "warn"
        assert finding.shortfall == 1
        assert finding.observed is not None
        assert finding.observed < 32 == finding.required
        closest = finding.evidence["closest"][0]
        assert (closest["document"], closest["original"]) == ("synth_s/copy", "anchors_s/7")
        assert closest["mirrored"] == (change == "mirrored")
        assert "`synth_s/copy`" in finding.message
        assert "`anchors_s/7`" in finding.message


@needs_pillow
def test_new_images_pass_and_the_nearest_is_named_all_the_same(build: Builder, originals: list[Row]) -> None:
    finding = at(judged(build, [*originals, media("synth_s", "new", file_of(photo(99)))]), None, "image")
    assert finding.status == "pass"
    assert finding.observed is not None
    assert finding.observed >= 60
    assert finding.evidence["closest"][0]["original"].startswith("anchors_s/")
    assert finding.evidence["originals"] == 20
    assert set(finding.evidence["quantiles"]) == {"pdq"}


@needs_pillow
def test_originals_that_are_not_drawn_are_guarded_too(build: Builder, originals: list[Row]) -> None:
    drawn = [originals[0], media("synth_s", "copy", variants(7)["noisy"])]
    assert at(judged(build, drawn), None, "image").status == "pass"
    assert at(judged(build, drawn, tuple(originals[1:])), None, "image").status == "fail"


@needs_pillow
def test_originals_of_the_previous_release_are_guarded_after_they_left_the_corpus(
    build: Builder, originals: list[Row]
) -> None:
    drawn = [originals[0], media("synth_s", "copy", variants(7)["noisy"])]
    part = "mix/main/2020/0001/data/train-00000-of-00001.parquet"
    store = Store(tempfile.mkdtemp(dir=build.folder))
    released = Released(stage="main", cycle="2020", digest="0" * 64, parts=(part,))
    evidence = build(placed(store, drawn), project=project_of("image"), previous=released, store=store)
    assert at(perceptual_novelty.evaluate(evidence), None, "image").status == "pass"  # nothing is known of that cycle

    table = store.path("corpus/2020/documents.parquet")
    table.parent.mkdir(parents=True)
    _write(table, placed(store, originals), CORPUS_SCHEMA)
    for ids, status in ((["anchors_s/3"], "pass"), (["anchors_s/3", "anchors_s/7"], "fail")):
        path = store.path(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"doc_id": ids}), path)
        finding = at(perceptual_novelty.evaluate(evidence), None, "image")
        assert finding.status == status
    assert finding.evidence["closest"][0]["original"] == "anchors_s/7"


@needs_pillow
def test_quarantined_and_synthetic_documents_are_no_originals(build: Builder, originals: list[Row]) -> None:
    copy = media("synth_s", "copy", variants(7)["noisy"])
    lost = {**originals[7], "status": "quarantined", "reason": "bad_date"}
    twin = media("synth_s", "twin", file_of(photo(7)))
    assert at(judged(build, [originals[0], copy], (lost, twin)), None, "image").status == "pass"


@needs_pillow
def test_each_domain_is_judged_for_itself_and_by_its_own_distance(build: Builder, originals: list[Row]) -> None:
    drawn = [*originals, media("synth_s", "copy", variants(7)["noisy"]), media("synth_e", "new", file_of(photo(99)))]
    found = judged(build, drawn)
    assert at(found, "support", "image").status == "fail"
    assert at(found, "essays", "image").status == "pass"
    strict = at(judged(build, drawn, min_pdq=128), "essays", "image")
    assert strict.status == "fail"
    assert strict.required == 128


@needs_pillow
def test_an_unreadable_image_is_insufficient_and_an_empty_one_is_counted(build: Builder, originals: list[Row]) -> None:
    from PIL import Image

    broken = media("synth_s", "broken", file_of(photo(3))[:400])
    finding = at(judged(build, [*originals, broken]), None, "image")
    assert finding.status == "insufficient"
    assert "1 truncated" in finding.message
    blank = media("synth_s", "blank", file_of(Image.new("RGB", (64, 64), "grey")))
    finding = at(judged(build, [*originals, blank]), None, "image")
    assert finding.status == "pass"
    assert finding.evidence["not_compared"] == {"featureless": 1}
    unread = {**originals[0], "payload": b"\x89PNG"}
    new = media("synth_s", "new", file_of(photo(99)))
    finding = at(judged(build, [*originals[1:], unread, new]), None, "image")
    assert finding.status == "insufficient"
    assert "originals cannot be read" in finding.message
    assert at(judged(build, [new]), None, "image").status == "insufficient"


@needs_pillow
def test_images_with_few_features_are_compared_by_phash(build: Builder) -> None:
    from PIL import Image

    def faint(seed: int) -> Any:
        return photo(seed).convert("L").resize((60, 60)).point(lambda value: 120 + value // 8)

    drawn = [media("anchors_s", str(seed), file_of(faint(seed))) for seed in range(10)]
    turned = faint(4).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    finding = at(judged(build, [*drawn, media("synth_s", "copy", file_of(turned))]), None, "image")
    assert finding.status == "fail"
    assert finding.evidence["closest"][0]["measure"] == "phash"
    assert finding.evidence["closest"][0]["original"] == "anchors_s/4"


@needs_pillow
def test_synthetic_images_that_are_alike_among_themselves_are_reported(build: Builder, originals: list[Row]) -> None:
    twins = [media("synth_s", name, data) for name, data in variants(50).items()]
    other = media("synth_s", "other", file_of(photo(99)))
    finding = at(judged(build, [*originals, *twins, other]), None, "image")
    assert finding.status == "pass"
    assert finding.evidence["alike_among_synthetic"]["documents"] == 5


def test_without_pillow_the_finding_says_what_to_install(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual_novelty, "images_can_be_measured", lambda: False)
    finding = at(judged(build, [media("anchors_s", "a", b"y"), media("synth_s", "copy", b"x")]), None, "image")
    assert finding.status == "insufficient"
    assert "pip install 'anchor-pipeline[media]'" in finding.message


def test_a_stage_of_texts_passes_and_says_why(build: Builder) -> None:
    finding = at(
        perceptual_novelty.evaluate(build([doc("anchors_s", "a"), doc("synth_s", "b", synthetic=True)])), None, None
    )
    assert (finding.status, finding.message) == (
        "pass",
        "The stage takes no image or audio or table, which is what this rule is about",
    )


def speech(take: int) -> bytes:
    """Some seconds of spoken digits, no recording in two takes."""
    files = [shared_data() / "fsdd" / f"{digit}_{'george' if take % 2 else 'theo'}_{take}.wav" for digit in range(10)]
    return b"".join(_samples(file) for file in files)


def _samples(file: Path) -> bytes:
    return file.read_bytes()[44:]


def sound(samples: bytes) -> bytes:
    return pcm(np.frombuffer(samples, "<i2") / 32768)


def test_a_quiet_noisy_excerpt_of_a_recording_fails_and_other_speech_passes(build: Builder) -> None:
    recordings = [media("anchors_s", str(take), sound(speech(take)), "audio") for take in range(8)]
    samples = np.frombuffer(speech(5), "<i2")[4000:] / 32768
    changed = samples * 0.2 + np.random.Generator(np.random.PCG64(1)).normal(0, 0.002, len(samples))
    copy, new = media("synth_s", "copy", pcm(changed), "audio"), media("synth_e", "new", sound(speech(8)), "audio")
    found = judged(build, [*recordings, copy, new], modality="audio")
    finding = at(found, "support", "audio")
    assert finding.status == "fail"
    assert finding.evidence["closest"][0]["original"] == "anchors_s/5"
    assert at(found, "essays", "audio").status == "pass"
    silent = media("synth_e", "silence", pcm(np.zeros(9000)), "audio")
    assert at(judged(build, [*recordings, silent], modality="audio"), "essays", "audio").status == "pass"
    broken = media("synth_e", "broken", pcm(samples)[:3000], "audio")
    assert at(judged(build, [*recordings, broken], modality="audio"), "essays", "audio").status == "insufficient"


def content(number: int, value: float) -> str:
    return json.dumps({"at": str(number), "value": value}, separators=(",", ":"))


def rows(source: str, values: Any, name: str) -> list[Row]:
    return [
        doc(
            source, f"{name}-{number:05d}", 1, modality="table", raw_file=f"{name}.csv", raw_row=number,
            synthetic=source.startswith("synth"), text=content(number, value),
        )
        for number, value in enumerate(values)
    ]  # fmt: skip


def test_a_series_that_repeats_a_real_one_in_another_unit_fails_and_other_series_pass(build: Builder) -> None:
    def real(path: str) -> list[float]:
        with (shared_data() / "nab" / path).open() as file:
            return [float(row["value"]) for row in csv.DictReader(file)][:600]

    traffic, other = real("realTraffic/occupancy_6005.csv"), real("realTraffic/speed_t4013.csv")
    anchors = rows("anchors_s", traffic, "a")
    copied = [round(value * 1.6 + 3, 4) for value in traffic[100:250]]
    found = judged(build, [*anchors, *rows("synth_s", copied, "s"), *rows("synth_e", other, "e")], modality="table")
    finding = at(found, "support", "table")
    assert finding.status == "fail"
    assert finding.shortfall is not None
    assert finding.shortfall > 80
    closest = finding.evidence["closest"][0]
    assert int(closest["original"][-5:]) - int(closest["document"][-5:]) == 100
    assert at(found, "essays", "table").status == "pass"
    entropy = finding.evidence["entropy"]["value"]
    assert entropy["rows"] == 600
    assert 0 < entropy["synthetic"] < 9.3


def test_the_same_corpus_gives_the_same_finding_in_whatever_order(build: Builder) -> None:
    recordings = [media("anchors_s", str(take), sound(speech(take)), "audio") for take in range(4)]
    copies = [media("synth_s", str(take), sound(speech(take)[2000:]), "audio") for take in range(4)]
    first = judged(build, [*recordings, *copies], modality="audio")
    second = judged(build, [*copies[::-1], *recordings[::-1]], modality="audio")
    assert [finding.model_dump() for finding in first] == [finding.model_dump() for finding in second]


@needs_pillow
def test_no_two_handwritten_characters_count_as_copies(build: Builder) -> None:
    zipped = next((shared_data() / "omniglot").glob("*.zip"))
    with zipfile.ZipFile(io.BytesIO(zipped.read_bytes())) as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")][::6]
        images = [archive.read(name) for name in names]
    half = len(images) // 2
    drawn = [media("anchors_s", str(number), image) for number, image in enumerate(images[:half])]
    drawn += [media("synth_s", str(number), image) for number, image in enumerate(images[half:])]
    finding = at(judged(build, drawn), "support", "image")
    assert finding.status == "pass"
    assert "not_compared" not in finding.evidence
