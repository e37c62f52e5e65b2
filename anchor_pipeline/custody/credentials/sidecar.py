"""The credential of a synthetic shard: a C2PA manifest store beside it, over the bytes of the Parquet file.

It says that a model made the content, which one and how it was run, and from which shards: those of other sources that
are synthetic themselves are nested with their own credentials.

digitalSourceType: IPTC's trainedAlgorithmicMedia (http://cv.iptc.org/newscodes/digitalsourcetype) for texts, images
and sounds; for tables C2PA's own trainedAlgorithmicData, for what a model made that is no medium but data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from anchor_pipeline.custody.credentials.authority import Leaf
from anchor_pipeline.custody.credentials.c2pa_library import (
    ACTIONS,
    HASH,
    INGREDIENT,
    LABEL,
    Asset,
    Ingredient,
    Manifest,
    is_bound_to,
    read,
    read_detached,
    sign,
)
from anchor_pipeline.custody.credentials.shards import DECLARED, ShardRecord, dependencies, same_dependencies
from anchor_pipeline.custody.credentials.trust import Trust
from anchor_pipeline.custody.flaws import Flaw

PARQUET = "application/vnd.apache.parquet"

_SHARD = re.compile(r"[0-9a-f]{64}")
_MEDIA = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_DATA = "http://c2pa.org/digitalsourcetype/trainedAlgorithmicData"


@dataclass(frozen=True)
class Parent:
    """A shard that holds documents which documents of another were made from."""

    shard: str
    source: str
    nested: bool
    """Whether its own credential has to be nested: it is synthetic, and of another source."""


@dataclass(frozen=True)
class Descent:
    """What a shard was made from, and by which generators as its documents name them."""

    parents: tuple[Parent, ...] = ()
    more: int = 0
    """Further parents, none of them synthetic, that are too many to be named."""
    unknown: int = 0
    """Ids named as parents that no document at hand has, or several have."""
    generators: tuple[str, ...] = ()


Nested = Callable[[str], tuple[bytes, Callable[[], bytes]] | None]
"""Sidecar of a shard, and what gives the bytes of the shard; None if it has no sidecar."""


def source_type(modality: str) -> str:
    """The digitalSourceType of content that a model made."""
    return _DATA if modality == "table" else _MEDIA


def make_sidecar(
    record: ShardRecord, content: bytes, descent: Descent, nested: Nested, leaf: Leaf, authority: bytes, run: str
) -> bytes:
    """The manifest store of a shard, whose bytes are `content`; `run` is the id of the step that made it.

    Raises NoLibrary; Flaw credential_invalid if a parent's own credential does not hold.
    """
    modality = str(record.declared["modality"])
    asset = Asset(
        title=f"shards/{record.digest}",
        format=PARQUET,
        said=_said(record, descent, run),
        actions=({"action": "c2pa.created", "digitalSourceType": source_type(modality)},),
        ingredients=tuple(_ingredients(descent, nested)),
    )
    store, _ = sign(asset, content, leaf, authority)
    read(store, content, PARQUET, authority, asset.title)
    return store


def check_sidecar(
    store: bytes, shard: str, trust: Trust, expected: ShardRecord | None = None, content: bytes | None = None
) -> dict[str, Any]:
    """What a sidecar says of the shard; with `content` its bytes are hashed too, else its digest is taken for them.

    Raises:
        NoLibrary: c2pa-python is not installed.
        Flaw: credential_invalid unless C2PA trusts it under the authority alone, it is for exactly this shard, it has
            this project's assertion once, every synthetic parent is nested with a sound credential of its own, and it
            says what `expected` says.

    """
    where = f"credential of shard {shard}"
    if trust.authority is None:
        raise Flaw("credential_invalid", where, "C2PA, but the ledger names no authority that could vouch for it")
    if content is None:
        manifest = read_detached(store, PARQUET, bytes.fromhex(shard), trust.authority, where)
    else:
        manifest = read(store, content, PARQUET, trust.authority, where)
    said = _own_assertion(manifest.assertions, shard, where)
    _check_actions(manifest.assertions, said, where)
    _check_parents(manifest, said, where)
    if expected is not None:
        _check_said(said, expected, where)
    return said


def _said(record: ShardRecord, descent: Descent, run: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "shard": record.digest,
        **record.declared,
        "raw": dependencies(record.source, record.raw),
        "parents": [
            {"shard": parent.shard, "source": parent.source, "nested": parent.nested} for parent in descent.parents
        ],
        "parents_more": descent.more,
        "parents_unknown": descent.unknown,
        "generators": list(descent.generators),
        "run": run,
    }
    return said if record.generator is None else {**said, "generator": record.generator}


def _ingredients(descent: Descent, nested: Nested) -> Iterator[Ingredient]:
    for parent in descent.parents:
        found = nested(parent.shard) if parent.nested else None
        if found is not None:
            yield Ingredient(f"shards/{parent.shard}", PARQUET, parent.shard, "inputTo", *found)


def _own_assertion(assertions: dict[str, Any], shard: str, where: str) -> dict[str, Any]:
    """The project's assertion; nothing may stand beside it that could be taken for another."""
    others = {label.partition("__")[0] for label in assertions} - {HASH, ACTIONS, INGREDIENT, LABEL}
    said = assertions.get(LABEL)
    if others or not isinstance(said, dict) or any(label.startswith(f"{LABEL}__") for label in assertions):
        raise Flaw("credential_invalid", where, "without this project's assertion, or with others")
    if said.get("shard") != shard or not is_bound_to(assertions, bytes.fromhex(shard)):
        raise Flaw("credential_invalid", where, "of another shard")
    return said


