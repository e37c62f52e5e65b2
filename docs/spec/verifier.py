#!/usr/bin/env python3
"""A second verifier of chains of custody, written from custody.md beside it. Needs Python >= 3.11 and `cryptography`.

    python verifier.py RELEASE|LEDGER_FOLDER|PROOF.json [--root root.pub.json] [--pin checkpoint] [--mix RELEASE]

Prints a line for each claim: `ok`, `open` (not proved, something is missing) or `WRONG`, a code of custody.md, and
what was found. Exits 0 if nothing is wrong, 1 otherwise, 2 if it was asked in the wrong way. It shares no code with
the package: C2PA sidecars are compared by digest only, and rows of Parquet files are not looked into.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import hashlib
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

BASE = "https://anchor-pipeline.dev/custody"
STATEMENT, IN_TOTO = "https://in-toto.io/Statement/v1", "application/vnd.in-toto+json"
MOST, WIDE = 65_535, 1 << 30
HEX = re.compile(r"[0-9a-f]{64}")
TIME = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z")
ORIGIN, IDENTITY = re.compile(r"[A-Za-z0-9._/-]{1,200}"), re.compile(r"[a-z][a-z0-9_-]{0,63}")
BLANK = "\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
SIGNED = re.compile(f"— ([^+{BLANK}]+) ([A-Za-z0-9+/]+=*)")
PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class Flaw(Exception):
    """A code of custody.md, where, and what."""

    def __init__(self, code: str, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.code = code


class Stripped(Flaw):
    """A credential that names another, which is not there."""


# --- bytes (custody.md, 1) ---


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def spelled(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def deep(text: str) -> bool:
    return text.count("[") + text.count("{") > 16


def canonical(data: bytes, where: str, limit: int = MOST, floats: bool = False) -> Any:
    """The value that `data` is the one spelling of."""
    if len(data) > limit:
        raise Flaw("too_large", where, f"{len(data)} bytes")

    def number(text: str) -> Any:
        if floats and re.fullmatch(r"-?[0-9.]+([eE][+-]?[0-9]+)?", text):
            return float(text)
        raise Flaw("not_canonical", where, f"the number {text[:30]}")

    def integer(text: str) -> int:
        if len(text) > 17 or abs(int(text)) >= 1 << 53:
            raise Flaw("not_canonical", where, f"the integer {text[:30]}")
        return int(text)

    try:
        text = data.decode("utf-8")
        level = 0
        for bracket in re.sub(r'"(?:[^"\\]|\\.)*(?:"|$)', "", text, flags=re.S) if deep(text) else "":
            level += (bracket in "[{") - (bracket in "]}")
            if level > 16:
                raise Flaw("not_canonical", where, "nested deeper than 16")
        value = json.loads(text, parse_float=number, parse_int=integer, parse_constant=number)
        again = spelled(value)
    except (ValueError, RecursionError) as error:
        raise Flaw("malformed", where, f"no JSON: {error}") from None
    if again != data:
        raise Flaw("not_canonical", where, "another spelling")
    return value


def unb64(text: str, where: str, length: int = -1) -> bytes:
    if re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", text) is None:
        raise Flaw("malformed", where, "no base64")
    data = base64.b64decode(text)
    if base64.b64encode(data).decode() != text:
        raise Flaw("not_canonical", where, "loose bits in base64")
    if length not in (-1, len(data)):
        raise Flaw("malformed", where, f"{len(data)} bytes instead of {length}")
    return data


# --- shapes (custody.md, 3): a shape says of a value whether it has it ---

Shape = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str)


def count(value: Any) -> bool:
    return type(value) is int and value >= 0


def truth(value: Any) -> bool:
    return type(value) is bool


def matching(pattern: re.Pattern[str]) -> Shape:
    return lambda value: text(value) and pattern.fullmatch(value) is not None


def short(limit: int) -> Shape:
    return lambda value: text(value) and len(value) <= limit


def among(*values: str) -> Shape:
    return lambda value: text(value) and value in values


def maybe(shape: Shape) -> Shape:
    return lambda value: value is None or shape(value)


def many(shape: Shape) -> Shape:
    return lambda value: isinstance(value, list) and all(map(shape, value))


def by_name(shape: Shape) -> Shape:
    return lambda value: isinstance(value, dict) and all(map(shape, value.values()))


def record(**fields: Shape) -> Shape:
    def fits(value: Any) -> bool:
        return isinstance(value, dict) and value.keys() == fields.keys() and all(fields[n](v) for n, v in value.items())

    return fits


digest = matching(HEX)
key_record = record(format=among("anchor-public-key-1"), identity=text, ed25519=text, ml_dsa_65=text)
dataset = record(name=text, digest=maybe(text), rows=maybe(count))
tally = record(**{"pass": count, "fail": count, "insufficient": count})
envelope_record = record(payload=text, payloadType=among(IN_TOTO), signatures=many(record(keyid=text, sig=text)))
PLACE: dict[str, Shape] = {
    "sequence": count,
    "previous": lambda value: value == "" or digest(value),
    "time": matching(TIME),
    "origin": text,
    "by": text,
}
END: dict[str, Shape] = {**PLACE, "run": text, "step": text, "intent": digest, "checkpoint": text}
DATA: dict[str, Shape] = {"inputs": many(dataset), "outputs": many(dataset)}
PREDICATES: dict[str, Shape] = {
    "genesis": record(
        **PLACE,
        root=key_record,
        keys=many(record(identity=text, key=key_record)),
        authority=maybe(digest),
        continues=maybe(record(origin=text, size=count, root_hash=digest)),
    ),
    "key": record(
        **PLACE,
        action=among("add", "rotate", "revoke"),
        identity=text,
        key=maybe(key_record),
        replaces=maybe(digest),
        reason=text,
    ),
    "root": record(**PLACE, root=key_record, reason=text),
    "authority": record(**PLACE, authority=maybe(digest), reason=text),
    "intent": record(
        **PLACE,
        **DATA,
        run=text,
        step=text,
        parent=maybe(record(run=text, job=text)),
        project=text,
        cycle=maybe(text),
        as_of=maybe(text),
        version=text,
        policy=maybe(text),
        description=maybe(text),
    ),
    "completion": record(
        **END, **DATA, reused=truth, findings=by_name(tally), credentials=maybe(record(count=count, sha256=digest))
    ),
    "failure": record(**END, state=among("fail", "abort"), reason=short(2000)),
    "abandoned": record(**END, reason=short(2000)),
    "approval": record(
        **PLACE,
        release=record(stage=text, cycle=text, digest=digest),
        decision=among("approved", "rejected"),
        note=text,
    ),
}
ENDS = ("completion", "failure", "abandoned")
BY_ROOT = ("genesis", "key", "root", "authority")


# --- keys, envelopes, heads (custody.md, 2 to 4) ---


class Key:
    """A public key."""

    def __init__(self, found: Any, where: str) -> None:
        if not key_record(found) or not matching(IDENTITY)(found["identity"]):
            raise Flaw("malformed", where, "no public key")
        self.identity: str = found["identity"]
        self.ed25519, self.ml_dsa = unb64(found["ed25519"], where, 32), unb64(found["ml_dsa_65"], where, 1952)
        self.id = sha256(spelled(found)).hex()
        self._keys = Ed25519PublicKey.from_public_bytes(self.ed25519), MLDSA65PublicKey.from_public_bytes(self.ml_dsa)

    def signed(self, which: int, signature: bytes, message: bytes) -> bool:
        try:
            self._keys[which].verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def read_key(data: bytes, where: str) -> Key:
    if data[-1:] != b"\n":
        raise Flaw("not_canonical", where, "no newline at the end")
    return Key(canonical(data[:-1], where), where)


class Envelope:
    """A DSSE envelope, signatures not verified: (key id, Ed25519, ML-DSA-65) for each signer."""

    def __init__(self, data: bytes, where: str) -> None:
        found = canonical(data, where)
        if not envelope_record(found) or len(found["signatures"]) not in (2, 4):
            raise Flaw("malformed", where, "no envelope")
        self.pairs: list[tuple[str, bytes, bytes]] = []
        for one, other in zip(found["signatures"][::2], found["signatures"][1::2], strict=True):
            if one["keyid"] != other["keyid"]:
                raise Flaw("malformed", where, "a pair of signatures of two keys")
            self.pairs.append((one["keyid"], unb64(one["sig"], where, 64), unb64(other["sig"], where, 3309)))
        self.payload = unb64(found["payload"], where)

    def check(self, pair: int, key: Key, where: str) -> None:
        keyid, ed25519, ml_dsa = self.pairs[pair]
        message = b" ".join([b"DSSEv1", b"28", IN_TOTO.encode(), str(len(self.payload)).encode(), self.payload])
        if keyid != key.id:
            raise Flaw("key_unknown", where, f"signed with {keyid[:64]} instead of {key.id}")
        if not key.signed(0, ed25519, message):
            raise Flaw("signature_ed25519", where, key.identity)
        if not key.signed(1, ml_dsa, b"tuf\x01" + hashlib.sha512(message).digest()):
            raise Flaw("signature_ml_dsa_65", where, key.identity)


class Head:
    """A checkpoint, signatures not verified."""

    def __init__(self, data: bytes, where: str) -> None:
        try:
            lines = data.decode("utf-8").split("\n")
            self.signatures = []
            if len(data) > 100_000 or len(lines) < 6 or lines[3] or lines[-1] or len(lines) > 105:
                raise Flaw("head_malformed", where, "no signed head")
            if not ORIGIN.fullmatch(lines[0]) or not re.fullmatch("0|[1-9][0-9]{0,15}", lines[1]):
                raise Flaw("head_malformed", where, "no origin or no size")
            self.origin, self.size, self.root = lines[0], int(lines[1]), unb64(lines[2], where, 32)
            for line in lines[4:-1]:
                found = SIGNED.fullmatch(line)
                raw = unb64(found[2], where) if found else b""
                if found is None or len(raw) < 5:
                    raise Flaw("head_malformed", where, "a line that is no signature")
                self.signatures.append((found[1], raw[:4], raw[4:]))
        except (UnicodeDecodeError, Flaw) as error:
            raise Flaw("head_malformed", where, str(error)) from None
        self.body = "\n".join(lines[:3]).encode() + b"\n"

    def check(self, keys: Iterable[Key], where: str) -> None:
        """One of the keys signed it with both signatures, and every one that signed did so with both."""
        name = self.origin.encode() + b"\n"
        anyone = False
        for key in keys:
            hashes = name + b"\x01" + key.ed25519, name + b"\xffanchor-pipeline.dev/ml-dsa-65" + key.ml_dsa
            found = [
                [sig for who, kind, sig in self.signatures if (who, kind) == (self.origin, sha256(hashed)[:4])]
                for hashed in hashes
            ]
            if not found[0]:
                continue
            anyone = True
            if not all(len(one) == 1 and key.signed(which, one[0], self.body) for which, one in enumerate(found)):
                raise Flaw("head_signature", where, f"signatures of {key.identity} that do not verify")
        if not anyone:
            raise Flaw("head_signature", where, "of no key in force")


class Tree:
    """RFC 6962: the roots of full subtrees with their sizes, largest first."""

    def __init__(self) -> None:
        self.full: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        width = 1
        while self.full and self.full[-1][0] == width:
            leaf, width = sha256(b"\1" + self.full.pop()[1] + leaf), width * 2
        self.full.append((width, leaf))

    def root(self) -> bytes:
        found = self.full[-1][1] if self.full else sha256(b"")
        for _, left in self.full[-2::-1]:
            found = sha256(b"\1" + left + found)
        return found


# --- the ledger (custody.md, 5) ---


class Ledger:
    """The rules of a ledger, entry by entry."""

    def __init__(self, trusted: Key | None = None) -> None:
        self.trusted, self.origin, self.authority = trusted, "", None
        self.tree, self.roots = Tree(), [sha256(b"")]
        self.leaf, self.time = "", ""
        self.keys: list[dict[str, Key]] = [{}]  # by identity, after so many entries
        self.known: dict[str, Key] = {}
        self.revoked: set[str] = set()
        self.intents: dict[str, tuple[int, dict[str, Any]]] = {}
        self.open: dict[str, str] = {}  # leaf hash of an intent, its step
        self.genesis: dict[str, Any] = {}

    @property
    def size(self) -> int:
        return len(self.roots) - 1

    def take(self, line: bytes) -> tuple[str, dict[str, Any]]:
        """Check the next entry; its name and predicate."""
        where = f"entry {self.size}"
        envelope = Envelope(line, where)
        name, said = self._statement(envelope.payload, where)
        self._place(name, said, where)
        self._signer(name, said, envelope, where)
        leaf = sha256(b"\0" + line)
        self._step(name, said, leaf.hex(), where)
        keys = self._keys_after(name, said, where)
        self.tree.add(leaf)
        self.roots.append(self.tree.root())
        self.keys.append(keys)
        self.leaf, self.time = leaf.hex(), said["time"]
        return name, said

    def _statement(self, payload: bytes, where: str) -> tuple[str, dict[str, Any]]:
        found = canonical(payload, where)
        if not isinstance(found, dict) or found.keys() != {"_type", "subject", "predicateType", "predicate"}:
            raise Flaw("malformed", where, "no statement")
        kinds = {f"{BASE}/{name}/v1": name for name in PREDICATES}
        name = kinds.get(found["predicateType"], "") if text(found["predicateType"]) else ""
        said = found["predicate"]
        if found["_type"] != STATEMENT or not name or not PREDICATES[name](said):
            raise Flaw("malformed", where, f"not of the shape of {name or 'any entry'}")
        about = [
            {"name": one["name"], "digest": {"sha256": one["digest"]}}
            for one in said.get("outputs", [])
            if name == "completion" and one["digest"] is not None
        ]
        itself = {
            "name": f"{name}/{said.get('run') or said['sequence']}",
            "digest": {"sha256": sha256(spelled(said)).hex()},
        }
        if found["subject"] != (about or [itself]):
            raise Flaw("subject", where, "another subject")
        return name, said

    def _place(self, name: str, said: dict[str, Any], where: str) -> None:
        if (name == "genesis") != (self.size == 0):
            raise Flaw("genesis", where, f"a {name} entry")
        if said["sequence"] != self.size:
            raise Flaw("sequence", where, f"states {said['sequence']}")
        if said["previous"] != self.leaf:
            raise Flaw("previous", where, f"names {said['previous']}, expected {self.leaf}")
        if said["time"] < self.time:
            raise Flaw("time", where, f"{said['time']} after {self.time}")
        if self.size == 0:
            if not ORIGIN.fullmatch(said["origin"]):
                raise Flaw("malformed", where, "no origin")
            self.origin, self.genesis = said["origin"], said
        if said["origin"] != self.origin:
            raise Flaw("origin", where, f"of {said['origin'][:200]}")

    def _signer(self, name: str, said: dict[str, Any], envelope: Envelope, where: str) -> None:
        if (said["by"] == "root") != (name in BY_ROOT):
            raise Flaw("role", where, f"a {name} entry by {said['by'][:64]}")
        if len(envelope.pairs) != (2 if name == "root" else 1):
            raise Flaw("malformed", where, f"{len(envelope.pairs)} signers")
        keyid = envelope.pairs[0][0]
        if name == "genesis":
            key: Key | None = Key(said["root"], where)
            if self.trusted and key and key.id != self.trusted.id:
                raise Flaw("root_not_pinned", where, f"root {key.id}, trusted is {self.trusted.id}")
        else:
            key = self.keys[-1].get(said["by"])
            if keyid in self.revoked:
                raise Flaw("key_revoked", where, keyid)
            if (key is None or key.id != keyid) and keyid in self.known and self.known[keyid].identity != said["by"]:
                raise Flaw("role", where, f"signed by {self.known[keyid].identity} as {said['by'][:64]}")
        if key is None:
            raise Flaw("key_unknown", where, f"{said['by'][:64]} has no key")
        envelope.check(0, key, where)
        if name == "root":
            envelope.check(1, Key(said["root"], where), where)

    def _step(self, name: str, said: dict[str, Any], leaf: str, where: str) -> None:
        if name == "approval" and said["by"] != "steward" and not said["by"].startswith("steward-"):
            raise Flaw("role", where, f"an approval by {said['by']}")
        if name == "intent":
            self.intents[leaf], self.open[leaf] = (self.size, said), said["step"]
        if name not in ENDS:
            return
        place, begun = self.intents.get(said["intent"], (0, {"run": None, "step": None}))
        if (begun["run"], begun["step"]) != (said["run"], said["step"]):
            raise Flaw("intent_missing", where, said["intent"])
        if said["intent"] not in self.open:
            raise Flaw("closed_twice", where, said["intent"])
        if name != "abandoned" and begun["by"] != said["by"]:
            raise Flaw("role", where, f"begun by {begun['by']}, ended by {said['by']}")
        try:
            head = Head(said["checkpoint"].encode(), where)
            if head.size <= place:
                raise Flaw("head_size", where, "a head that does not cover the intent")
            self._head(head, where)
        except Flaw as flaw:
            raise Flaw("checkpoint_in_entry", where, str(flaw)) from None
        del self.open[said["intent"]]

    def _keys_after(self, name: str, said: dict[str, Any], where: str) -> dict[str, Key]:
        if name not in BY_ROOT:
            return self.keys[-1]
        keys, given = dict(self.keys[-1]), []
        if name in ("genesis", "authority"):
            self.authority = said["authority"]
        if name in ("genesis", "root"):
            given.append(("root", said["root"]))
        if name == "genesis":
            given += [(one["identity"], one["key"]) for one in said["keys"]]
        if name == "key":
            given += self._change(said, keys, where)
        for number, (identity, found) in enumerate(given):
            if name == "genesis" and identity in dict(given[:number]):
                raise Flaw("malformed", where, f"two keys of {identity}")
            key = Key(found, where)
            if key.identity != identity or key.id in self.known:
                raise Flaw("malformed", where, f"a key of {key.identity} for {identity[:64]}, or an old one")
            keys[identity] = self.known[key.id] = key
        return keys

    def _change(self, said: dict[str, Any], keys: dict[str, Key], where: str) -> list[tuple[str, Any]]:
        action, who, new, old = said["action"], said["identity"], said["key"], said["replaces"]
        if who == "root":
            raise Flaw("role", where, "root is replaced by a root entry")
        if (
            (action == "add") != (old is None)
            or (action == "revoke") != (new is None)
            or (action == "add" and who in keys)
        ):
            raise Flaw("malformed", where, f"{action} with the wrong fields")
        known = self.known.get(old or "")
        if action == "rotate" and (who not in keys or keys[who].id != old):
            raise Flaw("key_unknown", where, "not the key in force")
        if action == "revoke":
            if known is None or known.identity != who:
                raise Flaw("key_unknown", where, "never a key of this identity")
            self.revoked.add(known.id)
            if who in keys and keys[who].id == old:
                del keys[who]
        return [(who, new)] if new else []

    def _head(self, head: Head, where: str) -> None:
        if head.size > self.size:
            raise Flaw("head_size", where, f"of {head.size} entries, there are {self.size}")
        if head.origin != self.origin:
            raise Flaw("head_malformed", where, f"of {head.origin}")
        if head.size == 0 or self.roots[head.size] != head.root:
            raise Flaw("head_root", where, "of other entries")
        head.check(self.keys[head.size].values(), where)

    def end(self, head: Head, pin: Head | None = None) -> None:
        """Check the head over all entries, and one that was seen before."""
        if head.size != self.size:
            raise Flaw("head_size", "head", f"of {head.size} entries, there are {self.size}")
        self._head(head, "head")
        if pin is None:
            return
        if pin.origin != self.origin:
            raise Flaw("origin", "pinned head", f"of {pin.origin}")
        if pin.size > self.size:
            raise Flaw("head_rollback", "head", f"{self.size} entries, {pin.size} were seen before")
        if pin.size and self.roots[pin.size] != pin.root:
            raise Flaw("fork", "pinned head", f"the first {pin.size} entries are others")


def lines(data: bytes) -> Iterator[bytes]:
    """The lines of a ledger; the last one has to have an end."""
    *whole, rest = data.split(b"\n")
    yield from whole
    if len(rest) > MOST:
        raise Flaw("too_large", "last entry", f"{len(rest)} bytes")
    if rest:
        raise Flaw("truncated", "last entry", "no newline at its end")


# --- releases (custody.md, 6) ---

SHARE = re.compile(r"(0|[1-9][0-9]*)\.[0-9]{6}")
PACKED = bytes.fromhex("1f8b08000000000000ff")
CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\n((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/=]{1,64}\n)-----END CERTIFICATE-----\n"
)

FILE: dict[str, Shape] = {"path": matching(PATH), "sha256": digest, "bytes": count}
SUMS: dict[str, Shape] = {"tokens": count, "documents": count}


def positive(value: Any) -> bool:
    return count(value) and value > 0


manifest_record = record(
    **dict.fromkeys(("project", "stage", "cycle", "as_of", "written_by"), text),
    **dict.fromkeys(("rows", "revision"), count),
    format=count,
    parts=many(record(**FILE, rows=positive, tokens=count)),
    files=many(record(**FILE)),
    amounts=by_name(record(**SUMS, unit=text)),
    shares=by_name(by_name(by_name(record(**SUMS, share=matching(SHARE))))),
    digests=record(policy=text, selection=text, corpus=text, verdict=text),
    documents=maybe(record(count=positive, root=digest)),
    previous=maybe(record(cycle=text, digest=digest)),
    replaces=maybe(record(revision=positive, digest=digest)),
    digest=digest,
)
document_record = record(
    **dict.fromkeys(("authorship", "collected_at", "digest", "doc_id", "kind"), text),
    **dict.fromkeys(("licence", "raw_file", "shard", "source"), text),
    **{"generator": maybe(text), "raw_row": lambda value: type(value) is int},
)
credential_record = record(data=text, kind=among("in-toto", "c2pa"), sha256=digest, shard=digest)


def anything(value: Any) -> bool:
    return True


def provenance_record(value: Any) -> bool:
    built = record(buildType=among(f"{BASE}/ingest/v1"), externalParameters=anything, resolvedDependencies=anything)
    shape = record(_type=text, subject=anything, predicateType=text, predicate=lambda one: isinstance(one, dict))
    return (
        shape(value)
        and built(value["predicate"].get("buildDefinition"))
        and isinstance(value["predicate"].get("runDetails"), dict)
    )


proof_record = record(
    **{"format": among("anchor-proof-1"), "mix": digest, "count": count, "root": digest, "doc_id": text},
    included=truth,
    leaves=many(record(index=count, line=text, path=many(digest))),
)


def beside(name: str) -> bool:
    return name in ("VERIFY.html", "RECALLED.json") or name.startswith("custody/")


def read_manifest(data: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = canonical(data, "MANIFEST.json", WIDE)
    except Flaw as flaw:
        raise Flaw("manifest", "MANIFEST.json", f"{flaw.code}, {flaw}") from None
    if not manifest_record(found) or found["format"] != 2:
        raise Flaw("manifest", "MANIFEST.json", "not of the shape of a manifest of format 2")
    parts, files = found["parts"], [one["path"] for one in found["files"]]
    wanted = [f"data/train-{index:05}-of-{len(parts):05}.parquet" for index in range(len(parts))]
    strange = [path for path in files if path.split("/")[0] == "data" or path == "MANIFEST.json" or beside(path)]
    if not parts or [one["path"] for one in parts] != wanted or strange or files != sorted(set(files)):
        raise Flaw("manifest", "MANIFEST.json", "its files are not named and sorted as they have to be")
    content = {name: value for name, value in found.items() if name not in ("revision", "replaces", "digest")}
    if sum(one["rows"] for one in parts) != found["rows"] or sha256(spelled(content)).hex() != found["digest"]:
        raise Flaw("manifest", "MANIFEST.json", "altered: its rows or its digest are not those it states")
    return found


def check_file(folder: Path, entry: dict[str, Any]) -> None:
    path, sha = folder / entry["path"], hashlib.sha256()
    if not path.is_file():
        raise Flaw("file_missing", entry["path"], "the manifest lists it")
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            sha.update(chunk)
    if path.stat().st_size != entry["bytes"] or sha.hexdigest() != entry["sha256"]:
        raise Flaw("file_digest", entry["path"], f"SHA-256 {sha.hexdigest()}, expected {entry['sha256']}")


def check_verdict(data: bytes, manifest: dict[str, Any]) -> bool:
    try:
        found = canonical(data, "VERDICT.json", WIDE, floats=True)
        same = all(found[name] == manifest[name] for name in ("project", "stage", "cycle", "as_of"))
        same &= all(found["digests"][name] == manifest["digests"][name] for name in ("policy", "selection", "corpus"))
        before = manifest["previous"] and manifest["previous"]["digest"]
        passed = found["status"] == "pass" and len(found["rules"]["evaluated"]) > 0
        passed &= all(one["status"] == "pass" or one["severity"] != "block" for one in found["findings"])
        if sha256(data).hex() != manifest["digests"]["verdict"] or found["digests"]["previous_release"] != before:
            same = False
    except (Flaw, TypeError, KeyError) as error:
        raise Flaw("verdict", "VERDICT.json", f"no verdict ({error})") from None
    if not same or not passed:
        raise Flaw("verdict", "VERDICT.json", "does not pass" if same else "of something else, or altered")
    return True


def unpacked(file: BinaryIO) -> Iterator[bytes]:
    """The lines in one gzip member, with the one header that there is, and nothing after it."""
    unpacker, rest = zlib.decompressobj(31), b""
    if file.read(len(PACKED)) != PACKED:
        raise Flaw("documents_root", "documents.jsonl.gz", "another header than of a list of documents")
    unpacker.decompress(PACKED)
    while chunk := file.read(1 << 20):
        while chunk and not unpacker.eof:
            *whole, rest = (rest + unpacker.decompress(chunk, 1 << 20)).split(b"\n")
            yield from whole
            chunk = unpacker.unconsumed_tail
        if chunk or unpacker.unused_data or len(rest) > MOST:
            raise Flaw("documents_root", "documents.jsonl.gz", "more after its end, or a line that is too long")
    if rest or not unpacker.eof:
        raise Flaw("documents_root", "documents.jsonl.gz", "cut off")


def check_documents(file: BinaryIO, stated: dict[str, Any]) -> set[str]:
    """The shards that the documents of the list came from."""
    tree, size, last, shards = Tree(), 0, b"", set()
    try:
        for line in unpacked(file):
            found = canonical(line, f"document {size}")
            if not document_record(found) or size == stated["count"]:
                raise Flaw("documents_root", f"document {size}", "no document, or one too many")
            here = found["doc_id"].encode()
            if size and here <= last:
                raise Flaw("documents_root", f"document {size}", "not in its place")
            tree.add(sha256(b"\0" + line))
            shards.add(found["shard"])
            size, last = size + 1, here
    except (OSError, zlib.error, Flaw) as error:
        raise Flaw("documents_root", "documents.jsonl.gz", str(error)) from None
    if size != stated["count"] or tree.root().hex() != stated["root"]:
        raise Flaw("documents_root", "documents.jsonl.gz", f"{size} documents, not those of the manifest")
    return shards


def check_authority(folder: Path, named: str | None) -> None:
    if named is None:
        return
    try:
        pem = read(folder, "authority.pem").decode("ascii", "replace")
    except Flaw:
        raise Flaw("credential_missing", "authority.pem", "the ledger names one") from None
    found = CERTIFICATE.fullmatch(pem)
    try:
        same = found is not None and sha256(unb64(found[1].replace("\n", ""), "authority.pem")).hex() == named
    except Flaw:
        same = False
    if not same:
        raise Flaw("credential_invalid", "authority.pem", "not the certificate that the ledger names")


def check_credentials(folder: Path, named: dict[str, Any], shards: set[str], ledger: Ledger) -> dict[str, str]:
    """Kind by shard."""
    data, kinds = read(folder, "credentials.jsonl"), dict[str, str]()
    if sha256(data).hex() != named["sha256"]:
        raise Flaw("credentials_digest", "credentials.jsonl", "not the list that the ledger names")
    if data.count(b"\n") != named["count"] or data[-1:] not in (b"", b"\n"):
        raise Flaw("credentials_digest", "credentials.jsonl", f"not the {named['count']} credentials that are named")
    check_authority(folder, ledger.authority)
    for line in data.split(b"\n")[:-1]:
        where = f"credential {len(kinds)}"
        try:
            found = canonical(line, where, 1 << 23)
            if not credential_record(found):
                raise Flaw("malformed", where, "no credential")
            if found["shard"] <= max(kinds, default="") or found["shard"] not in shards:
                raise Flaw("malformed", where, "not in its place, or of a shard that no document came from")
            raw = unb64(found["data"], where)
            if sha256(raw).hex() != found["sha256"]:
                raise Flaw("malformed", where, "other bytes than stated")
            if found["kind"] == "c2pa" and ledger.authority is None:
                raise Flaw("malformed", where, "the ledger names no authority for C2PA")
            if found["kind"] == "in-toto":
                check_provenance(Envelope(raw, where), found["shard"], ledger, where)
        except Stripped:
            raise
        except Flaw as flaw:
            raise Flaw("credential_invalid", where, str(flaw)) from None
        kinds[found["shard"]] = found["kind"]
    if missing := sorted(shards - kinds.keys()):
        raise Flaw("credential_missing", "credentials.jsonl", f"of shard {missing[0]}")
    return kinds


def check_provenance(envelope: Envelope, shard: str, ledger: Ledger, where: str) -> None:
    key = ledger.known.get(envelope.pairs[0][0])
    if len(envelope.pairs) != 1 or key is None or key.id in ledger.revoked:
        raise Flaw("key_unknown", where, "signed with a key that the ledger does not vouch for")
    if key.identity in ("root", "steward") or key.identity.startswith("steward-"):
        raise Flaw("role", where, f"signed by {key.identity}")
    envelope.check(0, key, where)
    found = canonical(envelope.payload, where)
    about = [{"name": f"shards/{shard}", "digest": {"sha256": shard}}]
    wanted = {"_type": STATEMENT, "predicateType": "https://slsa.dev/provenance/v1", "subject": about}
    if not provenance_record(found) or any(found[name] != value for name, value in wanted.items()):
        raise Flaw("subject", where, "no statement of where this shard came from")
    if "byproducts" in found["predicate"]["runDetails"]:
        raise Stripped("credential_missing", where, "its statement names a C2PA sidecar, which is not there")


def check_proof(data: bytes) -> dict[str, Any]:
    """A proof that holds by itself; which release has its root is for a manifest to say."""
    proof: dict[str, Any] = canonical(data.removesuffix(b"\n"), "proof", 1 << 20)
    if not proof_record(proof):
        raise Flaw("malformed", "proof", "no proof")
    ids, total, wanted = [], proof["count"], proof["doc_id"].encode()
    for leaf in proof["leaves"]:
        line, at, last = leaf["line"].encode(), leaf["index"], total - 1
        found, here = canonical(line, "proof"), sha256(b"\0" + line)
        for step in map(bytes.fromhex, leaf["path"]):
            if at & 1 or at == last:
                here = sha256(b"\1" + step + here)
                while at and not at & 1:
                    at, last = at >> 1, last >> 1
            else:
                here = sha256(b"\1" + here + step)
            at, last = at >> 1, last >> 1
        if not document_record(found) or leaf["index"] >= total or last or here.hex() != proof["root"]:
            raise Flaw("documents_root", "proof", "a leaf that does not lead to the root")
        ids.append((leaf["index"], found["doc_id"].encode()))
    if proof["included"]:
        held = [one for _, one in ids] == [wanted]
    elif len(ids) == 2:
        held = ids[0][0] + 1 == ids[1][0] and ids[0][1] < wanted < ids[1][1]
    elif len(ids) == 1:
        held = (ids[0][0] == 0 and wanted < ids[0][1]) or (ids[0][0] == total - 1 and ids[0][1] < wanted)
    else:
        held = total == 0 and not ids and proof["root"] == sha256(b"").hex()
    if not held:
        raise Flaw("documents_root", "proof", "its leaves do not show what it says")
    return proof


# --- outside stamps (custody.md, 6) ---

CALENDARS = b"\x00OpenTimestamps\x00\x00Proof\x00" + bytes.fromhex("bf89e2e884e89294") + b"\x01\x08"
PENDING, BITCOIN = bytes.fromhex("83dfe30d2ef90c8e"), bytes.fromhex("0588960d73d71901")
HASHES: dict[str, type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]] = {
    "608648016503040201": hashes.SHA256,
    "608648016503040202": hashes.SHA384,
    "608648016503040203": hashes.SHA512,
}
RSA, EC = "2a864886f70d01010", "2a8648ce3d04030"
SIGNED_OVER: dict[str, type[hashes.SHA256] | type[hashes.SHA384] | type[hashes.SHA512]] = {
    **{f"{RSA}b": hashes.SHA256, f"{RSA}c": hashes.SHA384, f"{RSA}d": hashes.SHA512},
    **{f"{EC}2": hashes.SHA256, f"{EC}3": hashes.SHA384, f"{EC}4": hashes.SHA512},
}
STAMPED = re.compile(rb"((?:19[5-9][0-9]|[2-9][0-9]{3})[0-9]{10})(?:\.[0-9]{0,8}[1-9])?Z")


class NoStamp(Exception):
    """Why a file is no stamp of this head."""


class Unchecked(Exception):
    """Why a signature cannot be checked here."""


def need(held: object, what: str) -> None:
    if not held:
        raise NoStamp(what)


def calendars(data: bytes, stamped: bytes) -> tuple[set[tuple[int, str]], set[str], int]:
    """Blocks with the Merkle roots that they must have, calendars that promise more, and how many others."""
    at, blocks, names, others = 0, set(), set(), 0

    def take(size: int) -> bytes:
        nonlocal at
        need(at + size <= len(data), "cut off")
        at += size
        return data[at - size : at]

    def number() -> int:
        value, place, byte = 0, 0, 0x80
        while byte >= 0x80:
            need(place < 35, "a number that is too long")
            byte = take(1)[0]
            value, place = value | (byte & 0x7F) << place, place + 7
        need((byte or place == 7) and value < 1 << 32, "a number in another spelling, or too large")
        return value

    def counted(least: int, most: int) -> bytes:
        size = number()
        need(least <= size <= most, f"{size} bytes where {least} to {most} may stand")
        return take(size)

    need(take(len(CALENDARS)) == CALENDARS, "no OpenTimestamps proof of a SHA-256")
    need(take(32) == stamped, "of something else")
    nodes, items = [(stamped, 0)], 0
    while nodes:
        message, depth = nodes.pop()
        tag, items = take(1)[0], items + 1
        if tag == 0xFF:
            nodes.append((message, depth))
            tag = take(1)[0]
        need(items <= 4096 and (tag == 0 or depth < 255), "too many operations")
        if tag == 0:
            kind, size = take(8), number()
            need(size <= 8192, "a payload that is too long")
            end = at + size
            need(end <= len(data), "cut off")
            if kind == PENDING:
                uri = counted(0, 1000).decode("latin-1")
                need(re.fullmatch(r"[A-Za-z0-9._/:-]*", uri), "no address of a calendar")
                names.add(uri)
            elif kind == BITCOIN:
                need(len(message) == 32, "no Merkle root of a block")
                blocks.add((number(), message[::-1].hex()))
            else:
                others, at = others + 1, end
            need(at == end, "an attestation of another length than it says")
        elif tag == 0x08:
            nodes.append((sha256(message), depth + 1))
        else:
            need(tag in (0xF0, 0xF1), f"operation {tag:#04x}")
            more = counted(1, 4096)
            need(len(message) + len(more) <= 4096, "a message that is too long")
            nodes.append((message + more if tag == 0xF0 else more + message, depth + 1))
    need(at == len(data), "more than belongs there")
    return blocks, names, others


Element = tuple[int, bytes, bytes]
"""Of DER: tag, content, and the whole with tag and length."""


class Der:
    """Elements of DER one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, *tags: int) -> Element:
        data = self.data
        need(len(data) > 1 and (not tags or data[0] in tags) and data[0] & 31 < 31, "another tag than is due")
        size, start = data[1], 2
        if size >= 0x80:
            start = size - 0x80 + 2
            size = int.from_bytes(data[2:start], "big")
            need(3 <= start <= 5 and len(data) >= start and data[2] and size >= 0x80, "a length in another spelling")
        need(len(data) >= start + size, "cut off")
        self.data = data[start + size :]
        return data[0], data[start : start + size], data[: start + size]

    def maybe(self, *tags: int) -> Element | None:
        return self.take(*tags) if self.data[:1] and self.data[0] in tags else None

    def into(self, *tags: int) -> Der:
        return Der(self.take(*tags)[1])

    def oid(self) -> str:
        return self.take(6)[1].hex()

    def number(self) -> bytes:
        data = self.take(2)[1]
        idle = len(data) > 1 and data[0] in (0, 255) and (data[0] ^ data[1]) < 128
        need(data and not idle, "a number in another spelling")
        return data

    def all(self) -> list[Element]:
        found = []
        while self.data:
            found.append(self.take())
        return found

    def end(self) -> None:
        need(not self.data, "more than belongs there")

    def alone(self, *tags: int) -> Element:
        found = self.take(*tags)
        self.end()
        return found


