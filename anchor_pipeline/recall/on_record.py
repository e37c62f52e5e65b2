"""Where the ledger has a recall: the completion of its step, which names the digest of its record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anchor_pipeline.custody.custodian import Custodian
from anchor_pipeline.custody.envelope import opened
from anchor_pipeline.custody.statements import Completion, read_statement


def on_record(custodian: Custodian | None) -> Callable[[str], dict[str, Any] | None]:
    """Says of a recall, by its id, which entry completes it; None for one that no ledger knows.

    An erasure is asked for as `<id>/erasure`.

    The ledger is read once, when it is first asked. Signatures are for `anchor ledger verify` to check.
    """
    known: dict[str, dict[str, Any]] | None = None

    def find(id: str) -> dict[str, Any] | None:
        nonlocal known
        if custodian is None:
            return None
        if known is None:
            known = _completions(custodian)
        return known.get(id)

    return find


def _completions(custodian: Custodian) -> dict[str, dict[str, Any]]:
    """By recall: ledger, entry, leaf hash, and the digest of the record that was signed."""
    found = {}
    for stored in custodian.ledger.entries():
        where = f"entry {stored.index}"
        name, said = read_statement(opened(stored.envelope, where).payload, where)
        if name != "completion" or not isinstance(said, Completion) or not said.step.startswith("recall/"):
            continue
        made = {one.name.removeprefix("recalls/"): one.digest for one in said.outputs}
        for id in {said.step.split("/")[1], f"{said.step.split('/')[1]}/erasure"} & made.keys():
            told = {"origin": custodian.ledger.origin, "entry": stored.index, "leaf": stored.leaf}
            found[id] = {**told, "record": made[id]}
    return found
