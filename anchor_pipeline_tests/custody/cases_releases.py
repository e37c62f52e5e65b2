"""Releases with a verdict: what every verifier has to say of a folder."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

from anchor_pipeline.custody.canonical import b64, canonical_json
from anchor_pipeline_tests.custody.cases_rules import approval_fields
from anchor_pipeline_tests.custody.forge import Forge, key, sealed
from anchor_pipeline_tests.custody.verifier.releases import DER, PEM, STAGE, World, carried, encoded, gzipped, sha

Files = dict[str, bytes]
PART, OTHER = "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"
LEDGER, HEAD, PIN = "custody/ledger.jsonl", "custody/checkpoint", "pin"
LISTED, CREDENTIALS = "custody/documents.jsonl.gz", "custody/credentials.jsonl"
TOLD = "custody/root.pub.json"
BUILD = {
    "buildType": "https://anchor-pipeline.dev/custody/ingest/v1",
    "externalParameters": {},
    "resolvedDependencies": [],
}


def statement(shard: str, *signers: Any, **changed: Any) -> dict[str, Any]:
    """A shard's credential."""
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": f"shards/{shard}", "digest": {"sha256": shard}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": BUILD, "runDetails": {"builder": {"id": "builder"}}},
        **changed,
    }
    return carried(canonical_json(sealed(canonical_json(said), signers or (key("pipeline"),))), "in-toto", shard)


def world(**changed: Any) -> World:
    """A small release, all of its shards with signed statements."""
    made = World(authority=None)
    made.credentials = [statement(shard) for shard in sorted({one["shard"] for one in made.documents})]
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def release_cases() -> Iterator[tuple[str, str, str, Files]]:
    """Name, why, code (empty if sound), files; `root.pub.json` and `pin` stand for what the reader brings."""
    for code, makers in CASES.items():
        for make in makers:
            made = make()
            files = made.files() if isinstance(made, World) else made
            del files["VERIFY.html"]
            if make not in WITH_AUTHORITY:
                files.pop("custody/authority.pem", None)
            name = make.__name__.strip("_").replace("_", "-")
            yield name, " ".join((make.__doc__ or "").split()), code, {"root.pub.json": ROOT, **files}


ROOT = key("root").public.encoded()


def good() -> Files:
    """A release with its ledger, documents and credentials."""
    return world().files()


def with_later_entries() -> Files:
    """Entries after the release, a later step among them that did not end."""
    forge, files = continued()
    forge.intent(step="corpus")
    return with_ledger(files, forge)


def approved() -> Files:
    """A steward approved the release afterwards."""
    forge, files = continued()
    fields = approval_fields()
    fields["release"] = {"stage": STAGE, "cycle": "2026-11", "digest": json.loads(files["MANIFEST.json"])["digest"]}
    forge.add("approval", fields, key("steward"))
    return with_ledger(files, forge)


def with_pinned_head() -> Files:
    """The reader saw an earlier head."""
    forge, files = continued()
    return {**files, PIN: forge.head(size=4).encode()}


def continued() -> tuple[Forge, Files]:
    made = world()
    return made.forge, made.files()


def with_ledger(files: Files, forge: Forge) -> Files:
    return {**files, LEDGER: forge.data(), HEAD: forge.head().encode()}


def with_another_root() -> Files:
    """The root's key changed after the release, which tells the new one; the reader trusts the old one."""
    return {**with_later_root(), TOLD: key("root", 1).public.encoded()}


def with_later_root() -> Files:
    forge, files = continued()
    forge.new_root(key("root"), key("root", 1))
    return with_ledger(files, forge)


def changed(name: str, change: Callable[[bytes], bytes]) -> Files:
    files = good()
    before = files[name]
    files[name] = change(before)
    assert files[name] != before
    return files


def without(name: str) -> Files:
    files = good()
    del files[name]
    return files


def manifest(change: Callable[[dict[str, Any]], Any], again: bool = False) -> Files:
    """With a changed manifest, its digest computed again or not."""
    record = json.loads(good()["MANIFEST.json"])
    change(record)
    if again:
        del record["digest"]
    return changed("MANIFEST.json", lambda _: encoded(record) if again else canonical_json(record))


