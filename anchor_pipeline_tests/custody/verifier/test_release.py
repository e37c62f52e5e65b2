"""Whole releases, good and altered, in a real browser: each thing that must not be has its name."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable

import pytest

from anchor_pipeline.corpus.recalls import Target
from anchor_pipeline.custody.canonical import canonical_json
from anchor_pipeline.custody.keys import PrivateKey
from anchor_pipeline.custody.merkle import leaf_hash, root_of
from anchor_pipeline.mix.recalled import notice_of
from anchor_pipeline_tests.custody.forge import Forge, data, key, sealed
from anchor_pipeline_tests.custody.verifier.browser import Browser, codes
from anchor_pipeline_tests.custody.verifier.releases import (
    BUILT,
    PEM,
    ROOT,
    World,
    carried,
    credential,
    encoded,
    packed,
    sha,
    sidecar,
)
from anchor_pipeline_tests.recall.worlds import record

Files = dict[str, bytes]
PART = "data/train-00000-of-00002.parquet"
OTHER = "data/train-00001-of-00002.parquet"
LEDGER, HEAD = "custody/ledger.jsonl", "custody/checkpoint"
LISTED, CREDENTIALS = "custody/documents.jsonl.gz", "custody/credentials.jsonl"


@pytest.fixture(scope="module")
def good() -> Files:
    return World().files()


def test_a_good_release_is_proved(browser: Browser, good: Files) -> None:
    result = browser.verify(good, root=ROOT)
    assert (result["verdict"], codes(result)) == ("valid", [])
    proved = {"manifest", "files", "verdict", "ledger", "root", "completion", "documents", "credentials", "unfinished"}
    assert set(codes(result, True)) == proved
    assert set(codes(result, None)) == {"c2pa_signature", "newest", "verifier"}
    assert result["summary"]["size"] == 11


def test_it_is_proved_just_the_same_without_the_browsers_own_algorithms(browser: Browser, good: Files) -> None:
    result = browser.verify(good, root=ROOT, native=False)
    assert result["verdict"] == "valid"
    assert result["summary"]["means"].count("own code") == 2


def test_without_a_root_key_nobody_vouches_for_it(browser: Browser, good: Files) -> None:
    result = browser.verify(good)
    assert result["verdict"] == "valid"
    root = next(claim for claim in result["claims"] if claim["code"] == "root")
    assert root["ok"] is None
    assert key("root").public.id[:16] in root["what"]


def _flipped(name: str, at: int = 9) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        files[name] = files[name][:at] + bytes([files[name][at] ^ 1]) + files[name][at + 1 :]

    return change


def _cut(name: str) -> Callable[[Files], None]:
    return lambda files: files.update({name: files[name][:-1]})


def _without(name: str) -> Callable[[Files], None]:
    return lambda files: files.__delitem__(name) if name in files else None


def _swapped(files: Files) -> None:
    files[PART], files[OTHER] = files[OTHER], files[PART]


def _documents(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Files], None]:
    def changed(files: Files) -> None:
        lines = gzip.decompress(files[LISTED]).splitlines(keepends=True)
        # Without the newline that `packed` adds.
        files[LISTED] = packed(b"".join(change(lines)).removesuffix(b"\n").split(b"\n"))

    return changed


def _unended(files: Files) -> None:
    content = gzip.decompress(files[LISTED])[:-1]
    files[LISTED] = files[LISTED][:10] + gzip.compress(content, 6, mtime=0)[10:]


def _other_revision(files: Files) -> None:
    """Another manifest with the same mix digest: not the file that was recorded."""
    files["MANIFEST.json"] = files["MANIFEST.json"].replace(b'"revision":0', b'"revision":1')


ALTERED: dict[str, tuple[str, Callable[[Files], None]]] = {
    "a flipped bit in a part": ("file_digest", _flipped(PART)),
    "a part that is cut off": ("file_digest", _cut(PART)),
    "two parts swapped": ("file_digest", _swapped),
    "a part taken away": ("file_missing", _without(PART)),
    "a report altered": ("file_digest", _flipped("REPORT.html")),
    "a file added": ("file_unlisted", lambda files: files.update({"data/more.parquet": b"PAR1"})),
    "a flipped bit in the manifest": ("manifest", _flipped("MANIFEST.json", 30)),
    "a manifest cut off": ("manifest", _cut("MANIFEST.json")),
    "a manifest with a space": (
        "manifest",
        lambda files: files.update({"MANIFEST.json": files["MANIFEST.json"] + b" "}),
    ),
    "no manifest": ("manifest", _without("MANIFEST.json")),
    "a manifest of another revision": ("completion_missing", _other_revision),
    "no verdict": ("file_missing", _without("VERDICT.json")),
    "no ledger": ("file_missing", _without(LEDGER)),
    "no head": ("file_missing", _without(HEAD)),
    "a ledger cut off": ("truncated", _cut(LEDGER)),
    "a head cut off": ("head_malformed", _cut(HEAD)),
    "a flipped bit in the head's size": ("head_size", _flipped(HEAD, len("example.org/assistant\n1"))),
    "a flipped bit in the head's root": ("head_root", _flipped(HEAD, len("example.org/assistant\n11\n"))),
    "no list of documents": ("file_missing", _without(LISTED)),
    "a document dropped": ("documents_root", _documents(lambda lines: lines[1:])),
    "a document twice": ("documents_root", _documents(lambda lines: [lines[0], *lines])),
    "documents out of order": ("documents_root", _documents(lambda lines: [lines[1], lines[0], *lines[2:]])),
    "a document altered": (
        "documents_root",
        _documents(lambda lines: [lines[0].replace(b"human", b"humam"), *lines[1:]]),
    ),
    "a last line without newline": ("documents_root", _unended),
    "a time in the packed list's header": ("documents_root", _flipped(LISTED, 5)),
    "another root key beside the ledger": (
        "root_not_pinned",
        lambda files: files.update({"custody/root.pub.json": key("root", 3).public.encoded()}),
    ),
    "a flipped bit in the root key beside the ledger": ("malformed", _flipped("custody/root.pub.json")),
    "a packed list cut off": ("documents_root", _cut(LISTED)),
    "a list that is not packed": ("documents_root", lambda files: files.update({LISTED: b"{}\n"})),
    "no credentials": ("file_missing", _without(CREDENTIALS)),
    "no authority": ("credential_missing", _without("custody/authority.pem")),
    "another authority": ("credential_invalid", _flipped("custody/authority.pem", len(PEM) // 2)),
    "an authority with more": (
        "credential_invalid",
        lambda files: files.update({"custody/authority.pem": PEM + b"\n"}),
    ),
    "a list with more after it": ("documents_root", lambda files: files.update({LISTED: files[LISTED] + bytes(8)})),
    "a list twice": ("documents_root", lambda files: files.update({LISTED: files[LISTED] * 2})),
    "a credential altered": ("credentials_digest", _flipped(CREDENTIALS)),
    "a credential stripped": (
        "credentials_digest",
        lambda files: files.update({CREDENTIALS: files[CREDENTIALS].split(b"\n")[0] + b"\n"}),
    ),
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_was_altered_is_named(browser: Browser, good: Files, what: str) -> None:
    expected, change = ALTERED[what]
    files = dict(good)
    change(files)
    result = browser.verify(files, root=ROOT)
    assert result["verdict"] == "invalid"
    assert codes(result)[0] == expected


def _world(**changed: object) -> World:
    world = World()
    for name, value in changed.items():
        setattr(world, name, value)
    return world


def _finding(status: str) -> dict[str, str]:
    return {"rule": "licence", "severity": "block", "status": status}


SIGNED: dict[str, tuple[str, Callable[[], World]]] = {
    # The signer itself releases what must not be released.
    "a verdict that fails": ("verdict", lambda: _world(verdict={"status": "fail"})),
    "a verdict of another cycle": ("verdict", lambda: _world(verdict={"cycle": "2026-10"})),
    "a verdict without rules": ("verdict", lambda: _world(verdict={"rules": {"evaluated": []}})),
    "a pass although a rule refuses": ("verdict", lambda: _world(verdict={"findings": [_finding("insufficient")]})),
    "a verdict with another digest": (
        "verdict",
        lambda: _world(manifest={"digests": {"policy": "p", "selection": "s", "corpus": "c", "verdict": "0" * 64}}),
    ),
    "an unknown format": ("manifest", lambda: _world(manifest={"format": 3})),
    "an unknown field": ("manifest", lambda: _world(manifest={"more": 1})),
    "rows that do not add up": ("manifest", lambda: _world(manifest={"rows": 13})),
    "a digest that is not its own": ("manifest", lambda: _world(manifest={"digest": "0" * 64})),
    "a root of other documents": (
        "documents_root",
        lambda: _world(manifest={"documents": {"count": 8, "root": "0" * 64}}),
    ),
    "fewer documents than there are": (
        "documents_root",
        lambda: _world(manifest={"documents": {"count": 7, "root": "0" * 64}}),
    ),
    "more documents than there are": ("documents_root", lambda: _world(manifest={"documents": _counted(9)})),
    "documents that were never sorted": ("documents_root", lambda: _world(documents=World().documents[::-1])),
    "a document listed twice": ("documents_root", lambda: _world(documents=[World().documents[0], *World().documents])),
    "another number of credentials": ("credentials_digest", lambda: _world(completion=_miscounted())),
    "a shard without credential": ("credential_missing", lambda: _world(credentials=World().credentials[:1])),
    "no credentials recorded": ("credential_missing", lambda: _world(completion={"credentials": None})),
    "a credential about another shard": (
        "credential_invalid",
        lambda: _world(credentials=[credential(sha(b"shard of books"), subject=[]), sidecar(sha(b"shard of made"))]),
    ),
    "a credential that is no provenance": (
        "credential_invalid",
        lambda: _world(credentials=[credential(sha(b"shard of books"), predicate={}), sidecar(sha(b"shard of made"))]),
    ),
    "a statement in the place of the sidecar it names": ("credential_missing", lambda: _world(credentials=_stripped())),
    "a credential of a shard without documents": (
        "credential_invalid",
        lambda: _world(credentials=[*World().credentials, credential(sha(b"another"))]),
    ),
    "a credential by the steward": (
        "credential_invalid",
        lambda: _world(credentials=[_signed_by(key("steward")), World().credentials[1]]),
    ),
    "a credential by a revoked key": (
        "credential_invalid",
        lambda: _world(
            credentials=[_signed_by(key("ingest")), World().credentials[1]],
            changes=(("add", "ingest"), ("revoke", "ingest")),
        ),
    ),
    "a C2PA credential without authority": ("credential_invalid", lambda: _world(authority=None)),
    "a credential by a stranger": (
        "credential_invalid",
        lambda: _world(credentials=[_by_stranger(), World().credentials[1]]),
    ),
    "a credential with a broken signature": (
        "credential_invalid",
        lambda: _world(credentials=[_broken_signature(), World().credentials[1]]),
    ),
    "a credential with other bytes": (
        "credential_invalid",
        lambda: _world(credentials=[World().credentials[0] | {"sha256": "0" * 64}, World().credentials[1]]),
    ),
    "a completion of this manifest and another mix": ("completion_missing", lambda: _world(completion=_another_mix())),
    "a completion of another mix": (
        "completion_missing",
        lambda: _world(completion={"outputs": [data("mix/pretrain", "another", 12)]}),
    ),
}


def _counted(count: int) -> dict[str, object]:
    """What the manifest says of the list, with another number."""
    return {**json.loads(World().files()["MANIFEST.json"])["documents"], "count": count}


def _miscounted() -> dict[str, object]:
    return {"credentials": {"count": 3, "sha256": sha(World().files()[CREDENTIALS])}}


def _another_mix() -> dict[str, object]:
    manifest = {"name": "mix/pretrain/MANIFEST.json", "digest": sha(World().files()["MANIFEST.json"]), "rows": None}
    return {"outputs": [data("mix/pretrain", "another", 12), manifest]}


def _stripped() -> list[dict[str, object]]:
    named = {"buildDefinition": BUILT, "runDetails": {"byproducts": []}}
    return [credential(sha(b"shard of books")), credential(sha(b"shard of made"), predicate=named)]


def _by_stranger() -> dict[str, object]:
    return _signed_by(key("pipeline", 7))


def _signed_by(signer: PrivateKey) -> dict[str, object]:
    shard = sha(b"shard of books")
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"shards/{shard}", "digest": {"sha256": shard}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": BUILT, "runDetails": {}},
    }
    return carried(canonical_json(sealed(canonical_json(statement), [signer])), "in-toto", shard)


def _broken_signature() -> dict[str, object]:
    found = World().credentials[0]
    envelope = json.loads(base64.b64decode(found["data"]))
    other = json.loads(base64.b64decode(credential(found["shard"], predicate={"another": 1})["data"]))
    return carried(canonical_json({**envelope, "signatures": other["signatures"]}), "in-toto", found["shard"])


@pytest.mark.parametrize("what", SIGNED)
def test_what_a_signer_must_not_release_is_named(browser: Browser, what: str) -> None:
    expected, make = SIGNED[what]
    result = browser.verify(make().files(), root=ROOT)
    assert result["verdict"] == "invalid"
    assert codes(result)[0] == expected


def test_credentials_by_any_key_of_the_ledger_but_root_and_stewards_count(browser: Browser) -> None:
    world = _world(credentials=[_signed_by(key("ingest")), World().credentials[1]], changes=(("add", "ingest"),))
    assert codes(browser.verify(world.files(), root=ROOT)) == []


def test_a_verdict_in_another_spelling_is_refused_even_if_the_manifest_names_it(browser: Browser) -> None:
    files = World().files()
    files["VERDICT.json"] = files["VERDICT.json"].replace(b"1e-07", b"1e-7")
    rest = {"path": "VERDICT.json", "sha256": sha(files["VERDICT.json"]), "bytes": len(files["VERDICT.json"])}
    manifest = json.loads(files["MANIFEST.json"])
    manifest["files"] = [rest if one["path"] == "VERDICT.json" else one for one in manifest["files"]]
    manifest["digests"]["verdict"] = sha(files["VERDICT.json"])
    del manifest["digest"]
    files["MANIFEST.json"] = encoded(manifest)
    assert "verdict" in codes(browser.verify(files, root=ROOT))


def test_another_root_is_not_the_one_that_is_trusted(browser: Browser, good: Files) -> None:
    result = browser.verify(good, root=key("root", 5).public.encoded())
    assert codes(result) == ["root_not_pinned"]


@pytest.mark.parametrize("root", [b"{}\n", ROOT[:-1], b"\xff\n", ROOT.replace(b":", b": ", 1)])
def test_a_root_key_file_that_is_none_proves_nothing(browser: Browser, good: Files, root: bytes) -> None:
    result = browser.verify(good, root=root)
    assert result["verdict"] == "invalid"


def test_a_release_without_custody_is_not_proved_and_one_is_demanded_if_a_root_is_named(browser: Browser) -> None:
    files = {n: d for n, d in World(manifest={"documents": None}).files().items() if not n.startswith("custody/")}
    result = browser.verify(files)
    assert result["verdict"] == "valid"
    assert "ledger" in codes(result, None)
    assert codes(browser.verify(files, root=ROOT)) == ["file_missing"]


def test_a_later_revision_is_told_and_is_no_error(browser: Browser) -> None:
    world = World()
    files = world.files()
    outputs = [data("mix/pretrain", "another mix", 12), data("mix/pretrain/MANIFEST.json", "its manifest", 1)]
    world.forge.completion(world.forge.intent(step="mix/pretrain"), step="mix/pretrain", outputs=outputs)
    digest = browser.verify(files)["summary"]["digest"]
    for decision in ("rejected", "approved"):
        world.forge.approval(decision=decision, release={"stage": "pretrain", "cycle": "2026-11", "digest": digest})
    world.forge.intent()
    files |= {LEDGER: world.forge.data(), HEAD: world.forge.head().encode()}
    result = browser.verify(files, root=ROOT)
    assert result["verdict"] == "valid"
    assert {"superseded", "unfinished"} <= set(codes(result, None))
    assert "approval" in codes(result, True)


RECALLED = {
    "well made": notice_of("0" * 64, [record(Target(by="document", value="peps/0008"))]),
    "empty": b"",
    "not json": b"\xff{",
    "another shape": b'{"recalls":[1,{"what":null}]}',
}


@pytest.mark.parametrize("name", RECALLED)
def test_a_recalled_release_is_told_and_nothing_else_is_wrong_with_it(browser: Browser, good: Files, name: str) -> None:
    result = browser.verify({**good, "RECALLED.json": RECALLED[name]}, root=ROOT)
    assert (result["verdict"], codes(result)) == ("invalid", ["recalled"])
    (claim,) = [one for one in result["claims"] if one["code"] == "recalled"]
    assert "must not be used" in claim["what"]
    assert ("consent withdrawn" in claim["detail"]) == (name == "well made")
    assert "files" in codes(result, True)


def test_a_document_is_followed_from_its_raw_file_to_the_mix(browser: Browser, good: Files) -> None:
    browser.verify(good, root=ROOT)
    found = browser.trace("books/ünïcode/𝔘")
    assert found["included"]
    assert found["raw"]["digest"] == sha(b"books")
    assert found["credential"]["kind"] == "in-toto"
    steps = [(step["name"], step["step"]) for step in found["steps"]]
    names = ["sources/books", "corpus", "selection/pretrain", "mix/pretrain"]
    assert steps == [(kind, name) for name in names for kind in ("intent", "completion")]
    assert browser.trace("made/2")["credential"]["kind"] == "c2pa"


@pytest.mark.parametrize(
    ("name", "before", "after"), [("a", None, "books/0"), ("books/2x", "books/1", "books/3"), ("z", "made/5", None)]
)
def test_what_is_not_in_the_mix_lies_between_two_neighbours(
    browser: Browser, good: Files, name: str, before: str | None, after: str | None
) -> None:
    browser.verify(good, root=ROOT)
    found = browser.trace(name)
    assert not found["included"]
    neighbours = [found[side] and found[side]["document"]["doc_id"] for side in ("before", "after")]
    assert neighbours == [before, after] or name == "books/2x"


def test_earlier_ledgers_that_the_ledger_continues_are_checked_as_well(browser: Browser) -> None:
    before = Forge("example.org/before")
    before.genesis()
    before.completion(before.intent())
    world = World()
    continued = {"origin": before.origin, "size": 3, "root_hash": root_of(map(leaf_hash, before.lines)).hex()}
    make = world.forge.genesis
    world.forge.genesis = lambda *a, **k: make(*a, continues=continued, **k)  # type: ignore[method-assign]
    files = world.files()
    assert "previous" in codes(browser.verify(files, root=ROOT), None)
    files |= {
        "custody/previous/0000/ledger.jsonl": before.data(),
        "custody/previous/0000/checkpoint": before.head().encode(),
    }
    assert "previous" in codes(browser.verify(files, root=ROOT), True)
    before.approval()
    files |= {
        "custody/previous/0000/ledger.jsonl": before.data(),
        "custody/previous/0000/checkpoint": before.head().encode(),
    }
    assert codes(browser.verify(files, root=ROOT)) == ["head_size"]
