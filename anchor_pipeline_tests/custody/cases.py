"""Ledgers with a verdict: what every verifier has to say of them. The static vectors are made from these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from anchor_pipeline_tests.custody.forge import Forge, key, sound


@dataclass(frozen=True)
class Case:
    """What a verifier is given, and what it has to say."""

    name: str
    why: str
    code: str
    """Of the flaw that has to be named; empty if the ledger is sound."""
    ledger: bytes
    head: bytes
    root: bytes = key("root").public.encoded()
    pin: bytes | None = None


Made = Forge | tuple[Forge, str] | Case
_MAKERS: list[tuple[str, str, str, Callable[[], Made]]] = []


def case(code: str = "") -> Callable[[Callable[[], Made]], Callable[[], Made]]:
    """A function that makes a case, named and explained by itself."""

    def kept(make: Callable[[], Made]) -> Callable[[], Made]:
        _MAKERS.append((make.__name__.strip("_").replace("_", "-"), " ".join((make.__doc__ or "").split()), code, make))
        return make

    return kept


def all_cases() -> Iterator[Case]:
    """Made anew: ML-DSA signatures are other ones every time."""
    # Imported here, as those modules fill the list.
    from anchor_pipeline_tests.custody import cases_bytes, cases_rules, cases_sound

    assert all((cases_bytes, cases_rules, cases_sound))
    for name, why, code, make in _MAKERS:
        made = make()
        if isinstance(made, Case):
            yield replace(made, name=name, why=why, code=code)
        else:
            forge, head = made if isinstance(made, tuple) else (made, made.head())
            yield Case(name, why, code, forge.data(), head.encode())


def given(forge: Forge, head: str | bytes | None = None, **more: bytes | None) -> Case:
    """A case of a ledger, to be named later."""
    head = forge.head() if head is None else head
    return replace(Case("", "", "", forge.data(), head if isinstance(head, bytes) else head.encode()), **more)


def begun() -> Forge:
    """Genesis and an intent."""
    forge = sound()
    del forge.lines[2:]
    forge.runs = 1
    return forge
