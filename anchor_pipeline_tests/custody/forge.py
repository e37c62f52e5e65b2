"""Ledgers for tests, sound ones and those that nobody would write: every entry really signed, no rule asked.

What was signed once in a process is not signed again, unless a forge is asked to: ledgers that begin alike are the
same bytes then, which makes the static vectors small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from anchor_pipeline.custody import note
from anchor_pipeline.custody.canonical import b64, canonical_json
from anchor_pipeline.custody.check_ledger import CheckedEntry, LedgerCheck, lines_of
from anchor_pipeline.custody.envelope import PAYLOAD_TYPE, pae, tap21
from anchor_pipeline.custody.keys import PrivateKey, PublicKey
from anchor_pipeline.custody.merkle import leaf_hash, root_of

ORIGIN = "example.org/assistant"
BASE = "https://anchor-pipeline.dev/custody"


@cache
def key(identity: str, number: int = 0) -> PrivateKey:
    """The same keys in every run; what they sign differs nevertheless, as ML-DSA signatures are hedged."""
    seed = hashlib.sha256(f"test key {identity} {number}".encode()).digest()
    return PrivateKey(identity, Ed25519PrivateKey.from_private_bytes(seed), MLDSA65PrivateKey.from_seed_bytes(seed))


def named(signer: PrivateKey) -> dict[str, Any]:
    return {"identity": signer.public.identity, "key": signer.public.record()}


@cache
def _signed(message: bytes, signer: PrivateKey, number: int) -> tuple[bytes, bytes]:
    """Another number, other bytes."""
    return signer.ed25519(message), signer.ml_dsa_65(tap21(message))


@cache
def _head(origin: str, size: int, root: bytes, signer: PrivateKey, number: int) -> note.Checkpoint:
    return note.signed(origin, size, root, signer)


def sealed(payload: bytes, signers: Sequence[PrivateKey], kind: str = PAYLOAD_TYPE, number: int = 0) -> dict[str, Any]:
    """An envelope as JSON, signed by all."""
    message = pae(payload)
    pairs = [(one.public.id, sign) for one in signers for sign in _signed(message, one, number)]
    signatures = [{"keyid": keyid, "sig": b64(sign)} for keyid, sign in pairs]
    return {"payload": b64(payload), "payloadType": kind, "signatures": signatures}


class Forge:
    """A ledger made line by line."""

    def __init__(self, origin: str = ORIGIN, number: int = 0) -> None:
        self.origin, self.number = origin, number
        self.lines: list[bytes] = []
        self.clock = 0
        self.runs = 0

    @property
    def leaf(self) -> str:
        """Leaf hash of the last entry."""
        return leaf_hash(self.lines[-1]).hex() if self.lines else ""

    def data(self) -> bytes:
        """As `ledger.jsonl`."""
        return b"".join(line + b"\n" for line in self.lines)

    def statement(self, name: str, fields: dict[str, Any], by: str, /, **changed: Any) -> dict[str, Any]:
        """What the next entry says; `changed` fields of its predicate win, whatever they are."""
        self.clock += 1
        predicate = {
            **fields,
            "sequence": len(self.lines),
            "previous": self.leaf,
            "time": f"2026-11-20T12:{self.clock // 60:02}:{self.clock % 60:02}.000000Z",
            "origin": self.origin,
            "by": by,
            **changed,
        }
        return {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subject(name, predicate),
            "predicateType": f"{BASE}/{name}/v1",
            "predicate": predicate,
        }

    def add(self, name: str, fields: dict[str, Any], /, *signers: PrivateKey, **changed: Any) -> str:
        """Append an entry; its leaf hash."""
        return self.add_statement(self.statement(name, fields, signers[0].public.identity, **changed), *signers)

    def add_statement(self, statement: dict[str, Any], *signers: PrivateKey) -> str:
        return self.add_line(canonical_json(sealed(canonical_json(statement), signers, number=self.number)))

    def add_line(self, line: bytes) -> str:
        self.lines.append(line)
        return self.leaf

    def head(self, *signers: PrivateKey, size: int | None = None, root: bytes | None = None, origin: str = "") -> str:
        """A signed head, by the pipeline over all entries unless told otherwise."""
        size = len(self.lines) if size is None else size
        root = root or root_of(leaf_hash(line) for line in self.lines[:size])
        heads = [_head(origin or self.origin, size, root, one, self.number) for one in signers or (key("pipeline"),)]
        return note.Checkpoint(
            heads[0].origin, size, root, tuple(one for head in heads for one in head.signatures)
        ).encoded()

    # What ledgers are made of.

    def genesis(self, *identities: PrivateKey, root: PrivateKey | None = None, **changed: Any) -> str:
        root = root or key("root")
        fields = {
            "root": root.public.record(),
            "keys": [named(one) for one in identities or (key("pipeline"), key("steward"))],
            "authority": None,
            "continues": None,
        }
        return self.add("genesis", fields, root, **changed)

    def intent(self, *signers: PrivateKey, step: str = "corpus", **changed: Any) -> str:
        self.runs += 1
        fields = {
            "run": run_id(self.runs),
            "step": step,
            "parent": None,
            "project": "assistant",
            "cycle": "2026-11",
            "as_of": "2026-12-01T00:00:00+00:00",
            "version": "0.4.0",
            "policy": hashlib.sha256(b"policy").hexdigest(),
            "inputs": [data("source/books", "in", 12)],
            "outputs": [data(step)],
            "description": None,
        }
        return self.add("intent", fields, *(signers or (key("pipeline"),)), **changed)

    def ending(self, intent: str, step: str = "corpus", head: str | None = None) -> dict[str, Any]:
        """Fields that all ends have; of the last run."""
        return {"run": run_id(self.runs), "step": step, "intent": intent, "checkpoint": head or self.head()}

    def completion(self, intent: str, /, *signers: PrivateKey, step: str = "corpus", **changed: Any) -> str:
        fields = {
            **self.ending(intent, step, changed.pop("checkpoint", None)),
            "inputs": [data("source/books", "in", 12)],
            "outputs": [data(step, step, 12)],
            "reused": False,
            "findings": {step: {"pass": 3, "fail": 0, "insufficient": 1}},
            "credentials": None,
        }
        return self.add("completion", fields, *(signers or (key("pipeline"),)), **changed)

    def failure(self, intent: str, /, *signers: PrivateKey, **changed: Any) -> str:
        fields = {**self.ending(intent), "state": "fail", "reason": "Refused: two rules say no"}
        return self.add("failure", fields, *(signers or (key("pipeline"),)), **changed)

    def abandoned(self, intent: str, /, *signers: PrivateKey, **changed: Any) -> str:
        return self.add(
            "abandoned", {**self.ending(intent), "reason": "gone"}, *(signers or (key("pipeline"),)), **changed
        )

    def approval(self, *signers: PrivateKey, **changed: Any) -> str:
        release = {"stage": "training", "cycle": "2026-11", "digest": hashlib.sha256(b"mix").hexdigest()}
        fields = {"release": release, "decision": "approved", "note": "read, and found sound"}
        return self.add("approval", fields, *(signers or (key("steward"),)), **changed)

    def change(self, action: str, new: PrivateKey | None, old: PublicKey | None, **changed: Any) -> str:
        about = new.public if new else old
        assert about is not None
        fields = {
            "action": action,
            "identity": about.identity,
            "key": new.public.record() if new else None,
            "replaces": old.id if old else None,
            "reason": "a new year",
        }
        return self.add("key", fields, changed.pop("signer", key("root")), **changed)

    def new_root(self, old: PrivateKey, new: PrivateKey, *signers: PrivateKey, **changed: Any) -> str:
        fields = {"root": new.public.record(), "reason": "a new year"}
        return self.add("root", fields, *(signers or (old, new)), **changed)

    def authority(self, *signers: PrivateKey, **changed: Any) -> str:
        fields = {"authority": hashlib.sha256(b"certificate").hexdigest(), "reason": "a new certificate"}
        return self.add("authority", fields, *(signers or (key("root"),)), **changed)


def run_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def data(name: str, content: str | None = None, rows: int | None = None) -> dict[str, Any]:
    digest = None if content is None else hashlib.sha256(content.encode()).hexdigest()
    return {"name": name, "digest": digest, "rows": rows}


def subject(name: str, predicate: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a predicate that may be malformed in any way."""
    made = predicate.get("outputs") if name == "completion" else []
    try:
        found = [{"name": one["name"], "digest": {"sha256": one["digest"]}} for one in made or [] if one["digest"]]
    except (KeyError, TypeError):
        found = []
    about = predicate.get("run") or predicate.get("sequence")
    digest = hashlib.sha256(canonical_json(predicate)).hexdigest()
    return found or [{"name": f"{name}/{about}", "digest": {"sha256": digest}}]