class Certificate:
    """What counts in a certificate of X.509; its own signature is not verified."""

    def __init__(self, data: bytes) -> None:
        self.data, whole = data, Der(Der(data).alone(0x30)[1])
        body = whole.into(0x30)
        whole.take(0x30)
        whole.take(3)
        whole.end()
        body.take(0xA0)
        serial = body.take(2)[2]
        body.take(0x30)
        self.issued = body.take(0x30)[2] + serial
        times = body.into(0x30)
        self.since, self.until = self._time(*times.take()), self._time(*times.take())
        times.end()
        self.name, self.key = self._name(body.into(0x30)), body.take(0x30)[2]
        body.maybe(0x81)
        body.maybe(0x82)
        extensions = body.maybe(0xA3)
        body.end()
        self.stamping = extensions is not None and self._stamping(Der(Der(extensions[1]).alone(0x30)[1]))

    @staticmethod
    def _time(tag: int, content: bytes, _: bytes) -> str:
        text = content.decode("latin-1")
        if tag == 0x17:
            text = ("19" if text[:2] >= "50" else "20") + text
        need(tag in (0x17, 0x18) and re.fullmatch(r"[0-9]{14}Z", text), "a certificate without a time in UTC")
        return text[:-1]

    @staticmethod
    def _stamping(extensions: Der) -> bool:
        for _, content, _ in extensions.all():
            extension = Der(content)
            name = extension.oid()
            extension.maybe(1)
            value = extension.take(4)[1]
            if name == "551d25":
                return any(one.hex() == "2b06010505070308" for _, one, _ in Der(Der(value).alone(0x30)[1]).all())
        return False

    @staticmethod
    def _name(parts: Der) -> str:
        found = []
        while parts.data:
            for _, content, _ in parts.into(0x31).all():
                pair = Der(content)
                kind, value = pair.oid(), pair.take()
                if kind in ("550403", "55040a"):
                    found.append(ascii(value[1].decode("utf-8", "replace"))[:200])
        return ", ".join(found)


