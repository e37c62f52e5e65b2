"""Ledgers in canonical bytes with real signatures that break a rule nevertheless."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from anchor_pipeline.custody.canonical import canonical_json
from anchor_pipeline.custody.envelope import pae
from anchor_pipeline.custody.merkle import leaf_hash
from anchor_pipeline_tests.custody.cases import Case, begun, case, given
from anchor_pipeline_tests.custody.forge import Forge, key, run_id, sealed, sound


def swapped(forge: Forge, place: int, line: bytes) -> Forge:
    forge.lines[place] = line
    return forge


def later(**changed: Any) -> Forge:
    """Genesis, and an intent with a predicate that was changed."""
    forge = Forge()
    forge.genesis()
    forge.intent(**changed)
    return forge


def ended(**changed: Any) -> Forge:
    """A completion with a predicate that was changed."""
    forge = begun()
    forge.completion(forge.leaf, **changed)
    return forge


# Order and place.


@case("sequence")
def sequence_too_small() -> Forge:
    """An entry that states the place before its own."""
    return later(sequence=0)


@case("sequence")
def sequence_too_large() -> Forge:
    """An entry that leaves one out."""
    return later(sequence=2)


@case("sequence")
def entry_dropped() -> Case:
    """An entry in the middle is gone."""
    forge = sound()
    del forge.lines[3]
    return given(forge)


@case("sequence")
def entries_exchanged() -> Forge:
    """Two entries in the other order."""
    forge = sound()
    forge.lines[1], forge.lines[3] = forge.lines[3], forge.lines[1]
    return forge


@case("sequence")
def entry_twice() -> Forge:
    """The last entry again."""
    forge = sound()
    forge.lines.append(forge.lines[-1])
    return forge


@case("previous")
def previous_of_nothing() -> Forge:
    """A second entry that names none before it."""
    return later(previous="")


@case("previous")
def previous_forged() -> Forge:
    """An entry that names another than the one before it."""
    return later(previous="0" * 64)


@case("previous")
def genesis_with_previous() -> Forge:
    """A first entry that names one before it."""
    forge = Forge()
    forge.genesis(previous="0" * 64)
    return forge


@case("previous")
def entry_signed_again() -> Forge:
    """The signer signed entry 2 a second time: other bytes, so what follows does not fit."""
    forge, again = sound(), begun()
    again.lines[:], again.number = forge.lines[:2], 1
    again.completion(again.leaf, time="2026-11-20T12:00:03.000000Z")
    return swapped(forge, 2, again.lines[2])


@case("time")
def back_dated() -> Forge:
    """An entry dated before the one before it."""
    return later(time="2026-11-20T12:00:00.999999Z")


@case("origin")
def entry_of_another_ledger() -> Forge:
    """An entry that says it is of another ledger."""
    return later(origin="example.org/other")


@case("genesis")
def no_genesis() -> Forge:
    """The first entry is an intent."""
    forge = Forge()
    forge.intent()
    return forge


@case("genesis")
def second_genesis() -> Forge:
    """A later entry is a genesis."""
    forge = begun()
    forge.genesis(key("pipeline", 1), root=key("root", 1))
    return forge


@case("root_not_pinned")
def root_not_pinned() -> Case:
    """A sound ledger of somebody else's root."""
    return given(sound(), root=key("root", 1).public.encoded())


@case("root_not_pinned")
def root_of_the_same_ed25519() -> Case:
    """The pinned root has the same Ed25519 key, and another ML-DSA-65 key."""
    public = key("root").public.record()
    public["ml_dsa_65"] = key("root", 1).public.record()["ml_dsa_65"]
    return given(sound(), root=canonical_json(public) + b"\n")


# Keys.


@case("key_unknown")
def intent_by_a_stranger() -> Forge:
    """Signed with a key that the ledger never heard of."""
    return by(key("pipeline", 7))


def by(signer: Any, **changed: Any) -> Forge:
    forge = Forge()
    forge.genesis()
    forge.intent(signer, **changed)
    return forge


