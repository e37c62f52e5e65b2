from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pytest

from anchor_pipeline.corpus.document import DOCUMENT_SCHEMA
from anchor_pipeline.corpus.store import Store
from anchor_pipeline.facts.batch import Batch
from anchor_pipeline.facts.measure import measure_shards, read_facts
from anchor_pipeline.facts.media.sets import SETS, images_can_be_measured, media_sets
from anchor_pipeline.facts.media.tables import measure_rows
from anchor_pipeline_tests.documents import document
from anchor_pipeline_tests.facts.media.pictures import file_of, photo
from anchor_pipeline_tests.facts.media.waves import pcm


def shard_of(store: Store, rows: list[dict[str, object]]) -> str:
    return store.write_shard(pa.Table.from_pylist(rows, schema=DOCUMENT_SCHEMA)).digest


def tone(pitch: float) -> bytes:
    return pcm(0.5 * np.sin(np.arange(8000) * pitch) * np.sin(np.arange(8000) / 700))


@pytest.mark.skipif(not images_can_be_measured(), reason="Pillow is not installed (extra media)")
def test_images_sounds_and_rows_of_one_shard_get_their_own_facts_and_nulls_elsewhere(tmp_path: object) -> None:
    store = Store(str(tmp_path))
    rows = [
        document("s", "text", "some words"),
        document("s", "image", payload=file_of(photo(1)), modality="image"),
        document("s", "broken", payload=b"\x89PNG", modality="image"),
        document("s", "sound", payload=tone(0.3), modality="audio"),
        document("s", "row", '{"value":"1.5"}', modality="table"),
    ]
    shard = shard_of(store, rows)
    measure_shards(store, [shard], media_sets(store, "2020"))
    images, sounds, tables = (
        read_facts(store, shard, SETS[name].key).to_pydict() for name in ("image", "audio", "table")
    )
    assert images["width"] == [None, 320, None, None, None]
    assert images["undecodable"] == [None, None, "not_decodable", None, None]
    assert [value is None for value in images["pdq"]] == [True, False, True, True, True]
    assert sounds["seconds"] == [None, None, None, 1.0, None]
    assert tables["numbers"] == [None, None, None, None, [1.5]]


def test_a_row_is_its_fields_by_name_and_numbers_are_equal_however_spelt() -> None:
    texts = [
        '{"b":"x","a":1}',
        '{"a":"1.0","b":"x"}',
        '{"a":1.0,"b":"y"}',
        "free text",
        '{"a":',
        "[1]",
        '{"a":"1_0","b":"nan"}',
    ]
    layouts, cells, numbers, windows = measure_rows(Batch(pa.table({"text": texts, "raw_file": ["f"] * len(texts)})))
    assert layouts.to_pylist()[:4] == ['["a","b"]', '["a","b"]', '["a","b"]', None]
    found = cells.to_pylist()
    assert found[0] == found[1] != found[2]
    assert found[3:6] == [None, None, None]
    assert numbers.to_pylist()[0][0] == 1.0
    assert np.isnan(numbers.to_pylist()[6]).all()
    assert windows.to_pylist()[0] == [0, 0]


def test_windows_stay_within_one_raw_file_and_one_layout() -> None:
    values = np.random.Generator(np.random.PCG64(1)).normal(size=120).tolist()
    texts = [json.dumps({"v": value}) for value in values]
    whole = _windows(texts, ["f"] * 120)
    assert np.count_nonzero(whole) == 120 - 31
    assert np.count_nonzero(_windows(texts, ["f"] * 60 + ["g"] * 60)) == 2 * (60 - 31)
    texts[60] = json.dumps({"w": values[60]})
    assert np.count_nonzero(_windows(texts, ["f"] * 120)) == (60 - 31) + (59 - 31)


def _windows(texts: list[str], files: list[str]) -> list[int]:
    return [row[0] for row in measure_rows(Batch(pa.table({"text": texts, "raw_file": files})))[3].to_pylist()]


def test_another_process_measures_the_same_bytes() -> None:
    program = textwrap.dedent(
        """
        import hashlib, json, sys
        import numpy as np, pyarrow as pa
        from anchor_pipeline.facts.batch import Batch
        from anchor_pipeline.facts.media.sets import SETS, media_sets
        from anchor_pipeline_tests.facts.media.test_sets import tone
        values = np.random.Generator(np.random.PCG64(1)).normal(size=90).tolist()
        texts = [json.dumps({"v": value, "w": str(value)}) for value in values]
        digest = hashlib.sha256()
        for facts, table in (
            (SETS["audio"], {"payload": pa.array([tone(0.3), tone(0.4), b""])}),
            (SETS["table"], {"text": texts, "raw_file": ["f"] * 90}),
        ):
            for column in facts.measure(Batch(pa.table(table))):
                digest.update(repr(column.to_pylist()).encode())
        print(digest.hexdigest())
        """
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_nothing_of_pillow_is_imported_until_an_image_is_measured() -> None:
    program = "import sys; import anchor_pipeline.rules.perceptual_novelty; print('PIL' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