class Token:
    """A time stamp of RFC 3161, its signature not verified."""

    def __init__(self, data: bytes, stamped: bytes) -> None:
        answer = Der(Der(data).alone(0x30)[1])
        need(answer.into(0x30).number() == b"\0", "not granted")
        content = answer.into(0x30)
        answer.end()
        need(content.oid() == "2a864886f70d010702", "no signed data")
        signed = Der(Der(content.take(0xA0)[1]).alone(0x30)[1])
        content.end()
        signed.number()
        signed.take(0x31)
        held = signed.into(0x30)
        need(held.oid() == "2a864886f70d0109100104", "no time stamp")
        self.info = Der(held.take(0xA0)[1]).alone(4)[1]
        held.end()
        carried = signed.maybe(0xA0)
        signed.maybe(0xA1)
        signers = signed.into(0x31)
        signed.end()
        self._signer(signers.into(0x30))
        signers.end()
        found = Der(carried[1] if carried else b"").all()
        self.certificates = [Certificate(whole) for tag, _, whole in found if tag == 0x30]
        self._told(Der(Der(self.info).alone(0x30)[1]), stamped)

    def _told(self, info: Der, stamped: bytes) -> None:
        need(info.number() == b"\1", "of another version")
        info.oid()
        imprint = info.into(0x30)
        algorithm, digest = imprint.into(0x30), imprint.take(4)[1]
        imprint.end()
        need(algorithm.oid() == "608648016503040201" and digest == stamped, "of something else")
        algorithm.maybe(5)
        algorithm.end()
        self.serial = info.number()
        found = STAMPED.fullmatch(info.take(0x18)[1])
        need(len(self.serial) <= 64 and found, "a number that is too long, or no time in UTC")
        for tag in (0x30, 1, 2, 0xA0, 0xA1):
            info.maybe(tag)
        info.end()
        self.time = found[1].decode() if found else ""
        try:
            datetime.datetime.strptime(self.time, "%Y%m%d%H%M%S")
        except ValueError:
            raise NoStamp("a time that there never was") from None

    def _signer(self, info: Der) -> None:
        info.number()
        self.sid = info.take(0x30, 0x80)
        self.digest, attributes = info.into(0x30).oid(), info.take(0xA0)
        self.algorithm, self.signature = info.into(0x30).oid(), info.take(4)[1]
        info.maybe(0xA1)
        info.end()
        self.signed, values = b"\x31" + attributes[2][1:], dict[str, bytes]()
        for tag, content, _ in Der(attributes[1]).all():
            attribute = Der(content)
            name, value = attribute.oid(), attribute.take(0x31)[1]
            need(tag == 0x30 and name not in values, "an attribute that is none, or there twice")
            attribute.end()
            values[name] = value
        nine = "2a864886f70d0109"
        kind = Der(values.get(f"{nine}03", b"")).alone(6)[1].hex()
        need(kind == "2a864886f70d0109100104", "signed as something else")
        self.summed = Der(values.get(f"{nine}04", b"")).alone(4)[1]
        self.old = f"{nine}10022f" not in values
        self.named = values.get(f"{nine}10020c" if self.old else f"{nine}10022f", b"")
        need(self.named, "the certificate of its signer is not named")

    def certificate(self) -> Certificate:
        """The one that the signer names, by number and by digest."""
        first = Der(Der(self.named).alone(0x30)[1]).into(0x30).into(0x30)
        name = None if self.old else first.into(0x30).oid() if first.data[:1] == b"\x30" else "608648016503040201"
        digest = first.take(4)[1]
        if name and name not in HASHES:
            raise Unchecked("its algorithm is not checked here")
        for one in self.certificates:
            summed = hashlib.new(HASHES[name].name if name else "sha1", one.data, usedforsecurity=False).digest()
            if self.sid[0] == 0x30 and one.issued == self.sid[1]:
                need(summed == digest, "another certificate than the one that signed it")
                return one
            if self.sid[0] == 0x80 and summed == digest:
                return one
        raise Unchecked("the certificate of its signer is not in it")

    def _known(self, key: Der) -> bool:
        """Whether every verifier can use the key: RSA of 2,048 to 8,192 bits with 65537, or a point on P-256 or 384."""
        named, bits = key.into(0x30), key.take(3)[1]
        key.end()
        kind = named.oid()
        if self.algorithm.startswith(EC):
            size = {"2a8648ce3d030107": 32, "2b81040022": 48}.get(named.oid(), 0)
            named.end()
            return kind == "2a8648ce3d0201" and size > 0 and len(bits) == 2 + 2 * size and bits[:2] == b"\0\4"
        named.take(5)
        named.end()
        numbers = Der(Der(bits[1:]).alone(0x30)[1])
        modulus, exponent = numbers.number(), numbers.number()
        numbers.end()
        fits = modulus[0] < 128 and 2048 <= int.from_bytes(modulus).bit_length() <= 8192 and exponent == b"\1\0\1"
        return fits and kind == f"{RSA}1" and bits[:1] == b"\0"

    def verified(self) -> Certificate:
        """The signer's certificate; NoStamp if its signature does not hold."""
        one = self.certificate()
        over = HASHES.get(self.digest) if self.algorithm == f"{RSA}1" else SIGNED_OVER.get(self.algorithm)
        if over is None or self.digest not in HASHES:
            raise Unchecked("its algorithm is not checked here")
        try:
            known = self._known(Der(Der(one.key).alone(0x30)[1]))
            key = load_der_public_key(one.key) if known else None
        except (NoStamp, ValueError, UnsupportedAlgorithm):
            key = None
        if key is None:
            raise Unchecked("its key cannot be used here")
        need(hashlib.new(HASHES[self.digest].name, self.info).digest() == self.summed, "changed after it was signed")
        need(one.stamping and one.since <= self.time <= one.until, "its certificate is not for this, or not for then")
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(self.signature, self.signed, padding.PKCS1v15(), over())
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(self.signature, self.signed, ec.ECDSA(over()))
        except (InvalidSignature, ValueError):
            raise NoStamp("its signature does not verify") from None
        return one