@case("key_unknown")
def intent_with_the_key_before() -> Forge:
    """Signed with a key that was replaced."""
    forge = begun()
    forge.change("rotate", key("pipeline", 1), key("pipeline").public)
    forge.intent(key("pipeline"))
    return forge


@case("key_unknown")
def key_entry_by_the_old_root() -> Forge:
    """The root handed over; the old one signs on."""
    forge = begun()
    forge.new_root(key("root"), key("root", 1))
    forge.authority(key("root"))
    return forge


@case("key_unknown")
def new_root_signed_by_another() -> Forge:
    """The second pair of a root entry is not by the new root."""
    forge = begun()
    forge.new_root(key("root"), key("root", 1), key("root"), key("root", 2))
    return forge


@case("key_unknown")
def genesis_signed_by_another() -> Forge:
    """The genesis names one root and is signed by another."""
    forge = Forge()
    statement = forge.statement("genesis", genesis_fields(), "root")
    forge.add_statement(statement, key("root", 1))
    return forge


def genesis_fields(**changed: Any) -> dict[str, Any]:
    keys = [{"identity": "pipeline", "key": key("pipeline").public.record()}]
    return {"root": key("root").public.record(), "keys": keys, "authority": None, "continues": None, **changed}


def genesis_with(**changed: Any) -> Forge:
    forge = Forge()
    forge.add("genesis", genesis_fields(**changed), key("root"))
    return forge


@case("key_unknown")
def rotation_of_another_key() -> Forge:
    """A rotation that replaces a key which is not in force."""
    forge = begun()
    forge.change("rotate", key("pipeline", 2), key("pipeline", 1).public)
    return forge


@case("key_unknown")
def revocation_of_a_strangers_key() -> Forge:
    """A revocation of a key that was never in force."""
    forge = begun()
    forge.change("revoke", None, key("pipeline", 1).public)
    return forge


@case("key_unknown")
def revocation_for_another_identity() -> Forge:
    """The steward's key revoked as the pipeline's."""
    forge = begun()
    forge.change("revoke", None, key("steward").public, identity="pipeline")
    return forge


@case("key_revoked")
def intent_with_a_revoked_key() -> Forge:
    """Signed with a key that was revoked."""
    forge = begun()
    forge.change("revoke", None, key("pipeline").public)
    forge.intent(key("pipeline"))
    return forge


@case("key_revoked")
def revoked_key_after_rotation() -> Forge:
    """A key that was replaced and then revoked signs on."""
    forge = begun()
    forge.change("rotate", key("pipeline", 1), key("pipeline").public)
    forge.change("revoke", None, key("pipeline").public)
    forge.intent(key("pipeline"))
    return forge


@case("malformed")
def revoked_key_added_again() -> Forge:
    """A key that was revoked comes back."""
    forge = begun()
    forge.change("revoke", None, key("steward").public)
    forge.change("add", key("steward"), None)
    return forge


@case("malformed")
def second_key_added() -> Forge:
    """An identity has one key; a second one is a rotation."""
    forge = begun()
    forge.change("add", key("pipeline", 1), None)
    return forge


@case("malformed")
def key_of_another_identity() -> Forge:
    """A key that says it is the steward's is given to the pipeline."""
    return genesis_with(keys=[{"identity": "pipeline", "key": key("steward").public.record()}])


@case("malformed")
def identity_with_two_keys() -> Forge:
    """A genesis that names an identity twice."""
    return genesis_with(keys=[{"identity": "pipeline", "key": key("pipeline", n).public.record()} for n in (0, 1)])


@case("malformed")
def root_that_is_none() -> Case:
    """A genesis whose root is a key of another identity."""
    forge = Forge()
    statement = forge.statement("genesis", genesis_fields(root=key("pipeline").public.record()), "root")
    forge.add_statement(statement, key("pipeline"))
    return with_root(forge, key("pipeline"))


