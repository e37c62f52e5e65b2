"""Whose keys are in force at which point of a ledger: what genesis and the root's entries say, in their order."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import ROOT, PublicKey
from anchor_pipeline.custody.statements import AuthorityChange, Genesis, Key, KeyChange, Predicate, RootChange


@dataclass(frozen=True)
class _InForce:
    keys: dict[str, PublicKey]
    authority: str | None


@dataclass
class KeyHistory:
    """Grows with the entries of a ledger. Empty before its genesis."""

    revoked: set[str] = field(default_factory=set)
    _known: dict[str, PublicKey] = field(default_factory=dict)
    _from: list[int] = field(default_factory=list)
    _states: list[_InForce] = field(default_factory=list)

    @property
    def root(self) -> PublicKey | None:
        """The root's key now."""
        return self._states[-1].keys[ROOT] if self._states else None

    def in_force(self, size: int | None = None) -> dict[str, PublicKey]:
        """Key by identity after the first `size` entries; by default now."""
        return self._at(size).keys if self._states else {}

    def authority(self) -> str | None:
        """SHA-256 of the certificate that C2PA credentials have to lead up to, now."""
        return self._states[-1].authority if self._states else None

    def known(self, keyid: str) -> PublicKey | None:
        """A key that was in force at some time, revoked or not."""
        return self._known.get(keyid)

    def signer(self, keyid: str, identity: str, where: str) -> PublicKey:
        """The key of an identity in force now; Flaw key_revoked, key_unknown or role if `keyid` is not it."""
        if keyid in self.revoked:
            raise Flaw("key_revoked", where, keyid)
        key = self.in_force().get(identity)
        if key is not None and key.id == keyid:
            return key
        found = self.known(keyid)
        if found is None:
            raise Flaw("key_unknown", where, keyid)
        if found.identity != identity:
            raise Flaw("role", where, f"signed by {found.identity}, says it is by {identity}")
        raise Flaw("key_unknown", where, f"a key of {identity} that is no longer in force")

    def apply(self, index: int, predicate: Predicate, where: str) -> None:
        """Take in entry `index`, whose signatures were checked; of those that change no key nothing comes."""
        if isinstance(predicate, Genesis):
            keys = {ROOT: self._key(predicate.root, ROOT, where)}
            for one in predicate.keys:
                if one.identity in keys:
                    raise Flaw("malformed", where, f"two keys of {one.identity}")
                keys[one.identity] = self._key(one.key, one.identity, where)
            self._set(index, keys, predicate.authority)
        elif isinstance(predicate, RootChange):
            keys = {**self.in_force(), ROOT: self._key(predicate.root, ROOT, where)}
            self._set(index, keys, self.authority())
        elif isinstance(predicate, AuthorityChange):
            self._set(index, self.in_force(), predicate.authority)
        elif isinstance(predicate, KeyChange):
            self._change(index, predicate, where)

    def _change(self, index: int, change: KeyChange, where: str) -> None:
        keys = dict(self.in_force())
        current = keys.get(change.identity)
        if change.identity == ROOT:
            raise Flaw("role", where, "the root's key is changed by a `root` entry")
        if (change.action == "add") != (change.replaces is None) or (change.action == "revoke") != (change.key is None):
            raise Flaw("malformed", where, f"{change.action} with the wrong fields")
        if change.action == "add" and current is not None:
            raise Flaw("malformed", where, f"{change.identity} has a key already")
        if change.action == "rotate" and (current is None or current.id != change.replaces):
            raise Flaw("key_unknown", where, f"{change.replaces} is not the key of {change.identity} in force")
        if change.action == "revoke":
            # Also one that was rotated out: from now on nothing it signs counts.
            found = self.known(change.replaces or "")
            if found is None or found.identity != change.identity:
                raise Flaw("key_unknown", where, f"{change.replaces} was never a key of {change.identity}")
            self.revoked.add(found.id)
            if current == found:
                del keys[change.identity]
        if change.key is not None:
            keys[change.identity] = self._key(change.key, change.identity, where)
        self._set(index, keys, self.authority())

    def _key(self, record: Key, identity: str, where: str) -> PublicKey:
        key = PublicKey.of(record.model_dump(), where)
        if key.identity != identity:
            raise Flaw("malformed", where, f"a key of {key.identity} given to {identity}")
        if key.id in self._known:
            raise Flaw("malformed", where, f"key {key.id} was in force before; every key is new")
        self._known[key.id] = key
        return key

    def _set(self, index: int, keys: dict[str, PublicKey], authority: str | None) -> None:
        self._from.append(index + 1)
        self._states.append(_InForce(keys, authority))

    def _at(self, size: int | None) -> _InForce:
        if size is None:
            return self._states[-1]
        place = bisect_right(self._from, size)
        return self._states[place - 1] if place else _InForce({}, None)