def manifest_missing() -> Files:
    """No manifest, no release."""
    return without("MANIFEST.json")


def manifest_with_spaces() -> Files:
    """The same content in another spelling."""
    return changed("MANIFEST.json", lambda data: json.dumps(json.loads(data), sort_keys=True).encode())


def manifest_altered() -> Files:
    """Another count of rows; the digest stays."""
    return manifest(lambda record: record["parts"][0].update(tokens=61))


def manifest_of_another_format() -> Files:
    """A later format."""
    return manifest(lambda record: record.update(format=3), again=True)


def manifest_with_a_strange_path() -> Files:
    """A path that leads out of the folder."""
    return manifest(lambda record: record["files"][0].update(path="../REPORT.html"), again=True)


def manifest_that_lists_custody() -> Files:
    """What is beside the release cannot be listed in it."""
    return manifest(lambda record: record["files"][0].update(path="custody/extra"), again=True)


def manifest_whose_rows_do_not_add_up() -> Files:
    """Rows of the parts and of the whole."""
    return manifest(lambda record: record.update(rows=13), again=True)


def manifest_with_a_large_integer() -> Files:
    """An integer that JavaScript cannot hold."""
    return manifest(lambda record: record["amounts"]["text"].update(tokens=2**53), again=True)


def manifest_with_a_share_of_two_places() -> Files:
    """A share in another spelling than the one with six places."""
    return manifest(lambda record: record["shares"]["text"]["domain"]["general"].update(share="1.00"), again=True)


def manifest_that_replaces_nothing() -> Files:
    """Revisions that replace another begin at 1."""
    replaces = {"revision": 0, "digest": "0" * 64}
    return manifest(lambda record: record.update(replaces=replaces), again=True)


def part_missing() -> Files:
    """A part is gone."""
    return without(PART)


def report_missing() -> Files:
    """The report is gone."""
    return without("REPORT.html")


def part_with_a_flipped_bit() -> Files:
    """One bit of a part."""
    return changed(PART, lambda data: data[:7] + bytes([data[7] ^ 1]) + data[8:])


def part_cut_off() -> Files:
    """The last byte of a part is missing."""
    return changed(OTHER, lambda data: data[:-1])


def parts_exchanged() -> Files:
    """The parts in the other order: another training order."""
    files = good()
    files[PART], files[OTHER] = files[OTHER], files[PART]
    return files


def report_changed() -> Files:
    """Another report."""
    return changed("REPORT.html", lambda data: data + b" ")


def extra_file() -> Files:
    """A part that nobody judged."""
    return {**good(), "data/train-00002-of-00003.parquet": b"PAR1 more PAR1"}


def hidden_file() -> Files:
    """A file whose name begins with a dot."""
    return {**good(), ".hidden": b""}


def verdict_that_fails() -> World:
    """Released although the rules said no."""
    return world(verdict={"status": "fail"})


def verdict_with_a_blocking_finding() -> World:
    """It says pass although a blocking rule did not."""
    blocking = {
        "rule": "synthetic_share", "stage": STAGE, "domain": None, "modality": None, "status": "insufficient",
        "severity": "block", "observed": None, "required": None, "comparator": "", "shortfall": None,
        "message": "nothing known", "evidence": {},
    }  # fmt: skip
    return world(verdict={"findings": [blocking]})


def verdict_of_another_selection() -> World:
    """A pass for other rows."""
    digests = {"policy": "p", "selection": "other", "corpus": "c", "facts": "f", "previous_release": None}
    return world(verdict={"digests": digests})


def verdict_that_asked_nothing() -> World:
    """No rule was evaluated."""
    rules: dict[str, list[str]] = {"declared": [], "evaluated": [], "off": [], "not_available": []}
    return world(verdict={"rules": rules})


def verdict_altered() -> Files:
    """Another verdict than the one of the manifest; the manifest lists the new file."""
    verdict = good()["VERDICT.json"].replace(b'"message":"enough"', b'"message":"plenty"')

    def change(record: dict[str, Any]) -> None:
        entry = next(one for one in record["files"] if one["path"] == "VERDICT.json")
        entry.update(sha256=sha(verdict), bytes=len(verdict))

    return {**manifest(change, again=True), "VERDICT.json": verdict}