def with_root(forge: Forge, root: Any) -> Case:
    return given(forge, root=root.public.encoded())


@case("malformed")
def short_key() -> Forge:
    """An Ed25519 key of 31 bytes."""
    public = {**key("pipeline").public.record(), "ed25519": base64.b64encode(bytes(31)).decode()}
    return genesis_with(keys=[{"identity": "pipeline", "key": public}])


@case("malformed")
def revocation_with_a_key() -> Forge:
    """A revocation does not bring a new key."""
    forge = begun()
    forge.change("revoke", key("pipeline", 1), key("pipeline").public)
    return forge


@case("malformed")
def rotation_that_replaces_nothing() -> Forge:
    """A rotation has to say which key it replaces."""
    forge = begun()
    forge.change("rotate", key("pipeline", 1), None)
    return forge


@case("role")
def root_key_changed_by_key_entry() -> Forge:
    """The root's key is changed by a root entry, with both signatures."""
    forge = begun()
    forge.change("rotate", key("root", 1), key("root").public)
    return forge


@case("role")
def key_entry_by_the_pipeline() -> Forge:
    """Somebody else than the root gives out keys."""
    forge = begun()
    forge.change("add", key("steward-anna"), None, signer=key("pipeline"))
    return forge


@case("role")
def intent_by_the_root() -> Forge:
    """The root signs keys and nothing else."""
    return by(key("root"))


@case("role")
def intent_in_the_name_of_another() -> Forge:
    """Signed by the steward, who says to be the pipeline."""
    return by(key("steward"), by="pipeline")


@case("role")
def approval_by_the_pipeline() -> Forge:
    """Only a steward may approve."""
    forge = begun()
    forge.approval(key("pipeline"))
    return forge


@case("role")
def approval_by_a_namesake() -> Forge:
    """`stewardess` is no steward: that would be `steward-…`."""
    forge = Forge()
    forge.genesis(key("pipeline"), key("stewardess"))
    forge.approval(key("stewardess"))
    return forge


@case("role")
def completion_by_another() -> Forge:
    """Begun by the pipeline, ended by the steward."""
    forge = begun()
    forge.completion(forge.leaf, key("steward"))
    return forge


# Signatures.


def resigned(place: int, number: int) -> Forge:
    """An intent with one signature taken from another payload."""
    forge = Forge()
    forge.genesis()
    payload = canonical_json(forge.statement("intent", intent_fields(), "pipeline"))
    record, other = sealed(payload, [key("pipeline")]), sealed(b"{}", [key("pipeline")])
    record["signatures"][place] = {**other["signatures"][number]}
    forge.add_line(canonical_json(record))
    return forge


def intent_fields() -> dict[str, Any]:
    names = ("parent", "cycle", "as_of", "policy", "description")
    return {
        **dict.fromkeys(names),
        "run": run_id(1),
        "step": "corpus",
        "project": "assistant",
        "version": "1",
        "inputs": [],
        "outputs": [],
    }


@case("signature_ed25519")
def ed25519_of_another_payload() -> Forge:
    """The Ed25519 signature is of something else."""
    return resigned(0, 0)


@case("signature_ml_dsa_65")
def ml_dsa_65_of_another_payload() -> Forge:
    """The ML-DSA-65 signature is of something else: broken Ed25519 alone must not be enough to forge an entry."""
    return resigned(1, 1)


@case("signature_ml_dsa_65")
def ml_dsa_65_over_the_plain_encoding() -> Forge:
    """ML-DSA-65 signs a hash (TAP 21), not the pre-authentication encoding itself."""
    forge = Forge()
    forge.genesis()
    payload = canonical_json(forge.statement("intent", intent_fields(), "pipeline"))
    record = sealed(payload, [key("pipeline")])
    record["signatures"][1]["sig"] = base64.b64encode(key("pipeline").ml_dsa_65(pae(payload))).decode()
    forge.add_line(canonical_json(record))
    return forge


