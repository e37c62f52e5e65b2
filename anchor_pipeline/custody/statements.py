"""What entries say: in-toto statements (https://in-toto.io/Statement/v1) with predicates of this project.

Every predicate has a model; fields that are not known are refused, and so are predicates that are not: a new one is
a new version of the specification, docs/spec/custody.md.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from anchor_pipeline.custody.canonical import canonical_json, parse
from anchor_pipeline.custody.flaws import Flaw

STATEMENT = "https://in-toto.io/Statement/v1"
BASE = "https://anchor-pipeline.dev/custody"

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Time = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z$"),
]
Count = Annotated[int, Field(ge=0)]


class Record(BaseModel):
    """Part of a predicate."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Key(Record):
    """A public key, as `keys.PublicKey.record` has it."""

    format: Literal["anchor-public-key-1"]
    identity: str
    ed25519: str
    ml_dsa_65: str


class NamedKey(Record):
    """An identity and its key."""

    identity: str
    key: Key


class Data(Record):
    """A dataset that a step read or made."""

    name: str
    digest: str | None
    rows: Count | None


class Run(Record):
    """A run of an orchestrator."""

    run: str
    job: str


class Tally(Record):
    """Findings on a dataset by status."""

    passed: Count = Field(alias="pass")
    failed: Count = Field(alias="fail")
    insufficient: Count


class Continued(Record):
    """The last head of the ledger before this one."""

    origin: str
    size: Count
    root_hash: Digest


class Bundle(Record):
    """The credentials of the shards that a step made or drew from: how many, and the digest of their list."""

    count: Count
    sha256: Digest


class Release(Record):
    """A release that somebody approves or not."""

    stage: str
    cycle: str
    digest: Digest


class Predicate(Record):
    """What all predicates have: the entry's place in its ledger, and who made it when."""

    sequence: Count
    previous: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]
    """Leaf hash of the entry before; empty for the first."""
    time: Time
    origin: str
    by: str


class Genesis(Predicate):
    """The first entry: the root names itself and the first keys."""

    root: Key
    keys: tuple[NamedKey, ...]
    authority: Digest | None
    """SHA-256 of the certificate (DER) that C2PA credentials lead up to."""
    continues: Continued | None


class KeyChange(Predicate):
    """The root adds, rotates or revokes an identity's key."""

    action: Literal["add", "rotate", "revoke"]
    identity: str
    key: Key | None
    replaces: Digest | None
    reason: str


class RootChange(Predicate):
    """The root hands over to a new one; signed by both."""

    root: Key
    reason: str


class AuthorityChange(Predicate):
    """The root names another certificate for C2PA credentials."""

    authority: Digest | None
    reason: str


class Intent(Predicate):
    """A step is about to run."""

    run: str
    step: str
    parent: Run | None
    project: str
    cycle: str | None
    as_of: str | None
    version: str
    policy: str | None
    inputs: tuple[Data, ...]
    outputs: tuple[Data, ...]
    description: str | None


class Ending(Predicate):
    """What all ends of a step have."""

    run: str
    step: str
    intent: Digest
    """Leaf hash of the intent."""
    checkpoint: str
    """A signed head of this ledger that covers the intent."""


class Completion(Ending):
    """A step has run."""

    inputs: tuple[Data, ...]
    outputs: tuple[Data, ...]
    reused: bool
    findings: dict[str, Tally]
    credentials: Bundle | None


class Failure(Ending):
    """A step has failed, was refused, or was interrupted."""

    state: Literal["fail", "abort"]
    reason: Annotated[str, StringConstraints(max_length=2000)]


class Abandoned(Ending):
    """A step whose process is gone, closed by a later run."""

    reason: Annotated[str, StringConstraints(max_length=2000)]


class Approval(Predicate):
    """A steward's decision on a release."""

    release: Release
    decision: Literal["approved", "rejected"]
    note: str


PREDICATES: dict[str, type[Predicate]] = {
    "genesis": Genesis,
    "key": KeyChange,
    "root": RootChange,
    "authority": AuthorityChange,
    "intent": Intent,
    "completion": Completion,
    "failure": Failure,
    "abandoned": Abandoned,
    "approval": Approval,
}


def statement(name: str, predicate: dict[str, Any]) -> dict[str, Any]:
    """The statement of a predicate; ValueError if it is not of the shape of its model."""
    PREDICATES[name].model_validate(_as_tuples(predicate))
    return {
        "_type": STATEMENT,
        "subject": _subject(name, predicate),
        "predicateType": f"{BASE}/{name}/v1",
        "predicate": predicate,
    }


def read_statement(payload: bytes, where: str) -> tuple[str, Predicate]:
    """The name and predicate of a statement; Flaw if it is none that this version knows, or about something else."""
    record = parse(payload, where)
    if not isinstance(record, dict) or set(record) != {"_type", "subject", "predicateType", "predicate"}:
        raise Flaw("malformed", where, "no statement: expected _type, subject, predicateType and predicate")
    name = _name_of(record["predicateType"])
    if record["_type"] != STATEMENT or name is None:
        raise Flaw("malformed", where, f"no statement of a known kind: {str(record['predicateType'])[:200]}")
    try:
        predicate = PREDICATES[name].model_validate(_as_tuples(record["predicate"]))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Flaw("malformed", where, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if record["subject"] != _subject(name, record["predicate"]):
        raise Flaw("subject", where, "the subject is not what the predicate is about")
    return name, predicate


def _name_of(kind: Any) -> str | None:
    prefix, suffix = f"{BASE}/", "/v1"
    if not isinstance(kind, str) or not kind.startswith(prefix) or not kind.endswith(suffix):
        return None
    name = kind[len(prefix) : -len(suffix)]
    return name if name in PREDICATES else None


def _subject(name: str, predicate: dict[str, Any]) -> list[dict[str, Any]]:
    """What a completion made, as far as it has digests; of anything else the predicate itself."""
    made = predicate["outputs"] if name == "completion" else []
    found = [{"name": one["name"], "digest": {"sha256": one["digest"]}} for one in made if one["digest"] is not None]
    if found:
        return found
    about = predicate.get("run") or f"{predicate['sequence']}"
    digest = hashlib.sha256(canonical_json(predicate)).hexdigest()
    return [{"name": f"{name}/{about}", "digest": {"sha256": digest}}]


def _as_tuples(value: Any) -> Any:
    """JSON has lists where the models, which are frozen, have tuples."""
    if isinstance(value, dict):
        return {name: _as_tuples(one) for name, one in value.items()}
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value