def ledger_missing() -> Files:
    """No ledger."""
    return without(LEDGER)


def head_missing() -> Files:
    """No head."""
    return without(HEAD)


def ledger_without_its_last_newline() -> Files:
    """The ledger is cut off."""
    return changed(LEDGER, lambda data: data[:-1])


def ledger_without_its_last_entry() -> Files:
    """The completion of the release is cut off; the head tells."""
    return changed(LEDGER, lambda data: data[: data[:-1].rindex(b"\n") + 1])


def ledger_signature_flipped() -> Files:
    """A letter of an ML-DSA-65 signature."""

    def flipped(data: bytes) -> bytes:
        lines = data.split(b"\n")
        record = json.loads(lines[3])
        sig = record["signatures"][1]["sig"]
        record["signatures"][1]["sig"] = ("B" if sig[0] == "A" else "A") + sig[1:]
        lines[3] = canonical_json(record)
        return b"\n".join(lines)

    return changed(LEDGER, flipped)


def ledger_of_another_root() -> Files:
    """The release of somebody else."""
    return {**good(), "root.pub.json": key("root", 1).public.encoded()}


def told_root_missing() -> Files:
    """The release does not tell its root key."""
    return without(TOLD)


def told_root_of_another() -> Files:
    """It tells the root key of somebody else."""
    return changed(TOLD, lambda _: key("root", 1).public.encoded())


def told_root_of_a_pipeline() -> Files:
    """It tells another key of its ledger."""
    return changed(TOLD, lambda _: key("pipeline").public.encoded())


def told_root_of_before() -> Files:
    """The root's key changed after the release, which tells the old one."""
    return with_later_root()


def told_root_with_spaces() -> Files:
    """The root key in another spelling."""
    return changed(TOLD, lambda data: data.replace(b":", b": ", 1))


def told_root_without_a_newline() -> Files:
    """The file of the root key is cut off."""
    return changed(TOLD, lambda data: data[:-1])


def told_root_empty() -> Files:
    """The file of the root key is empty."""
    return changed(TOLD, lambda data: b"")


def told_root_flipped() -> Files:
    """Another word in the place of the format."""
    return changed(TOLD, lambda data: data.replace(b"anchor-public-key-1", b"anchor-public-key-0"))


def told_root_with_loose_bits() -> Files:
    """Bits of the last letter that mean nothing are set."""
    record = key("root").public.record()
    assert record["ed25519"].endswith("=")
    letter = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".index(record["ed25519"][-2])
    spelled = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[letter | 1]
    record["ed25519"] = record["ed25519"][:-2] + spelled + "="
    return changed(TOLD, lambda _: canonical_json(record) + b"\n")


def told_root_too_large() -> Files:
    """More than a key file may hold, and no newline at its end."""
    return changed(TOLD, lambda data: data + b" " * 65_536)


def told_root_and_head_rolled_back() -> Files:
    """Two things wrong: what the reader saw before comes first."""
    return {**rolled_back(), TOLD: key("root", 1).public.encoded()}


def told_root_and_no_completion() -> Files:
    """Two things wrong: the root key that is told comes before the completion."""
    return {**revision_altered(), TOLD: key("root", 1).public.encoded()}


def rolled_back() -> Files:
    """The reader saw a later head than the one of the release."""
    forge, files = continued()
    forge.intent()
    return {**files, PIN: forge.head().encode()}


def forked() -> Files:
    """The reader saw another history."""
    return {**good(), PIN: Forge(number=1).head(size=1, root=bytes(32)).encode()}


def release_unknown_to_the_ledger() -> Files:
    """The manifest was altered and its digest computed again: the ledger knows another one."""
    return manifest(lambda record: record.update(written_by="somebody else"), again=True)


def revision_altered() -> Files:
    """The revision is no part of the mix digest, but of the file that the ledger names."""
    return manifest(lambda record: record.update(revision=1))


def ledger_of_an_earlier_head() -> Files:
    """A genuine older copy of ledger and head, from before the release."""
    forge, files = continued()
    del forge.lines[-1]
    return with_ledger(files, forge)