def read_stamp(data: bytes, kind: str, stamped: bytes) -> tuple[str, str]:
    """What a stamp of this digest says: its state, and in words. NoStamp if it is none."""
    need(len(data) <= 100_000, "too large")
    if kind == "ots":
        blocks, names, others = calendars(data, stamped)
        if blocks:
            told = "; ".join(
                f"in Bitcoin block {height} if its Merkle root is {root}" for height, root in sorted(blocks)
            )
            return "bitcoin", f"{told}; compare it with that block"
        return ("pending", ", ".join(sorted(names))) if names else ("unchecked", f"{others} unknown attestations")
    token = Token(data, stamped)
    try:
        one = token.verified()
    except Unchecked as reason:
        return "unchecked", f"said to be of {token.time} UTC; {reason}"
    number = f"number {token.serial.hex()}, certificate {sha256(one.data).hex()}"
    return "authority", f"{token.time} UTC, signed as {one.name}, {number}; whether to trust that one is for you to say"


def check_stamps(folder: Path, ledger: Ledger, claims: Claims) -> None:
    """All stamps that lie with a ledger."""
    found: dict[str, list[str]] = {}

    def check(path: Path) -> None:
        name = path.relative_to(folder).as_posix()
        parts, where = re.fullmatch(r"([1-9][0-9]{0,15})\.(ots|tsr)", name), f"stamps/{name}"
        if parts is None or not path.is_file() or path.is_symlink() or path.stat().st_size > 100_000:
            raise Flaw("stamp", where, "no stamp has such a name or size")
        size = int(parts[1])
        if size > ledger.size:
            raise Flaw("stamp", where, f"the ledger has {ledger.size} entries")
        head = f"{ledger.origin}\n{size}\n{base64.b64encode(ledger.roots[size]).decode()}\n"
        try:
            state, told = read_stamp(path.read_bytes(), parts[2], sha256(head.encode()))
        except NoStamp as error:
            raise Flaw("stamp", where, str(error)) from None
        found.setdefault(state, []).append(f"the first {size} entries: {told}")

    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            claims.attempt(partial(check, path))
    if found:
        claims.holds("stamps", f"{sum(map(len, found.values()))} outside stamps are of heads of this ledger")
    for state, told in found.items():
        claims.holds(f"stamp_{state}", "; ".join(told), None)