def _check_actions(assertions: dict[str, Any], said: dict[str, Any], where: str) -> None:
    actions = (assertions.get(ACTIONS) or {}).get("actions") or []
    found = [(one.get("action"), one.get("digitalSourceType")) for one in actions]
    if found != [("c2pa.created", source_type(str(said.get("modality"))))]:
        raise Flaw("credential_invalid", where, "does not say that a model made it")


def _check_parents(manifest: Manifest, said: dict[str, Any], where: str) -> None:
    """Every parent that has to be nested is, with a manifest of its own for that very shard.

    C2PA lets an ingredient pass that has lost its manifest.
    """
    nested = {}
    for label, ingredient in manifest.assertions.items():
        if label.partition("__")[0] == INGREDIENT:
            of = (ingredient.get("activeManifest") or {}).get("url", "").rpartition("/")[2]
            nested[ingredient.get("dc:title")] = manifest.store.get(of, {}).get("assertion_store")
    wanted = [str(one["shard"]) for one in _parents(said, where) if one["nested"]]
    for parent in wanted:
        assertions = nested.get(f"shards/{parent}")
        if not assertions or not is_bound_to(assertions, bytes.fromhex(parent)):
            raise Flaw("credential_invalid", where, f"made from synthetic shard {parent}, whose credential is missing")
        _own_assertion(assertions, parent, where)
    if len(nested) != len(wanted):
        raise Flaw("credential_invalid", where, "ingredients that it does not name as parents")


def _parents(said: dict[str, Any], where: str) -> Sequence[dict[str, Any]]:
    parents = said.get("parents")
    if not isinstance(parents, list) or not all(map(_is_parent, parents)):
        raise Flaw("credential_invalid", where, "does not say what it was made from")
    return parents


def _is_parent(said: Any) -> TypeGuard[dict[str, Any]]:
    named = isinstance(said, dict) and set(said) == {"shard", "source", "nested"}
    return named and _SHARD.fullmatch(str(said["shard"])) is not None


def _check_said(said: dict[str, Any], expected: ShardRecord, where: str) -> None:
    if {name: said[name] for name in DECLARED if name in said} != expected.declared:
        raise Flaw("credential_invalid", where, "its source was declared in another way then")
    if said.get("generator") != expected.generator:
        raise Flaw("credential_invalid", where, "names another generator, or another way to run it")
    if not same_dependencies(said.get("raw"), expected):
        raise Flaw("credential_invalid", where, "names other raw files")