def completion_of_another_mix() -> World:
    """The ledger's step released something else."""
    return world(completion={"outputs": [{"name": f"mix/{STAGE}", "digest": "0" * 64, "rows": 12}]})


def documents_missing() -> Files:
    """No list of documents."""
    return without(LISTED)


def documents(change: Callable[[list[bytes]], list[bytes]]) -> Files:
    def listed(data: bytes) -> bytes:
        return gzipped(b"".join(change(gzip.decompress(data).splitlines(keepends=True))))

    return changed(LISTED, listed)


def document_dropped() -> Files:
    """A document less."""
    return documents(lambda lines: lines[:2] + lines[3:])


def document_twice() -> Files:
    """A document twice."""
    return documents(lambda lines: [lines[0], *lines])


def documents_exchanged() -> Files:
    """Two documents in the other order."""
    return documents(lambda lines: [lines[1], lines[0], *lines[2:]])


def document_with_another_licence() -> Files:
    """Where a document came from was rewritten."""
    return documents(lambda lines: [lines[0].replace(b"CC-BY-4.0", b"CC0-1.0"), *lines[1:]])


def documents_without_a_newline() -> Files:
    """The last line has no end."""
    return documents(lambda lines: [*lines[:-1], lines[-1][:-1]])


def documents_cut_off() -> Files:
    """The packed file is cut off."""
    return changed(LISTED, lambda data: data[:-9])


def documents_not_packed() -> Files:
    """The list without gzip."""
    return changed(LISTED, gzip.decompress)


def header(place: int, value: int) -> Files:
    """A byte of the packed list's header, which nothing else protects."""
    return changed(LISTED, lambda data: data[:place] + bytes([value]) + data[place + 1 :])


def documents_packed_at_a_time() -> Files:
    """A time in the header of the packed list."""
    return header(4, 1)


def documents_packed_harder() -> Files:
    """The header says that it was packed as small as could be."""
    return header(8, 2)


def documents_packed_by_another_system() -> Files:
    """The header names Unix."""
    return header(9, 3)


def documents_packed_with_a_name() -> Files:
    """The header holds the name of a file."""
    return changed(LISTED, lambda data: data[:3] + b"\x08" + data[4:10] + b"documents.jsonl\0" + data[10:])


def documents_with_more_after_them() -> Files:
    """Zeros after the packed list."""
    return changed(LISTED, lambda data: data + bytes(8))


def documents_packed_twice() -> Files:
    """Two members of gzip in one file."""

    def halves(data: bytes) -> bytes:
        plain = gzip.decompress(data)
        middle = plain.index(b"\n") + 1
        return gzipped(plain[:middle]) + gzipped(plain[middle:])

    return changed(LISTED, halves)


def documents_empty() -> Files:
    """An empty file in the place of the list."""
    return changed(LISTED, lambda data: b"")


def documents_root_missing() -> World:
    """A manifest that states no root of its documents."""
    return world(manifest={"documents": None})


def credentials_missing() -> Files:
    """No credentials."""
    return without(CREDENTIALS)


def credential_stripped() -> Files:
    """One credential was taken away after the release."""
    return changed(CREDENTIALS, lambda data: data[data.index(b"\n") + 1 :])


def credentials_exchanged() -> Files:
    """The lines in another order."""
    return changed(CREDENTIALS, lambda data: b"".join(reversed(data.splitlines(keepends=True))))


def credential_never_there() -> World:
    """The release was made without the credential of one shard."""
    made = world()
    return world(credentials=made.credentials[:1])


def completion_without_credentials() -> World:
    """The ledger names no credentials."""
    return world(completion={"credentials": None})


def credentials_miscounted() -> World:
    """The ledger says three, of the same bytes; that one line is no credential comes later."""
    made = credential_of_other_bytes()
    return world(credentials=made.credentials, completion={"credentials": {"count": 3, "sha256": bundled(made)}})


def bundled(made: World) -> str:
    return sha(made.files()[CREDENTIALS])


def shard_without_a_digest() -> World:
    """Documents of a shard that is named, not digested: no credential can be for it."""
    made = world()
    made.documents[0] = {**made.documents[0], "shard": "books"}
    return made


