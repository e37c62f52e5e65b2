// Whose keys are in force at which point of a ledger: what genesis and the root's entries say, in their order.

import { Flaw } from "./flaws.js";
import { ROOT, keyOf } from "./keys.js";

export class KeyHistory {
  constructor() {
    this.revoked = new Set();
    this.known = new Map(); // every key that was ever in force, by id
    this.states = []; // {from: size of the ledger, keys: identity -> key, authority}
  }

  // Keys by identity after the first `size` entries; by default now.
  inForce(size = Infinity) {
    return this.states.findLast((state) => state.from <= size)?.keys ?? new Map();
  }

  get authority() {
    return this.states.at(-1)?.authority ?? null;
  }

  get root() {
    return this.inForce().get(ROOT) ?? null;
  }

  // The key of an identity in force now; Flaw key_revoked, key_unknown or role if `keyid` is not its id.
  signer(keyid, identity, where) {
    if (this.revoked.has(keyid)) throw new Flaw("key_revoked", where, keyid);
    const key = this.inForce().get(identity);
    if (key !== undefined && key.id === keyid) return key;
    const found = this.known.get(keyid);
    if (found === undefined) throw new Flaw("key_unknown", where, keyid.slice(0, 80));
    if (found.identity !== identity) {
      throw new Flaw("role", where, `signed by ${found.identity}, says it is by ${identity.slice(0, 80)}`);
    }
    throw new Flaw("key_unknown", where, `a key of ${found.identity} that is no longer in force`);
  }

  // Take in an entry whose signatures are (being) checked; those that change no key change nothing.
  apply(index, name, predicate, where) {
    if (name === "genesis") this.begin(index, predicate, where);
    else if (name === "root") {
      const key = this.fresh(predicate.root, ROOT, where);
      this.set(index, new Map(this.inForce()).set(ROOT, key), this.authority);
    } else if (name === "authority") this.set(index, this.inForce(), predicate.authority);
    else if (name === "key") this.change(index, predicate, where);
  }

  begin(index, genesis, where) {
    const keys = new Map([[ROOT, this.fresh(genesis.root, ROOT, where)]]);
    for (const one of genesis.keys) {
      if (keys.has(one.identity)) throw new Flaw("malformed", where, `two keys of ${one.identity.slice(0, 80)}`);
      keys.set(one.identity, this.fresh(one.key, one.identity, where));
    }
    this.set(index, keys, genesis.authority);
  }

  change(index, { action, identity, key, replaces }, where) {
    const keys = new Map(this.inForce());
    const current = keys.get(identity);
    if (identity === ROOT) throw new Flaw("role", where, "the root's key is changed by a `root` entry");
    if ((action === "add") !== (replaces === null) || (action === "revoke") !== (key === null)) {
      throw new Flaw("malformed", where, `${action} with the wrong fields`);
    }
    if (action === "add" && current !== undefined) throw new Flaw("malformed", where, `${identity} has a key already`);
    if (action === "rotate" && current?.id !== replaces) {
      throw new Flaw("key_unknown", where, `${replaces} is not the key of ${identity.slice(0, 80)} in force`);
    }
    if (action === "revoke") {
      // Also one that was rotated out: from now on nothing it signs counts.
      const found = this.known.get(replaces);
      if (found === undefined || found.identity !== identity) {
        throw new Flaw("key_unknown", where, `${replaces} was never a key of ${identity.slice(0, 80)}`);
      }
      this.revoked.add(replaces);
      if (current?.id === replaces) keys.delete(identity);
    }
    if (key !== null) keys.set(identity, this.fresh(key, identity, where));
    this.set(index, keys, this.authority);
  }

  fresh(record, identity, where) {
    const key = keyOf(record, where);
    if (key.identity !== identity) throw new Flaw("malformed", where, `a key of ${key.identity} given to another`);
    if (this.known.has(key.id)) throw new Flaw("malformed", where, "a key that was in force before; every key is new");
    this.known.set(key.id, key);
    return key;
  }

  set(index, keys, authority) {
    this.states.push({ from: index + 1, keys, authority });
  }
}