@case("signature_ed25519")
def payload_changed() -> Forge:
    """The payload was changed after it was signed, and stays canonical."""
    forge = Forge()
    forge.genesis()
    statement = forge.statement("intent", intent_fields(), "pipeline")
    record = sealed(canonical_json(statement), [key("pipeline")])
    other = {**statement["predicate"], "version": "2"}
    subject = [{"name": f"intent/{run_id(1)}", "digest": {"sha256": hashlib.sha256(canonical_json(other)).hexdigest()}}]
    changed = {**statement, "predicate": other, "subject": subject}
    record["payload"] = base64.b64encode(canonical_json(changed)).decode()
    forge.add_line(canonical_json(record))
    return forge


@case("signature_ed25519")
def new_root_not_signing() -> Forge:
    """A root entry whose second pair names the new root and is signed by the old one."""
    forge = begun()
    fields = {"root": key("root", 1).public.record(), "reason": "taken over"}
    payload = canonical_json(forge.statement("root", fields, "root"))
    record = sealed(payload, [key("root"), key("root")])
    for one in record["signatures"][2:]:
        one["keyid"] = key("root", 1).public.id
    forge.add_line(canonical_json(record))
    return forge


# Steps.


@case("intent_missing")
def completion_of_nothing() -> Forge:
    """A step that ended without having begun."""
    return ended(intent="0" * 64)


@case("intent_missing")
def completion_of_no_intent() -> Forge:
    """The entry named as intent is the genesis."""
    forge = begun()
    forge.completion(forge.leaf, intent=leaf_hash(forge.lines[0]).hex())
    return forge


@case("intent_missing")
def completion_of_another_run() -> Forge:
    """The intent is of another run."""
    return ended(run=run_id(2))


@case("intent_missing")
def completion_of_another_step() -> Forge:
    """The intent is of another step."""
    return ended(step="plan")


@case("closed_twice")
def completed_twice() -> Forge:
    """A step completes a second time."""
    forge = begun()
    intent = forge.leaf
    forge.completion(intent)
    forge.completion(intent)
    return forge


@case("closed_twice")
def failed_then_completed() -> Forge:
    """A step that failed completes nevertheless."""
    forge = begun()
    intent = forge.leaf
    forge.failure(intent)
    forge.completion(intent)
    return forge


@case("checkpoint_in_entry")
def head_in_entry_too_early() -> Forge:
    """The head in a completion does not cover its intent."""
    forge = begun()
    forge.completion(forge.leaf, checkpoint=forge.head(size=1))
    return forge


@case("checkpoint_in_entry")
def head_in_entry_from_the_future() -> Forge:
    """The head in a completion is of more entries than there are before it."""
    forge = begun()
    forge.completion(forge.leaf, checkpoint=forge.head(size=3))
    return forge


@case("checkpoint_in_entry")
def head_in_entry_of_other_entries() -> Forge:
    """The head in a completion has another root."""
    forge = begun()
    forge.completion(forge.leaf, checkpoint=forge.head(root=bytes(32)))
    return forge


@case("checkpoint_in_entry")
def head_in_entry_unsigned() -> Forge:
    """The head in a completion is signed by a stranger."""
    forge = begun()
    forge.completion(forge.leaf, checkpoint=forge.head(key("pipeline", 7)))
    return forge


@case("checkpoint_in_entry")
def head_in_entry_of_another_ledger() -> Forge:
    """The head in a completion is of another ledger."""
    forge = begun()
    forge.completion(forge.leaf, checkpoint=forge.head(origin="example.org/other"))
    return forge


@case("checkpoint_in_entry")
def head_in_entry_that_is_none() -> Forge:
    """Text where the head should be."""
    return ended(checkpoint="trust me\n")


@case("subject")
def subject_of_another_output() -> Forge:
    """The subject names another digest than the outputs."""
    return with_subject([{"name": "corpus", "digest": {"sha256": "0" * 64}}])