def credentials_that_are_lines(change: Callable[[bytes], bytes], count: int) -> Files:
    """A list of credentials that was released as it is."""
    lines = change(good()[CREDENTIALS])
    files = world(completion={"credentials": {"count": count, "sha256": sha(lines)}}).files()
    return {**files, CREDENTIALS: lines}


def credentials_released_without_a_newline() -> Files:
    """The last line has no end, and was released so."""
    return credentials_that_are_lines(lambda data: data[:-1], 2)


def credentials_released_unsorted() -> Files:
    """The lines in another order, and released so."""
    return credentials_that_are_lines(lambda data: b"".join(reversed(data.splitlines(keepends=True))), 2)


def credentials_released_twice() -> Files:
    """A credential twice."""
    return credentials_that_are_lines(lambda data: data[: data.index(b"\n") + 1] + data, 3)


def credential_with_spaces() -> Files:
    """A line in another spelling."""
    return credentials_that_are_lines(lambda data: data.replace(b":", b": ", 1), 2)


def credential_of_no_kind() -> Files:
    """A word of honour."""
    return credentials_that_are_lines(lambda data: data.replace(b'"in-toto"', b'"honour"', 1), 2)


def credential_with_loose_bits() -> World:
    """Base64 in another spelling."""
    return with_credential(0, data="AB==", sha256=sha(b"\0"))


def credential_that_is_empty() -> Files:
    """An empty line."""
    return credentials_that_are_lines(lambda data: b"\n" + data, 3)


def with_credential(place: int, **changes: Any) -> World:
    made = world()
    made.credentials[place] = {**made.credentials[place], **changes}
    return made


def credential_of_other_bytes() -> World:
    """Its digest is that of other bytes."""
    return with_credential(0, sha256=sha(b"other"))


def credential_of_another_shard() -> World:
    """The statement is about another shard than its line says."""
    shards = [one["shard"] for one in world().credentials]
    return with_credential(0, **{**statement(shards[1]), "shard": shards[0]})


def credential_by_a_stranger() -> World:
    """Signed with a key that the ledger does not know."""
    return with_credential(0, **statement(world().credentials[0]["shard"], key("pipeline", 7)))


def credential_by_the_steward() -> World:
    """A steward approves, and signs no credentials."""
    return with_credential(0, **statement(world().credentials[0]["shard"], key("steward")))


def credential_with_a_bad_signature() -> World:
    """The ML-DSA-65 signature is of something else."""
    shard = world().credentials[0]["shard"]
    good_one = statement(shard)
    record = json.loads(base64.b64decode(good_one["data"]))
    record["signatures"][1] = sealed(b"{}", [key("pipeline")])["signatures"][1]
    return with_credential(0, **carried(canonical_json(record), "in-toto", shard))


def credential_of_another_kind() -> World:
    """A statement, but not of provenance."""
    shard = world().credentials[0]["shard"]
    return with_credential(0, **statement(shard, predicateType="https://example.org/other/v1"))


def credential_of_no_document() -> World:
    """A credential of a shard that no document came from."""
    made = world()
    return world(credentials=[*made.credentials, statement("f" * 64)])


def authority_missing() -> Files:
    """The ledger names an authority for C2PA credentials, and the release does not carry its certificate."""
    files = world(authority=sha(b"certificate")).files()
    del files["custody/authority.pem"]
    return files


def authority_exchanged() -> World:
    """The certificate is another than the ledger names."""
    return world(authority=sha(b"another certificate"))


def authority_with_more_after_it() -> Files:
    """An empty line after the certificate."""
    return {**world(authority=sha(DER)).files(), "custody/authority.pem": PEM + b"\n"}


def authority_that_is_none() -> Files:
    """No certificate."""
    return {**world(authority=sha(DER)).files(), "custody/authority.pem": b"trust me\n"}


def sidecar_without_authority() -> World:
    """A C2PA credential, and the ledger names nobody whom it could lead up to."""
    shard = world().credentials[0]["shard"]
    return with_credential(0, **carried(b"bytes of a C2PA manifest store", "c2pa", shard))


