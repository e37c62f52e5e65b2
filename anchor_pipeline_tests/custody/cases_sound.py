"""Ledgers that hold, unusual ones among them: a verifier that refuses them is wrong as well."""

from __future__ import annotations

import base64
import hashlib

from anchor_pipeline_tests.custody.cases import Case, begun, case, given
from anchor_pipeline_tests.custody.forge import Forge, key, run_id, sound


@case()
def sound_ledger() -> Forge:
    """Genesis, a step that completes, one that fails, an approval."""
    return sound()


@case()
def genesis_alone() -> Forge:
    """One entry."""
    forge = Forge()
    forge.genesis()
    return forge


@case()
def unfinished_step() -> Forge:
    """A step that has begun and not ended is no flaw; it is counted."""
    return begun()


@case()
def abandoned_by_another() -> Forge:
    """Anybody in force may close a dead step as abandoned."""
    forge = Forge()
    forge.genesis(key("pipeline"), key("steward"), key("other"))
    forge.abandoned(forge.intent(), key("other"))
    return forge


@case()
def aborted_step() -> Forge:
    """A failure may be an interruption."""
    forge = begun()
    forge.failure(forge.leaf, state="abort", reason="")
    return forge


@case()
def longest_reason() -> Forge:
    """2,000 characters, counted as code points: these take two units of UTF-16 each."""
    forge = begun()
    forge.failure(forge.leaf, reason="\U0001f9ea" * 2000)
    return forge


@case()
def same_time() -> Forge:
    """Two entries may have the same time."""
    forge = begun()
    forge.approval(time="2026-11-20T12:00:02.000000Z")
    return forge


@case()
def odd_but_well_formed_time() -> Forge:
    """A time is compared as text: only its digits and signs are prescribed."""
    forge = Forge()
    forge.genesis(time="0000-19-39T29:59:59.999999Z")
    forge.intent()
    return forge


@case()
def names_beyond_ascii() -> Forge:
    """Text is any Unicode; keys of objects are sorted by code point, not by UTF-16 unit."""
    forge = begun()
    findings = {
        name: {"pass": 1, "fail": 0, "insufficient": 0} for name in ("\uffee", "\U0001f9ea", "ä", '"\\/\u2028\x7f')
    }
    forge.completion(forge.leaf, findings=findings)
    return forge


@case()
def largest_integers() -> Forge:
    """±(2^53 - 1) is exact in every language."""
    forge = begun()
    forge.completion(forge.leaf, outputs=[{"name": "corpus", "digest": "c" * 64, "rows": 2**53 - 1}])
    return forge


@case()
def completion_without_digests() -> Forge:
    """The subject is then the predicate itself."""
    forge = begun()
    forge.completion(forge.leaf, outputs=[{"name": "corpus", "digest": None, "rows": None}], findings={})
    return forge


@case()
def completion_with_credentials() -> Forge:
    """A completion may name the credentials of the shards."""
    forge = begun()
    forge.completion(forge.leaf, credentials={"count": 2, "sha256": hashlib.sha256(b"list").hexdigest()}, reused=True)
    return forge


@case()
def key_rotated() -> Case:
    """The new key signs from then on; the step that was begun with the old one is ended with the new one."""
    forge = begun()
    intent = forge.leaf
    forge.change("rotate", key("pipeline", 1), key("pipeline").public)
    forge.completion(intent, key("pipeline", 1), checkpoint=forge.head(key("pipeline"), size=2))
    return given(forge, forge.head(key("pipeline", 1)))


@case()
def key_added_and_revoked() -> Forge:
    """What a key signed before it was revoked stays."""
    forge = begun()
    forge.change("add", key("steward-anna"), None)
    forge.approval(key("steward-anna"))
    forge.change("revoke", None, key("steward-anna").public)
    forge.change("add", key("steward-anna", 1), None)
    forge.approval(key("steward-anna", 1), decision="rejected")
    return forge


@case()
def key_revoked_after_rotation() -> Case:
    """A key that is no longer in force may be revoked nevertheless; the one in force stays so."""
    forge = begun()
    forge.change("rotate", key("pipeline", 1), key("pipeline").public)
    forge.change("revoke", None, key("pipeline").public)
    forge.intent(key("pipeline", 1))
    return given(forge, forge.head(key("pipeline", 1)))


@case()
def root_replaced() -> Case:
    """Signed by both; the pinned root is the one of the genesis."""
    forge = begun()
    forge.new_root(key("root"), key("root", 1))
    forge.change("add", key("steward-anna"), None, signer=key("root", 1))
    forge.authority(key("root", 1))
    return given(forge)


@case()
def head_signed_by_root() -> Case:
    """Any key in force may sign a head."""
    forge = sound()
    return given(forge, forge.head(key("root")))


@case()
def head_signed_by_two() -> Case:
    """Every pair of a key in force verifies."""
    forge = sound()
    return given(forge, forge.head(key("pipeline"), key("steward")))


@case()
def head_with_witnesses() -> Case:
    """Lines of keys that the ledger does not know are ignored, of whatever length and name."""
    forge = sound()
    witness = f"— witness.example/w1 {base64.b64encode(b'abcd' + bytes(72)).decode()}\n"
    other = (
        f"— {forge.origin} {base64.b64encode(b'abcde').decode()}\n— Zeugin-Ä {base64.b64encode(b'abcdefgh').decode()}\n"
    )
    return given(forge, forge.head() + witness + other)


@case()
def ledger_continued() -> Forge:
    """A ledger that continues another names its last head."""
    forge = Forge("example.org/assistant/2")
    forge.genesis(
        authority=hashlib.sha256(b"certificate").hexdigest(),
        continues={"origin": "example.org/assistant", "size": 6, "root_hash": "a" * 64},
    )
    forge.completion(forge.intent())
    return forge


@case()
def pinned_earlier_head() -> Case:
    """The head seen before is a beginning of this ledger."""
    forge = sound()
    return given(forge, pin=forge.head(size=3).encode())


@case()
def pinned_same_head() -> Case:
    """Nothing was added since."""
    forge = sound()
    return given(forge, pin=forge.head().encode())


@case()
def head_in_entry_of_all_entries_before() -> Forge:
    """The head in an entry may be of every entry before it, others' included."""
    forge = begun()
    intent = forge.leaf
    forge.approval()
    forge.completion(intent, checkpoint=forge.head(key("steward")))
    return forge


@case()
def steps_that_overlap() -> Forge:
    """Steps may run at the same time."""
    forge = begun()
    first = forge.leaf
    second = forge.intent(step="plan")
    forge.completion(second, step="plan")
    forge.completion(first, run=run_id(1))
    return forge