# --- what is claimed ---


class Claims:
    """What was looked at: (ok, code, what)."""

    def __init__(self) -> None:
        self.found: list[tuple[bool | None, str, str]] = []

    def holds(self, code: str, what: str, ok: bool | None = True) -> None:
        self.found.append((ok, code, what))

    def attempt(self, step: Callable[[], Any]) -> Any:
        try:
            return step()
        except Flaw as flaw:
            self.holds(flaw.code, str(flaw), False)
            return None


def read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError:
        raise Flaw("file_missing", name, "there is none") from None


def check_told(folder: Path, ledger: Ledger) -> None:
    """The root key that a release tells its readers is the one in force."""
    data = read(folder, "root.pub.json")
    if len(data) > MOST + 1:
        raise Flaw("too_large", "root.pub.json", f"{len(data)} bytes")
    if read_key(data, "root.pub.json").id != ledger.keys[-1]["root"].id:
        raise Flaw("root_not_pinned", "root.pub.json", "not the root key in force at the head")


Earlier = tuple[int, Key, dict[str, Any]]
"""How many ledgers came before, the root in force at their end, and the last head."""


def check_one(
    folder: Path, root: Key | None, earlier: Earlier | None, pin: bytes | None
) -> tuple[Ledger, list[dict[str, Any]]]:
    """One ledger and its completions; of one without others before it nothing is asked of what it continues."""
    ledger, completions = Ledger(root), []
    for line in lines(read(folder, "ledger.jsonl")):
        name, said = ledger.take(line)
        if name == "completion":
            completions.append(said)
    if ledger.size == 0:
        raise Flaw("genesis", "ledger", "no entry at all")
    if earlier or folder.parent.name == "previous":
        check_continues(ledger.genesis["continues"], earlier[2] if earlier else None)
    ledger.end(Head(read(folder, "checkpoint"), "head"), Head(pin, "pinned head") if pin is not None else None)
    return ledger, completions