def built(**changed: Any) -> World:
    """A statement whose predicate was changed before it was signed."""
    predicate = {"buildDefinition": BUILD, "runDetails": {"builder": {"id": "builder"}}, **changed}
    return with_credential(0, **statement(world().credentials[0]["shard"], predicate=predicate))


def sidecar_stripped() -> World:
    """The statement of a synthetic shard without the C2PA sidecar that it names."""
    sidecar = {"name": "a.c2pa", "digest": {"sha256": "a" * 64}, "mediaType": "application/c2pa"}
    return built(runDetails={"builder": {"id": "builder"}, "byproducts": [sidecar]})


def credential_of_another_build() -> World:
    """Provenance, but not of an ingest of this kind."""
    return built(buildDefinition={**BUILD, "buildType": "https://example.org/build/v1"})


def credential_that_is_no_envelope() -> World:
    """Bytes that are no statement at all."""
    return with_credential(0, data=b64(b"trust me"), sha256=sha(b"trust me"))


WITH_AUTHORITY = (authority_exchanged, authority_with_more_after_it, authority_that_is_none)
CASES: dict[str, list[Callable[[], Files | World]]] = {
    "": [good, with_later_entries, approved, with_pinned_head, with_another_root],
    "manifest": [
        manifest_missing, manifest_with_spaces, manifest_altered, manifest_of_another_format,
        manifest_with_a_strange_path, manifest_that_lists_custody, manifest_whose_rows_do_not_add_up,
        manifest_with_a_large_integer, manifest_with_a_share_of_two_places, manifest_that_replaces_nothing,
    ],
    "file_missing": [
        part_missing, report_missing, ledger_missing, head_missing, documents_missing, credentials_missing,
        told_root_missing,
    ],
    "file_digest": [part_with_a_flipped_bit, part_cut_off, parts_exchanged, report_changed],
    "file_unlisted": [extra_file, hidden_file],
    "verdict": [
        verdict_that_fails, verdict_with_a_blocking_finding, verdict_of_another_selection, verdict_that_asked_nothing,
        verdict_altered,
    ],
    "truncated": [ledger_without_its_last_newline],
    "head_size": [ledger_without_its_last_entry],
    "signature_ml_dsa_65": [ledger_signature_flipped],
    "root_not_pinned": [
        ledger_of_another_root, told_root_of_another, told_root_of_a_pipeline, told_root_of_before,
        told_root_and_no_completion,
    ],
    "not_canonical": [
        told_root_with_spaces, told_root_without_a_newline, told_root_empty, told_root_with_loose_bits,
    ],
    "malformed": [told_root_flipped],
    "too_large": [told_root_too_large],
    "head_rollback": [rolled_back, told_root_and_head_rolled_back],
    "fork": [forked],
    "completion_missing": [
        release_unknown_to_the_ledger, revision_altered, ledger_of_an_earlier_head, completion_of_another_mix,
    ],
    "documents_root": [
        document_dropped, document_twice, documents_exchanged, document_with_another_licence,
        documents_without_a_newline, documents_cut_off, documents_not_packed, documents_root_missing,
        documents_packed_at_a_time, documents_packed_harder, documents_packed_by_another_system,
        documents_packed_with_a_name, documents_with_more_after_them, documents_packed_twice, documents_empty,
    ],
    "credentials_digest": [
        credential_stripped, credentials_exchanged, credentials_miscounted, credentials_released_without_a_newline,
    ],
    "credential_missing": [
        credential_never_there, completion_without_credentials, authority_missing, sidecar_stripped,
        shard_without_a_digest,
    ],
    "credential_invalid": [
        credential_of_other_bytes, credential_of_another_shard, credential_by_a_stranger, credential_by_the_steward,
        credential_with_a_bad_signature, credential_of_another_kind, credential_of_no_document,
        credential_that_is_no_envelope, authority_exchanged, sidecar_without_authority,
        credential_of_another_build, credentials_released_unsorted, credentials_released_twice, credential_with_spaces,
        credential_of_no_kind, credential_with_loose_bits, credential_that_is_empty, authority_with_more_after_it,
        authority_that_is_none,
    ],
}  # fmt: skip
