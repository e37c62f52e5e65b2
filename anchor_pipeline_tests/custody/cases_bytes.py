"""Ledgers and heads that are not spelled as they have to be, or are no such thing at all."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from anchor_pipeline.custody.canonical import canonical_json
from anchor_pipeline_tests.custody.cases import Case, begun, case, given
from anchor_pipeline_tests.custody.cases_rules import approval_fields, ended, genesis_with, intent_fields, later
from anchor_pipeline_tests.custody.forge import Forge, key, sealed, sound, subject


def respelled(change: Callable[[bytes], bytes], place: int = -1) -> Forge:
    """A sound ledger with one line spelled otherwise."""
    forge = sound()
    before = forge.lines[place]
    forge.lines[place] = change(before)
    assert forge.lines[place] != before
    return forge


def payload(change: Callable[[dict[str, Any]], Any]) -> Forge:
    """A really signed approval whose statement was changed first; its subject fits."""
    forge = begun()
    statement = forge.statement("approval", approval_fields(), "steward")
    made = change(statement)
    if not isinstance(made, bytes):
        if isinstance(statement.get("predicate"), dict) and statement["subject"]:
            statement["subject"] = subject("approval", statement["predicate"])
        made = canonical_json(statement)
    forge.add_line(canonical_json(sealed(made, [key("steward")])))
    return forge


@case("not_canonical")
def space_in_envelope() -> Forge:
    """A space that means nothing in JSON."""
    return respelled(lambda line: line.replace(b'","payloadType"', b'", "payloadType"'))


@case("not_canonical")
def keys_in_another_order() -> Forge:
    """The payload type first."""
    return respelled(lambda line: json.dumps(dict(reversed(json.loads(line).items())), separators=(",", ":")).encode())


@case("not_canonical")
def key_twice() -> Forge:
    """Readers differ in which of two equal keys counts."""
    return respelled(lambda line: line.replace(b'{"payload":', b'{"payload":"","payload":', 1))


@case("not_canonical")
def escape_in_envelope() -> Forge:
    """A letter spelled as an escape."""
    return respelled(lambda line: line.replace(b'"keyid"', b'"key\\u0069d"', 1))


@case("not_canonical")
def carriage_return() -> Forge:
    """Lines that end as on Windows."""
    return respelled(lambda line: line + b"\r")


@case("not_canonical")
def base64_with_loose_bits() -> Forge:
    """The last letter of a base64 text has bits that mean nothing."""

    def loosened(line: bytes) -> bytes:
        record = json.loads(line)
        sig = record["signatures"][0]["sig"]
        assert sig.endswith("==")
        digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        record["signatures"][0]["sig"] = sig[:-3] + digits[digits.index(sig[-3]) + 1] + "=="
        return canonical_json(record)

    return respelled(loosened)


@case("not_canonical")
def payload_with_a_space() -> Forge:
    """The payload is signed, and JSON, but not in the one spelling."""
    return payload(lambda statement: json.dumps(statement, sort_keys=True).encode())


@case("not_canonical")
def fraction_in_payload() -> Forge:
    """1.0 is no integer."""
    return payload(lambda statement: canonical_json(statement).replace(b'"sequence":2', b'"sequence":2.0'))


@case("not_canonical")
def integer_too_large() -> Forge:
    """2^53 is not exact in every language."""
    return ended(outputs=[{"name": "corpus", "digest": "c" * 64, "rows": 2**53}])


@case("not_canonical")
def nested_too_deep() -> Forge:
    """17 levels."""
    return payload(lambda statement: b"[" * 17 + b"]" * 17)


@case("too_large")
def line_too_large() -> Forge:
    """An entry of 65,536 bytes, canonical as it is."""
    forge = begun()
    record = sealed(canonical_json(forge.statement("intent", intent_fields(), "pipeline")), [key("pipeline")])
    record["payload"] += "A" * (65_536 - len(canonical_json(record)))
    forge.add_line(canonical_json(record))
    return forge


@case("malformed")
def empty_line() -> Forge:
    """A line with nothing in it."""
    forge = sound()
    forge.lines.insert(3, b"")
    return forge


@case("malformed")
def empty_line_at_the_end() -> Case:
    """A newline too many."""
    forge = sound()
    head = forge.head()
    forge.lines.append(b"")
    return given(forge, head)


@case("malformed")
def no_json() -> Forge:
    """A line that is cut off in the middle, with a newline."""
    return respelled(lambda line: line[: len(line) // 2])


@case("malformed")
def no_utf_8() -> Forge:
    """A byte that no UTF-8 text has."""
    return respelled(lambda line: line.replace(b"payloadType", b"payload\xffype"))


@case("malformed")
def byte_order_mark() -> Forge:
    """Some languages drop the mark at the beginning of a text unasked."""
    return respelled(lambda line: b"\xef\xbb\xbf" + line, 0)


@case("malformed")
def lone_surrogate() -> Forge:
    """Half a character, as an escape."""
    return payload(lambda statement: canonical_json(statement).replace(b'"note":""', b'"note":"\\ud800"'))


@case("malformed")
def a_list_instead_of_an_entry() -> Forge:
    """JSON of another shape."""
    return respelled(lambda line: b"[]")


@case("malformed")
def field_too_many_in_envelope() -> Forge:
    """A field beside those of an envelope."""
    return respelled(lambda line: canonical_json({**json.loads(line), "comment": ""}))


@case("malformed")
def signature_stripped() -> Forge:
    """The ML-DSA-65 signature is gone."""

    def stripped(line: bytes) -> bytes:
        record = json.loads(line)
        del record["signatures"][1]
        return canonical_json(record)

    return respelled(stripped)


@case("malformed")
def signatures_exchanged() -> Forge:
    """ML-DSA-65 first."""

    def exchanged(line: bytes) -> bytes:
        record = json.loads(line)
        record["signatures"].reverse()
        return canonical_json(record)

    return respelled(exchanged)


@case("malformed")
def pair_of_two_keys() -> Forge:
    """The two signatures of a pair name different keys."""

    def parted(line: bytes) -> bytes:
        record = json.loads(line)
        record["signatures"][1]["keyid"] = key("pipeline").public.id
        return canonical_json(record)

    return respelled(parted)


@case("malformed")
def signature_that_is_no_base64() -> Forge:
    """The alphabet of addresses instead of the standard one."""
    return respelled(lambda line: canonical_json(_with_sig(json.loads(line), "-_" * 44)))


def _with_sig(record: dict[str, Any], sig: str) -> dict[str, Any]:
    record["signatures"][0]["sig"] = sig
    return record


@case("malformed")
def base64_with_an_equals_sign_too_many() -> Forge:
    """Some decoders take it."""
    return respelled(
        lambda line: canonical_json(_with_sig(json.loads(line), base64.b64encode(bytes(66)).decode() + "="))
    )


@case("malformed")
def signature_too_short() -> Forge:
    """An Ed25519 signature of 63 bytes."""
    return respelled(lambda line: canonical_json(_with_sig(json.loads(line), base64.b64encode(bytes(63)).decode())))


@case("malformed")
def statement_with_a_comment() -> Forge:
    """A field beside those of a statement."""
    return payload(lambda statement: statement.update(comment=""))


@case("malformed")
def identity_in_capitals() -> Forge:
    """A name that no identity can have."""
    public = {**key("pipeline").public.record(), "identity": "Pipeline"}
    return genesis_with(keys=[{"identity": "Pipeline", "key": public}])


@case("malformed")
def two_signers() -> Forge:
    """An intent with two pairs of signatures."""
    forge = begun()
    forge.intent(key("pipeline"), key("steward"))
    return forge


@case("malformed")
def root_with_one_signer() -> Forge:
    """A new root without its signature."""
    forge = begun()
    forge.new_root(key("root"), key("root", 1), key("root"))
    return forge


@case("malformed")
def another_payload_type() -> Forge:
    """An envelope of something else."""
    forge = begun()
    made = canonical_json(forge.statement("approval", approval_fields(), "steward"))
    forge.add_line(canonical_json(sealed(made, [key("steward")], "application/json")))
    return forge


@case("malformed")
def unknown_predicate() -> Forge:
    """A kind of entry that this version does not know."""
    return payload(lambda statement: statement.update(predicateType="https://anchor-pipeline.dev/custody/pardon/v1"))


@case("malformed")
def later_version() -> Forge:
    """A later version of an entry."""
    return payload(lambda statement: statement.update(predicateType="https://anchor-pipeline.dev/custody/approval/v2"))


@case("malformed")
def field_missing() -> Forge:
    """An approval without a note."""
    return payload(lambda statement: statement["predicate"].pop("note"))


@case("malformed")
def field_too_many() -> Forge:
    """An approval with a field that this version does not know."""
    return payload(lambda statement: statement["predicate"].update(reason=""))


@case("malformed")
def decision_unheard_of() -> Forge:
    """An approval that says perhaps."""
    return payload(lambda statement: statement["predicate"].update(decision="perhaps"))


@case("malformed")
def true_for_a_number() -> Forge:
    """A boolean where a number should be; some languages take one for the other."""
    return later(sequence=True)


@case("malformed")
def negative_rows() -> Forge:
    """Less than no rows."""
    return ended(outputs=[{"name": "corpus", "digest": "c" * 64, "rows": -1}])


@case("malformed")
def digest_in_capitals() -> Forge:
    """Hexadecimal digits are lower case."""
    return payload(lambda statement: statement["predicate"]["release"].update(digest="A" * 64))


@case("malformed")
def digest_with_a_newline() -> Forge:
    """In some languages `$` matches before a newline at the end."""
    return payload(lambda statement: statement["predicate"]["release"].update(digest="a" * 64 + "\n"))


@case("malformed")
def time_without_decimals() -> Forge:
    """A time always has six decimals."""
    return later(time="2026-11-20T12:00:03Z")


@case("malformed")
def time_with_an_offset() -> Forge:
    """A time is in UTC."""
    return later(time="2026-11-20T12:00:03.000000+00:00")


@case("malformed")
def time_in_other_digits() -> Forge:
    """Digits are those of ASCII."""
    return later(time="2026-11-20T12:00:0٣.000000Z")


@case("malformed")
def reason_too_long() -> Forge:
    """2,001 characters."""
    forge = begun()
    forge.failure(forge.leaf, reason="a" * 2001)
    return forge


@case("malformed")
def state_unheard_of() -> Forge:
    """A failure that says it passed."""
    forge = begun()
    forge.failure(forge.leaf, state="pass")
    return forge


@case("malformed")
def origin_with_a_space() -> Case:
    """A name that no ledger can have."""
    forge = Forge("example.org/my assistant")
    forge.genesis()
    return given(forge, Forge().head(root=bytes(32), size=1))


@case("truncated")
def last_newline_missing() -> Case:
    """All there, but for the last newline."""
    return cut(-1)


def cut(end: int) -> Case:
    forge = sound()
    made = given(forge)
    return Case("", "", "", made.ledger[:end], made.head)


@case("truncated")
def last_line_cut() -> Case:
    """The last entry is cut off in the middle."""
    return cut(-3000)


@case("genesis")
def nothing_at_all() -> Case:
    """An empty file, and a head of no entries."""
    forge = Forge()
    return given(forge, forge.head())


def head_changed(change: Callable[[str], str]) -> Case:
    forge = sound()
    head = forge.head()
    assert change(head) != head
    return given(forge, change(head))


@case("head_malformed")
def head_empty() -> Case:
    """An empty file."""
    return head_changed(lambda head: "")


@case("head_malformed")
def head_unsigned() -> Case:
    """The text of a head without any signature."""
    return head_changed(lambda head: head.split("\n\n")[0] + "\n\n")


@case("head_malformed")
def head_cut() -> Case:
    """The last newline is missing."""
    return head_changed(lambda head: head[:-1])


@case("head_malformed")
def head_with_carriage_returns() -> Case:
    """Lines that end as on Windows."""
    return head_changed(lambda head: head.replace("\n", "\r\n"))


@case("head_malformed")
def head_with_a_leading_zero() -> Case:
    """A size has one spelling."""
    return head_changed(lambda head: head.replace("\n6\n", "\n06\n", 1))


@case("head_malformed")
def head_with_an_extension() -> Case:
    """C2SP allows further lines in a checkpoint; a head of this project has none."""
    return head_changed(lambda head: head.replace("=\n\n", "=\nmore\n\n", 1))


@case("head_malformed")
def head_with_a_comment() -> Case:
    """A line among the signatures that is none."""
    return head_changed(lambda head: head + "and more\n")


@case("head_malformed")
def head_with_a_short_root() -> Case:
    """A root of 31 bytes."""
    return head_changed(lambda head: head.replace(head.split("\n")[2], base64.b64encode(bytes(31)).decode(), 1))


@case("head_malformed")
def head_with_an_empty_signature() -> Case:
    """A line with the four bytes of a key hash and no signature."""
    return head_changed(lambda head: head + "— w YWJjZA==\n")


@case("head_malformed")
def head_with_loose_bits() -> Case:
    """The last letter of the root has bits that mean nothing."""
    return head_changed(lambda head: head.replace(head.split("\n")[2], "A" * 42 + "B=", 1))


@case("head_malformed")
def head_with_101_signatures() -> Case:
    """At most 100."""
    return head_changed(lambda head: head + "— w YWJjZGVmZ2g=\n" * 99)


@case("head_malformed")
def head_with_a_byte_order_mark() -> Case:
    """Some languages drop the mark at the beginning of a text unasked."""
    return head_changed(lambda head: "\ufeff" + head)


@case("head_malformed")
def head_no_utf_8() -> Case:
    """A byte that no UTF-8 text has."""
    made = given(sound())
    return Case("", "", "", made.ledger, made.head.replace("—".encode(), b"\xff\xff\xff", 1))