def check_continues(stated: dict[str, Any] | None, last: dict[str, Any] | None) -> None:
    """A genesis continues just the last head before it; the oldest ledger, none."""
    if stated is None and last is None:
        return
    if stated is None or last is None or stated["origin"] != last["origin"]:
        raise Flaw("origin", "entry 0", "it continues another ledger than the one before it")
    for name, code in (("size", "head_size"), ("root_hash", "fork")):
        if stated[name] != last[name]:
            raise Flaw(code, "entry 0", f"it continues {stated[name]}, the ledger before has {last[name]}")


def check_ledger(
    folder: Path, root: Key | None, pin: bytes | None, claims: Claims, released: bool = False
) -> tuple[Ledger, list[Any]]:
    """The ledger and its completions, after those that it continues; Flaw for the first thing that is wrong."""
    earlier = None
    while (
        (before := folder / "previous" / f"{0 if earlier is None else earlier[0]:04d}")
        .joinpath("ledger.jsonl")
        .exists()
    ):
        ledger, _ = check_one(before, earlier[1] if earlier else root, earlier, None)
        last = {"origin": ledger.origin, "size": ledger.size, "root_hash": ledger.roots[-1].hex()}
        earlier = (1 if earlier is None else earlier[0] + 1, ledger.keys[-1]["root"], last)
    ledger, completions = check_one(folder, earlier[1] if earlier else root, earlier, pin)
    if ledger.genesis["continues"] is not None:
        claims.holds("previous", f"{earlier[0] if earlier else 'none'} of the ledgers before is here", earlier and True)
    if released:
        check_told(folder, ledger)
    claims.holds("ledger", f"{ledger.size} entries of {ledger.origin}, their signatures, and the head over them")
    trusted = "the root that is trusted" if root else "its own root only; name the one you trust with --root"
    claims.holds("root", f"begun by {trusted} ({ledger.keys[1]['root'].id})", True if root else None)
    unfinished = ", ".join(sorted(set(ledger.open.values()))) or "none"
    claims.holds("unfinished", f"{len(ledger.open)} steps had begun and not ended: {unfinished}")
    return ledger, completions


