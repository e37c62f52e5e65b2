"""The C2PA library (c2pa-python, which is c2pa-rs), as far as this project uses it: sign, and read.

https://spec.c2pa.org/specifications/specifications/2.2/specs/C2PA_Specification.html. Nothing is fetched, and trust is
given per call: the certificate of one authority, and no other list.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from anchor_pipeline import __version__
from anchor_pipeline.custody.canonical import b64
from anchor_pipeline.custody.credentials.authority import CLAIM_SIGNING, Leaf
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.errors import UsageError

LABEL = "dev.anchor-pipeline.generation"
"""Of this project's own assertion."""

HASH = "c2pa.hash.data"
ACTIONS = "c2pa.actions.v2"
INGREDIENT = "c2pa.ingredient.v3"

MOST_BYTES = 4 * 1024 * 1024
"""Of a manifest store, those of ingredients included."""

_MISMATCH = "assertion.dataHash.mismatch"
_SPEAKS_FOR = ("signingCredential.trusted", "claimSignature.validated")


class NoLibrary(UsageError):
    """c2pa-python is not installed, so C2PA credentials can neither be made nor checked."""


@dataclass(frozen=True)
class Ingredient:
    """Something that went into an asset."""

    title: str
    format: str
    sha256: str
    """Hexadecimal, of its bytes."""
    relationship: Literal["inputTo", "parentOf"]
    manifest: bytes | None = None
    """Its own manifest store, which is checked and nested."""
    content: Callable[[], bytes] | None = None
    """Gives its bytes; where they are not at hand the manifest is checked for their digest."""


