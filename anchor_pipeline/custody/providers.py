"""Where signers come from. A KMS or an HSM is one more function here that gives a `Signer` (keys.py)."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable
from pathlib import Path

from anchor_pipeline.custody.key_files import KeyFolder
from anchor_pipeline.custody.keys import PrivateKey, Signer
from anchor_pipeline.errors import UsageError

PASSPHRASE = "ANCHOR_KEY_PASSPHRASE"

Provider = Callable[[str, Path], Signer | None]
"""(identity, key folder) -> its signer; None if this is not where the identity's keys are."""


def from_environment(identity: str, folder: Path) -> Signer | None:
    """ANCHOR_KEY_<IDENTITY>: the base64 of a key file, as secrets are handed to containers."""
    name = f"ANCHOR_KEY_{identity.upper().replace('-', '_')}"
    text = os.environ.get(name)
    if text is None:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"{name}: no base64; expected that of a file {identity}.key.json") from None
    key = PrivateKey.parsed(data, name, os.environ.get(PASSPHRASE))
    if key.public.identity != identity:
        raise UsageError(f"{name}: holds keys of {key.public.identity}, not of {identity}")
    return key


def from_folder(identity: str, folder: Path) -> Signer | None:
    """`<identity>.key.json` in the key folder."""
    return KeyFolder(folder).private(identity, os.environ.get(PASSPHRASE))


PROVIDERS: tuple[Provider, ...] = (from_environment, from_folder)
"""Asked in this order."""


def signer_of(identity: str, folder: Path) -> Signer:
    """The signer of an identity; UsageError if nobody has its keys."""
    for provider in PROVIDERS:
        signer = provider(identity, folder)
        if signer is not None:
            return signer
    raise UsageError(f"no keys of {identity}; make them with `anchor keys init`")