def check_release(folder: Path, root: Key | None, pin: bytes | None) -> Claims:
    """All claims of a release."""
    claims = Claims()
    try:
        data = read(folder, "MANIFEST.json")
        manifest = read_manifest(data)
    except Flaw as flaw:
        claims.holds("manifest", str(flaw), False)
        return claims
    claims.holds("manifest", f"{manifest['stage']} {manifest['cycle']}, mix digest {manifest['digest']}")
    if (folder / "RECALLED.json").exists():
        claims.holds("recalled", "RECALLED.json says that it must not be used, whatever else holds", False)
    listed = [*manifest["files"], *manifest["parts"]]
    before = len(claims.found)
    for entry in listed:
        claims.attempt(partial(check_file, folder, entry))
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    for name in sorted(found - {"MANIFEST.json"} - {entry["path"] for entry in listed}):
        if not beside(name):
            claims.holds("file_unlisted", f"{name}: the manifest does not list it", False)
    if len(claims.found) == before:
        claims.holds("files", f"{len(listed)} files, and no others")
    if "VERDICT.json" in {entry["path"] for entry in manifest["files"]}:
        if claims.attempt(lambda: check_verdict(read(folder, "VERDICT.json"), manifest)):
            claims.holds("verdict", "the rules were evaluated for this mix, and let it pass")
    else:
        claims.holds("verdict", "VERDICT.json is no part of the release", False)
    checked = claims.attempt(lambda: check_ledger(folder / "custody", root, pin, claims, released=True))
    if checked is not None:
        check_origins(folder, manifest, sha256(data).hex(), checked, claims)
        check_stamps(folder / "custody/stamps", checked[0], claims)
    return claims


