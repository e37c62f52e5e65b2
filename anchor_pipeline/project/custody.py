"""The `custody` part of a declaration: where the keys and the ledger of a project are."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from anchor_pipeline.project.base import Model

_ORIGIN = re.compile(r"[A-Za-z0-9._/-]{1,200}")
_IDENTITY = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _origin(value: str) -> str:
    if _ORIGIN.fullmatch(value) is None:
        raise ValueError("expected letters, digits, '.', '_', '-' and '/', such as example.org/assistant")
    return value


def _identity(value: str) -> str:
    if _IDENTITY.fullmatch(value) is None or value == "root":
        raise ValueError(
            "expected a lower-case letter, then letters, digits, '-' or '_'; not `root`, which signs keys only"
        )
    return value


def _variable(value: str) -> str:
    if _VARIABLE.fullmatch(value) is None:
        raise ValueError("expected the name of an environment variable, such as ANCHOR_LEDGER_URL; no address here")
    return value


class Stamps(Model):
    """Have heads of the ledger stamped outside once a day in Dagster; see `anchor ledger stamp`."""

    calendars: tuple[str, ...] = ()
    """Of OpenTimestamps; by default public ones."""
    authority: str | None = None
    """URL of a time-stamping authority (RFC 3161); by default none is asked."""
    authority_root: str | None = None
    """Certificate (PEM), from here, that the authority's own has to lead up to."""
    headers: str | None = None
    """Bitcoin block headers, from here, to compare with: lines of height and hexadecimal digits."""


class Custody(Model):
    """Sign every step into a ledger that only grows, and give every release what a stranger needs to check it."""

    origin: Annotated[str, AfterValidator(_origin)]
    """Name of the ledger, unique in the world, as in C2SP checkpoints: example.org/assistant."""
    keys: str = "keys"
    """Folder of the keys, from here; the variable ANCHOR_KEYS names another one. Keep it out of version control."""
    identity: Annotated[str, AfterValidator(_identity)] = "pipeline"
    """Whose keys sign the steps."""
    ledger: str = "ledger.sqlite"
    """The ledger's file, from here; next to the store and backed up like it."""
    postgres: Annotated[str, AfterValidator(_variable)] | None = None
    """Name of an environment variable with the address of a PostgreSQL database: the ledger is there instead."""
    stamps: Stamps | None = None
    """Outside anchors of the ledger; without this nobody is asked but by `anchor ledger stamp`."""