def sound(number: int = 0) -> Forge:
    """Six entries with most of what there is: genesis, a step that completes, one that fails, an approval."""
    forge = Forge(number=number)
    forge.genesis()
    forge.completion(forge.intent())
    forge.failure(forge.intent())
    forge.approval()
    return forge


def long(entries: int = 20) -> Forge:
    """A ledger with every kind of entry."""
    forge = Forge()
    forge.genesis()
    forge.completion(forge.intent())
    forge.failure(forge.intent())
    forge.abandoned(forge.intent())
    forge.change("add", key("steward-anna"), None)
    forge.approval(key("steward-anna"))
    forge.change("revoke", None, key("steward-anna").public)
    forge.authority()
    forge.new_root(key("root"), key("root", 1))
    while len(forge.lines) < entries:
        forge.completion(forge.intent())
    return forge


def checked(
    ledger: bytes, head: str | None = None, root: PublicKey | None = None, pin: str | None = None
) -> tuple[LedgerCheck, list[CheckedEntry]]:
    """What the package's verifier makes of it; raises Flaw."""
    check = LedgerCheck(root)
    entries = [check.take(line) for line in lines_of([ledger])]
    if head is not None:
        check.check_head(note.parsed(head, "head"))
    if pin is not None:
        check.check_pin(note.parsed(pin, "pin"))
    return check, entries