def check_origins(
    folder: Path, manifest: dict[str, Any], file: str, checked: tuple[Ledger, list[Any]], claims: Claims
) -> None:
    (ledger, completions), name, made = checked, f"mix/{manifest['stage']}", None
    for said in completions:
        outputs = {one["name"]: one["digest"] for one in said["outputs"]}
        if said["step"] == name and (outputs.get(name), outputs.get(f"{name}/MANIFEST.json")) == (
            manifest["digest"],
            file,
        ):
            made = said
    if made is None:
        claims.holds("completion_missing", f"no step of the ledger released {name} {manifest['digest']}", False)
        return
    claims.holds("completion", f"released by {made['by']} at {made['time']}, entry {made['sequence']}")
    if manifest["documents"] is None:
        claims.holds("documents_root", "the manifest states none", False)
        return

    def documents() -> set[str]:
        read(folder / "custody", "documents.jsonl.gz")
        with (folder / "custody/documents.jsonl.gz").open("rb") as packed:
            return check_documents(packed, manifest["documents"])

    def credentials() -> None:
        if made["credentials"] is None:
            raise Flaw("credential_missing", "ledger", "it names no credentials of this mix")
        kinds = check_credentials(folder / "custody", made["credentials"], shards, ledger)
        sidecars = list(kinds.values()).count("c2pa")
        claims.holds("credentials", f"one for each of {len(kinds)} shards, as the ledger names them")
        if sidecars:
            claims.holds("c2pa_signature", f"{sidecars} C2PA sidecars: only compared by digest here", None)

    shards = claims.attempt(documents)
    if shards is not None:
        claims.holds("documents", f"the list of {manifest['documents']['count']} documents, from {len(shards)} shards")
        claims.attempt(credentials)


def main(arguments: list[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", type=Path)
    for option in ("--root", "--pin", "--mix"):
        parser.add_argument(option, type=Path)
    given = parser.parse_args(arguments)
    claims = Claims()
    root = claims.attempt(lambda: read_key(given.root.read_bytes(), "root")) if given.root else None
    pin = given.pin.read_bytes() if given.pin else None
    if given.root and root is None:
        pass
    elif given.what.is_file():
        proof = claims.attempt(lambda: check_proof(given.what.read_bytes()))
        manifest = claims.attempt(lambda: read_manifest(read(given.mix, "MANIFEST.json"))) if given.mix else None
        if proof:
            claims.holds("proof", f"{proof['doc_id']} is {'' if proof['included'] else 'not '}in mix {proof['mix']}")
        if proof and manifest:
            stated = {**(manifest["documents"] or {}), "mix": manifest["digest"]}
            same = all(proof[name] == value for name, value in stated.items()) and len(stated) == 3
            claims.holds("documents_root", "of this release" if same else "of another release", same)
    elif (given.what / "MANIFEST.json").exists():
        claims = check_release(given.what, root, pin)
    else:
        alone = claims.attempt(lambda: check_ledger(given.what, root, pin, claims))
        if alone is not None:
            check_stamps(given.what / "stamps", alone[0], claims)
    for ok, code, what in claims.found:
        print(f"{'ok   ' if ok else 'open ' if ok is None else 'WRONG'} {code:20} {what}")
    return 1 if any(ok is False for ok, _, _ in claims.found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