def with_subject(subject: Any) -> Forge:
    forge = begun()
    statement = forge.statement("approval", approval_fields(), "steward")
    statement["subject"] = subject
    forge.add_statement(statement, key("steward"))
    return forge


def approval_fields() -> dict[str, Any]:
    release = {"stage": "training", "cycle": "2026-11", "digest": "a" * 64}
    return {"release": release, "decision": "approved", "note": ""}


@case("subject")
def no_subject() -> Forge:
    """A statement about nothing."""
    return with_subject([])


# Heads.


@case("head_size")
def head_of_more_entries() -> Case:
    """The last entry is cut off, the head tells."""
    forge = sound()
    head = forge.head()
    del forge.lines[-1]
    return given(forge, head)


@case("head_size")
def head_of_fewer_entries() -> Case:
    """An entry was appended after the head."""
    forge = sound()
    return given(forge, forge.head(size=5))


@case("head_root")
def head_of_other_entries() -> Case:
    """As many entries, but others: the last one was signed again."""
    forge, other = sound(), sound()
    other.lines[:] = [*forge.lines[:5]]
    other.approval(decision="rejected", time="2026-11-20T12:00:09.000000Z")
    return given(other, forge.head())


@case("head_root")
def ledger_made_anew() -> Case:
    """The same entries, all signed again with the same keys; the head is the old one."""
    return given(sound(1), sound().head())


@case("head_malformed")
def head_of_another_ledger() -> Case:
    """The head is of another ledger."""
    forge = sound()
    return given(forge, forge.head(origin="example.org/other"))


@case("head_signature")
def head_by_a_stranger() -> Case:
    """The head is signed with a key that the ledger does not know."""
    forge = sound()
    return given(forge, forge.head(key("pipeline", 7)))


@case("head_signature")
def head_with_the_key_before() -> Case:
    """The head is signed with a key that was replaced."""
    forge = begun()
    forge.change("rotate", key("pipeline", 1), key("pipeline").public)
    return given(forge, forge.head(key("pipeline")))


@case("head_signature")
def head_with_a_revoked_key() -> Case:
    """The head is signed with a key that was revoked."""
    forge = begun()
    forge.change("revoke", None, key("pipeline").public)
    return given(forge, forge.head(key("pipeline")))


@case("head_signature")
def head_without_ml_dsa_65() -> Case:
    """The head has the Ed25519 signature only."""
    forge = sound()
    return given(forge, "\n".join(forge.head().split("\n")[:-2]) + "\n")


@case("head_signature")
def head_without_ed25519() -> Case:
    """The head has the ML-DSA-65 signature only."""
    lines = (forge := sound()).head().split("\n")
    return given(forge, "\n".join(lines[:4] + lines[5:]))


@case("head_signature")
def head_with_one_pair_that_fails() -> Case:
    """The pipeline's signatures verify, those of the steward are of another head."""
    forge = sound()
    steward = forge.head(key("steward"), root=bytes(32)).split("\n\n")[1]
    return given(forge, forge.head() + steward)


@case("head_signature")
def head_signed_twice() -> Case:
    """A key signs a head once."""
    forge = sound()
    lines = forge.head().split("\n")
    return given(forge, "\n".join([*lines[:5], lines[4], *lines[5:]]))


@case("head_rollback")
def older_ledger_and_head() -> Case:
    """An older copy with its genuine head: only a reader who saw the newer one can tell."""
    forge = sound()
    pin = forge.head().encode()
    del forge.lines[4:]
    return given(forge, pin=pin)


@case("fork")
def fork_seen_by_the_reader() -> Case:
    """The signer made two histories; the reader saw the other one."""
    forge, other = sound(), sound(1)
    return given(forge, pin=other.head(size=3).encode())


@case("origin")
def pinned_head_of_another_ledger() -> Case:
    """The head seen before is of another ledger."""
    forge = sound()
    return given(forge, pin=forge.head(origin="example.org/other").encode())
