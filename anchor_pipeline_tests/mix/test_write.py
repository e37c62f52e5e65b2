"""Writing a mix: only after a pass for exactly this selection, with exactly the selected content, reproducibly."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.errors import AnchorError, Refused, UsageError
from anchor_pipeline.mix import write
from anchor_pipeline.mix.manifest import Manifest, manifest_schema
from anchor_pipeline.mix.release import Release, current_release, previous_release
from anchor_pipeline.mix.verify import verify_mix
from anchor_pipeline_tests.mix.releases import documents, finding, turn, world, write_selection

SMALL_PARTS = 60_000


def rows_of(release: Release) -> list[dict[str, Any]]:
    tables = [pq.read_table(release.path / part.path) for part in release.manifest.parts]
    return [row for table in tables for row in table.to_pylist()]


def bytes_of(release: Release) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in release.manifest.entries}


def all_ok(release: Release) -> bool:
    return all(check.ok for check in verify_mix(release.path))


def test_the_mix_is_the_selection_in_its_order(tmp_path: Path) -> None:
    made = world(tmp_path, documents(700), repeat=2)
    release = made.release(part_bytes=SMALL_PARTS)
    names = pq.read_schema(release.path / release.manifest.parts[0].path).names
    assert "payload" not in names
    assert rows_of(release) == [{name: row[name] for name in names} for row in made.drawn]
    assert len(release.manifest.parts) > 3
    assert all_ok(release)


def test_images_and_sounds_are_kept_unaltered(tmp_path: Path) -> None:
    made = world(tmp_path, documents(400, media=True))
    release = made.release(part_bytes=SMALL_PARTS)
    for row, drawn in zip(rows_of(release), made.drawn, strict=True):
        assert (row["text"], row["payload"]) == (drawn["text"], drawn["payload"])
    assert {name: amount.unit for name, amount in release.manifest.amounts.items()} == {
        "audio": "milliseconds",
        "image": "samples",
        "text": "tokens",
    }
    assert all_ok(release)


def test_the_manifest_states_what_is_there(tmp_path: Path) -> None:
    made = world(tmp_path, documents(500))
    release = made.release(part_bytes=SMALL_PARTS, extra={"REPORT.html": b"<p>fine</p>"})
    data = (release.path / "MANIFEST.json").read_bytes()
    jsonschema.validate(json.loads(data), manifest_schema())
    manifest = Manifest.model_validate_json(data)
    assert manifest == release.manifest
    total = sum(row["tokens"] for row in made.drawn)
    anchors = sum(row["tokens"] for row in made.drawn if row["kind"] == "anchor")
    share = manifest.shares["text"]["kind"]["anchor"]
    assert (share.tokens, share.documents) == (anchors, 125)
    assert abs(Fraction(share.share) - Fraction(anchors, total)) <= Fraction(1, 2_000_000)
    assert set(manifest.shares["text"]["generator"]) == {"markov@1"}
    assert sum(part.tokens for part in manifest.parts) == manifest.amounts["text"].tokens == total
    for entry in manifest.entries:
        content = (release.path / entry.path).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry.sha256, entry.bytes)
    assert [file.path for file in manifest.files] == ["REPORT.html", "VERDICT.json"]


@pytest.mark.parametrize("changed", [{"shard_rows": 7}, {"layout": 5}, {"shard_rows": 1000, "layout": 9}])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_selection_gives_the_same_bytes(
    tmp_path: Path, changed: dict[str, Any], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = documents(600, media=True)
    first = world(tmp_path / "a", rows, repeat=2).release(part_bytes=SMALL_PARTS, threads=2)
    monkeypatch.setattr(write, "MEMORY_BYTES", 0)
    other = world(tmp_path / "b", rows[::-1], repeat=2, order=1, **changed)
    # Another layout of the shards and of the selection file, the content waiting on the disk, not in memory.
    by_id = {(row["doc_id"], row["epoch"]): row for row in other.drawn}
    order = world(tmp_path / "a", rows, repeat=2).drawn
    write_selection(other.selection, [by_id[row["doc_id"], row["epoch"]] for row in order])
    second = other.release(part_bytes=SMALL_PARTS, threads=threads)
    assert bytes_of(second) == bytes_of(first)
    assert second.digest == first.digest
    assert all_ok(second)


def test_a_rebuild_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world(tmp_path, documents(300))
    first = made.release(extra={"REPORT.html": b"x"}, extra_after=lambda m: {"ROWS.txt": str(m.rows).encode()})
    assert (first.path / "ROWS.txt").read_bytes() == b"300"
    monkeypatch.setattr(write, "gather", None)
    again = made.release(extra={"REPORT.html": b"x"}, extra_after=lambda m: {"ROWS.txt": str(m.rows).encode()})
    assert again.reused
    assert (again.path, again.manifest) == (first.path, first.manifest)
    assert made.store.list("mix/pretrain/2021") == ["0001"]


def test_changed_content_is_a_new_revision_beside_the_old(tmp_path: Path) -> None:
    rows = documents(300)
    first = world(tmp_path, rows).release()
    made = world(tmp_path, rows[:200], store=Store(tmp_path / "store"))
    second = made.release()
    assert (second.revision, second.path.name) == (2, "0002")
    replaces = second.manifest.replaces
    assert replaces is not None
    assert (replaces.revision, replaces.digest) == (1, first.digest)
    assert all_ok(first)
    assert all_ok(second)
    assert made.release().reused
    # And back again: the content of the first revision, now as the third.
    third = world(tmp_path, rows, store=made.store).release()
    assert (third.revision, third.digest) == (3, first.digest)


def test_a_damaged_release_is_written_again(tmp_path: Path) -> None:
    made = world(tmp_path, documents(100))
    first = made.release()
    (first.path / first.manifest.parts[0].path).unlink()
    second = made.release()
    assert (second.reused, second.revision, second.digest) == (False, 2, first.digest)
    assert all_ok(second)


def test_another_report_is_another_revision(tmp_path: Path) -> None:
    made = world(tmp_path, documents(100))
    made.release(extra={"REPORT.html": b"x"})
    assert made.release(extra={"REPORT.html": b"y"}).revision == 2


def test_the_previous_release_is_that_of_the_latest_earlier_cycle(tmp_path: Path) -> None:
    made = world(tmp_path, documents(100))
    for key in ("2019", "2020"):
        made.release(key)
    newest = made.release("2020", extra={"NOTE.txt": b"second"})
    made.release("2022")
    release = made.release("2021")
    previous = release.manifest.previous
    assert previous is not None
    assert (previous.cycle, previous.digest) == ("2020", newest.digest)
    assert previous_release(made.store, "pretrain", "2019") is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"status": "fail"}, "'fail'"),
        ({"findings": (finding(status="fail"),)}, "anchor_share did not"),
        ({"findings": (finding(status="insufficient"),)}, "anchor_share did not"),
        ({"cycle": "2020"}, "cycle 2020"),
        ({"stage": "sft"}, "sft"),
        ({"project": "other"}, "other"),
    ],
)
def test_without_a_pass_for_this_stage_nothing_is_written(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    made = world(tmp_path, documents(50))
    with pytest.raises(Refused, match=said):
        made.release(verdict=made.verdict(**changed))
    assert not made.store.exists("mix")


def test_a_verdict_that_evaluated_nothing_refuses(tmp_path: Path) -> None:
    made = world(tmp_path, documents(50))
    verdict = made.verdict()
    rules = verdict.rules.model_copy(update={"evaluated": ()})
    with pytest.raises(Refused, match="no rule"):
        made.release(verdict=verdict.model_copy(update={"rules": rules, "findings": ()}))


def test_a_verdict_for_another_selection_refuses(tmp_path: Path) -> None:
    made = world(tmp_path, documents(50))
    verdict = made.verdict()
    write_selection(made.selection, made.drawn[::-1])
    with pytest.raises(Refused, match="judge this selection"):
        made.release(verdict=verdict)
    assert not made.store.exists("mix")


def test_a_verdict_against_another_previous_release_refuses(tmp_path: Path) -> None:
    made = world(tmp_path, documents(50))
    verdict = made.verdict("2021")
    made.release("2020")
    with pytest.raises(Refused, match="previous"):
        made.release("2021", verdict=verdict)


def test_an_empty_selection_refuses(tmp_path: Path) -> None:
    made = world(tmp_path, documents(5))
    write_selection(made.selection, [])
    with pytest.raises(Refused, match="no documents"):
        made.release()


def test_of_two_runs_one_releases_and_the_other_is_told(tmp_path: Path) -> None:
    made = world(tmp_path, documents(60))
    others: list[Release] = []

    def meanwhile(manifest: Manifest) -> dict[str, bytes]:
        if not others:
            others.append(made.release(extra=other_extra))
        return {}

    other_extra = {"NOTE.txt": b"first"}
    with pytest.raises(AnchorError, match="another run released revision 1 meanwhile"):
        made.release(extra_after=meanwhile)
    current = current_release(made.store, "pretrain", "2021")
    assert current is not None
    assert current.digest == others[0].digest
    others.clear()
    other_extra = {"SAME.txt": b"same"}

    def same(manifest: Manifest) -> dict[str, bytes]:
        return {**meanwhile(manifest), "SAME.txt": b"same"}

    both = made.release(extra_after=same)
    assert both.reused
    assert both.path == others[0].path


@pytest.mark.parametrize(
    "name", ["../x", "/x", "data/x", "MANIFEST.json", "a//b", ".hidden", "a\\b", "a/../b", "", "VERDICT.json"]
)
def test_names_of_extra_files_stay_inside(tmp_path: Path, name: str) -> None:
    made = world(tmp_path, documents(10))
    with pytest.raises(UsageError, match="cannot name "):
        made.release(extra={name: b"x"})


def test_a_stage_cannot_lead_out_of_the_store(tmp_path: Path) -> None:
    made = world(tmp_path, documents(5))
    with pytest.raises(UsageError, match="cannot name a stage"):
        write.write_mix(
            made.store, made.selection, made.verdict(stage="../x"), project="demo", stage="../x", cycle=turn()
        )