@dataclass(frozen=True)
class Asset:
    """What is signed: an asset's manifest before it has one."""

    title: str
    format: str
    said: dict[str, Any]
    """This project's own assertion."""
    actions: tuple[dict[str, Any], ...]
    ingredients: tuple[Ingredient, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """A manifest of a store whose signature, assertions and trust have been checked."""

    label: str
    assertions: dict[str, Any]
    """By label, as the library reads them."""
    store: dict[str, Any]
    """All manifests of the store, by label."""


def sign(asset: Asset, content: bytes, leaf: Leaf, authority: bytes, *, embed: bool = False) -> tuple[bytes, bytes]:
    """(manifest store, content): the content has the manifest in it if `embed`, and is as it was if not.

    Raises NoLibrary; Flaw credential_invalid if an ingredient's own manifest does not hold, or nothing can be signed.
    """
    library, context = _library(), _context(authority)
    ingredients: list[dict[str, Any]] = []
    resources: dict[str, bytes] = {}
    for number, ingredient in enumerate(asset.ingredients):
        record, nested = _ingredient(ingredient, authority, f"ingredient{number}")
        ingredients.append(record)
        resources |= nested
    definition = {
        "claim_generator_info": [{"name": "anchor-pipeline", "version": __version__}],
        "title": asset.title,
        "format": asset.format,
        "ingredients": ingredients,
        "assertions": [
            {"label": ACTIONS, "data": {"actions": list(asset.actions)}},
            {"label": LABEL, "data": asset.said, "kind": "Json"},
        ],
    }
    written = io.BytesIO()
    try:
        with _signer(library, leaf) as signer, library.Builder(definition, context) as builder:
            if not embed:
                builder.set_no_embed()
            for name, data in resources.items():
                builder.add_resource(name, io.BytesIO(data))
            store: bytes = builder.sign(signer, asset.format, io.BytesIO(content), written)
    except library.C2paError as error:
        raise Flaw("credential_invalid", asset.title, f"cannot be signed ({error})") from None
    return store, written.getvalue()


def read(store: bytes | None, content: bytes, format: str, authority: bytes, where: str) -> Manifest:
    """The active manifest of a store, for exactly this content; of one embedded in the content if `store` is None.

    Flaw credential_invalid unless the library calls it Trusted: every signature verifies, every hash matches, every
    nested manifest is sound, and all certificates lead up to the authority.
    """
    found = _read(store, content, format, authority, where)
    _must_be_trusted(found, where)
    return _active(found)


def read_detached(store: bytes, format: str, sha256: bytes, authority: bytes, where: str) -> Manifest:
    """The same, of content that is not at hand but has the digest `sha256`.

    Read against no content at all: the only thing that may fail is that this is not the content, and the hash that the
    manifest is bound to has to be the digest.
    """
    found = _read(store, b"", format, authority, where)
    _must_be_detached(found, sha256, where)
    return _active(found)


def carries_manifest(content: bytes, format: str, authority: bytes) -> bool:
    """Whether a manifest store is embedded in the content, sound or not."""
    library = _library()
    try:
        with library.Reader(format, io.BytesIO(content), context=_context(authority)):
            return True
    except library.C2paError.ManifestNotFound:
        return False
    except library.C2paError:
        return True


def is_bound_to(assertions: dict[str, Any], sha256: bytes) -> bool:
    """Whether assertions hold for the whole content of that digest, and for nothing else."""
    bound = assertions.get(HASH)
    if not isinstance(bound, dict) or bound.get("alg") != "sha256" or bound.get("exclusions"):
        return False
    return bool(bound.get("hash") == b64(sha256))


def _read(store: bytes | None, content: bytes, format: str, authority: bytes, where: str) -> dict[str, Any]:
    library = _library()
    if store is not None and len(store) > MOST_BYTES:
        raise Flaw("credential_invalid", where, f"{len(store):,} bytes, at most {MOST_BYTES:,} are allowed")
    try:
        with library.Reader(format, io.BytesIO(content), store, context=_context(authority)) as reader:
            detailed = json.loads(reader.detailed_json())
            return {**detailed, "validation_state": reader.get_validation_state()}
    except (library.C2paError, ValueError) as error:
        raise Flaw("credential_invalid", where, f"no C2PA manifest store ({str(error)[:200]})") from None


def _must_be_trusted(found: dict[str, Any], where: str) -> None:
    state = found.get("validation_state")
    if state != "Trusted":
        failures = ", ".join(_failures(found))
        raise Flaw("credential_invalid", where, f"C2PA says {state}: {failures or 'not trusted'}")


def _must_be_detached(found: dict[str, Any], sha256: bytes, where: str) -> None:
    failures = _failures(found)
    if failures != [_MISMATCH]:
        raise Flaw("credential_invalid", where, f"C2PA says {', '.join(failures) or 'nothing of the content'}")
    succeeded = {one["code"] for one in found["validation_results"]["activeManifest"]["success"]}
    if not succeeded.issuperset(_SPEAKS_FOR):
        raise Flaw("credential_invalid", where, "C2PA does not say that its signature is trusted")
    if not is_bound_to(_active(found).assertions, sha256):
        raise Flaw("credential_invalid", where, "of another content")


def _active(found: dict[str, Any]) -> Manifest:
    label = found["active_manifest"]
    return Manifest(label, found["manifests"][label]["assertion_store"], found["manifests"])


def _failures(found: dict[str, Any]) -> list[str]:
    """Codes of all that failed, of nested manifests too."""
    results = found.get("validation_results") or {}
    parts = [results.get("activeManifest") or {}]
    parts += [one.get("validationDeltas") or {} for one in results.get("ingredientDeltas") or ()]
    return [one["code"] for part in parts for one in part.get("failure") or ()]


def _ingredient(ingredient: Ingredient, authority: bytes, name: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """An ingredient's record and what it refers to.

    Named without its manifest, an ingredient that has one passes for one that has none, and nobody notices: so a
    manifest is nested with what its check has shown.
    """
    record: dict[str, Any] = {
        "title": ingredient.title,
        "format": ingredient.format,
        "instance_id": f"sha256:{ingredient.sha256}",
        "relationship": ingredient.relationship,
        "label": name,
    }
    if ingredient.manifest is None:
        return record, {}
    content = ingredient.content() if ingredient.content is not None else b""
    found = _read(ingredient.manifest, content, ingredient.format, authority, ingredient.title)
    if ingredient.content is None:
        _must_be_detached(found, bytes.fromhex(ingredient.sha256), ingredient.title)
        # Nothing failed but that its content is not here.
        found["validation_results"]["activeManifest"]["failure"] = []
    else:
        _must_be_trusted(found, ingredient.title)
    record["active_manifest"] = found["active_manifest"]
    record["validation_results"] = found["validation_results"]
    record["manifest_data"] = {"format": "application/c2pa", "identifier": f"{name}.c2pa"}
    return record, {f"{name}.c2pa": ingredient.manifest}


def _library() -> Any:
    try:
        import c2pa
    except ImportError:
        raise NoLibrary(
            "C2PA credentials, which synthetic sources get where custody is declared, need c2pa-python: "
            "pip install 'anchor-pipeline[c2pa]'"
        ) from None
    return c2pa


def _context(authority: bytes) -> Any:
    # A child process must not use what its parent opened.
    return _context_of(authority, os.getpid())


@lru_cache(maxsize=4)
def _context_of(authority: bytes, process: int) -> Any:
    settings = {
        "version": 1,
        "trust": {"trust_anchors": authority.decode(), "trust_config": CLAIM_SIGNING},
        "verify": {
            "verify_trust": True,
            "verify_after_sign": False,  # whoever signs reads it again, with `read`
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        "builder": {
            "thumbnail": {"enabled": False},
            # What the signer answers for, and has not merely gathered.
            "created_assertion_labels": ["c2pa.actions", "c2pa.ingredient", LABEL],
        },
    }
    return _library().Context.from_dict(settings)


def _signer(library: Any, leaf: Leaf) -> Any:
    info = library.C2paSignerInfo(b"es256", leaf.certificate_pem.encode(), leaf.key_pem.encode(), None)
    return library.Signer.from_info(info)
