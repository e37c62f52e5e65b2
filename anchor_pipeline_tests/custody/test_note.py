"""Heads are signed notes: the reference implementation's note verifies here, and what it refuses is refused."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from anchor_pipeline.custody import note
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PublicKey
from anchor_pipeline_tests.custody.forge import ORIGIN, key

# golang.org/x/mod/sumdb/note, note_test.go, which c2sp.org/signed-note shows as well.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="

ROOT = bytes(range(32))
HEAD = note.signed(ORIGIN, 42, ROOT, key("pipeline"))


def test_the_published_note_verifies() -> None:
    name, hashed, material = PETER.split("+", 2)
    algorithm, public = base64.b64decode(material)[:1], base64.b64decode(material)[1:]
    peter = replace(key("pipeline").public, ed25519=public)
    signed = base64.b64decode(SIGNED)
    assert algorithm == b"\x01"
    assert note.ed25519_hash(name, peter).hex() == hashed == signed[:4].hex()
    assert peter.verifies_ed25519(signed[4:], TEXT.encode())


def test_a_head_is_read_as_it_was_signed() -> None:
    text = HEAD.encoded()
    assert text.startswith(f"{ORIGIN}\n42\n{base64.b64encode(ROOT).decode()}\n\n— {ORIGIN} ")
    assert text.count("\n— ") == 2
    found = note.parsed(text, "head")
    assert found == HEAD
    assert found.encoded() == text
    note.check_signed(found, key("pipeline").public, "head")
    note.check_signatures(found, [key("steward").public, key("pipeline").public], "head")


def test_key_hashes_are_those_of_the_specification() -> None:
    import hashlib

    public = key("pipeline").public
    ed25519 = hashlib.sha256(ORIGIN.encode() + b"\n\x01" + public.ed25519).digest()[:4]
    ml_dsa = hashlib.sha256(ORIGIN.encode() + b"\n\xffanchor-pipeline.dev/ml-dsa-65" + public.ml_dsa_65).digest()[:4]
    assert [one.key_hash for one in HEAD.signatures] == [ed25519, ml_dsa]


def line(name: str, data: bytes = b"abcdefgh") -> str:
    return f"— {name} {base64.b64encode(data).decode()}\n"


def test_lines_of_unknown_keys_are_ignored() -> None:
    text = HEAD.encoded() + line("witness.example/w1") + line(ORIGIN, b"abcd" + b"0" * 64) + line("Zeugin-Ä")
    found = note.parsed(text, "head")
    assert len(found.signatures) == 5
    note.check_signatures(found, [key("pipeline").public], "head")


def test_a_key_hash_counts_for_its_name_only() -> None:
    # Four bytes are soon found: somebody else's line must not make a sound head unsound.
    steward = key("steward").public
    text = HEAD.encoded() + line("witness.example/w1", note.ed25519_hash(ORIGIN, steward) + b"0" * 64)
    note.check_signatures(note.parsed(text, "head"), [steward, key("pipeline").public], "head")


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "a+b", "a\tb", "a\x00b", "a\x1cb", "a\x85b", "a\u2028b", "a\ufeffb", "a\u3000b"],
)
def test_names_without_blanks_and_pluses(name: str) -> None:
    with pytest.raises(Flaw, match="signature line"):
        note.parsed(HEAD.encoded() + line(name), "head")


BODY = HEAD.body.decode()
LINES = HEAD.encoded()[len(BODY) + 1 :]


@pytest.mark.parametrize(
    "text",
    [
        "",
        BODY,
        BODY + "\n",
        BODY + LINES,
        HEAD.encoded()[:-1],
        HEAD.encoded() + "\n",
        HEAD.encoded() + "Unexpected line.\n",
        HEAD.encoded().replace("\n", "\r\n"),
        "\x01" + HEAD.encoded(),
        HEAD.encoded().replace("\n42\n", "\n042\n"),
        HEAD.encoded().replace("\n42\n", "\n+42\n"),
        HEAD.encoded().replace("\n42\n", "\n-42\n"),
        HEAD.encoded().replace("\n42\n", "\n4２\n"),
        HEAD.encoded().replace("\n42\n", "\n" + "4" * 17 + "\n"),
        HEAD.encoded().replace("=\n\n", "=\nextension\n\n"),
        HEAD.encoded().replace("=\n\n", "=\n\n\n"),
        HEAD.encoded().replace("8=\n\n", "9=\n\n"),
        HEAD.encoded().replace("=\n\n", "\n\n"),
        HEAD.encoded().replace("AAECAw", "AAEC"),
        HEAD.encoded().replace(f"{ORIGIN}\n", "example org\n", 1),
        HEAD.encoded().replace(f"{ORIGIN}\n", "\n", 1),
        HEAD.encoded().replace(f"{ORIGIN}\n", "a" * 201 + "\n", 1),
        HEAD.encoded().replace("— ", "- ", 1),
        HEAD.encoded().replace("— ", "—  ", 1),
        BODY + "\n" + line("w", b"abcd"),
        BODY + "\n— w QR==\n",
        BODY + "\n" + line("w") * 101,
        BODY + "\n" + line("w", b"0" * 80_000),
    ],
)
def test_what_is_no_head(text: str) -> None:
    assert text != HEAD.encoded()
    with pytest.raises(Flaw) as caught:
        note.parsed(text, "head")
    assert caught.value.code == "head_malformed"


def refused(head: note.Checkpoint, *keys: PublicKey) -> str:
    with pytest.raises(Flaw) as caught:
        note.check_signatures(head, keys or (key("pipeline").public,), "head")
    assert caught.value.code == "head_signature"
    return caught.value.detail


def test_a_head_counts_with_both_signatures_of_a_key_in_force() -> None:
    ed25519, ml_dsa = HEAD.signatures
    assert "no signature" in refused(HEAD, key("steward").public)
    assert "no signature" in refused(replace(HEAD, signatures=(ml_dsa,)))
    assert "ML-DSA-65" in refused(replace(HEAD, signatures=(ed25519,)))
    assert "Ed25519" in refused(replace(HEAD, signatures=(ed25519, ed25519, ml_dsa)))
    assert "ML-DSA-65" in refused(replace(HEAD, signatures=(ed25519, ml_dsa, ml_dsa)))
    assert "Ed25519" in refused(replace(HEAD, size=41))
    assert "Ed25519" in refused(replace(HEAD, root=bytes(32)))
    assert "no signature" in refused(replace(HEAD, origin="example.org/other"))
    other = note.signed(ORIGIN, 41, ROOT, key("pipeline")).signatures
    assert "ML-DSA-65" in refused(replace(HEAD, signatures=(ed25519, other[1])))


def test_one_bad_signature_of_a_key_in_force_spoils_a_head() -> None:
    steward = note.signed(ORIGIN, 41, ROOT, key("steward")).signatures
    both = replace(HEAD, signatures=(*HEAD.signatures, *steward))
    assert "steward" in refused(both, key("pipeline").public, key("steward").public)
    note.check_signatures(both, [key("pipeline").public], "head")
