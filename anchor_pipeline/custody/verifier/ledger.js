// A ledger, checked from its bytes alone: every entry, their order, who may sign what, and the head over all of them.
//
// The rules and their order are those of docs/spec: the first flaw ends the check. Signatures are verified in batches;
// until a batch has held, nothing of it counts.

import { equal, hex, linesOf, utf8 } from "./bytes.js";
import { MOST_BYTES } from "./canonical.js";
import { openEnvelope, pairJobs } from "./envelope.js";
import { Flaw } from "./flaws.js";
import { KeyHistory } from "./key_history.js";
import { ROOT, keyOf } from "./keys.js";
import { Frontier, leafHash } from "./merkle.js";
import { ed25519Hash, isOrigin, parseNote, signatureJobs } from "./note.js";
import { sha256 } from "./sha256.js";
import { ENDINGS, readStatement } from "./statements.js";

const BY_ROOT = ["genesis", "key", "root", "authority"];
const BATCH = 32; // entries: enough for the browser to verify several at once, and soon done

export class LedgerCheck {
  constructor(pinnedRoot = null) {
    this.pinnedRoot = pinnedRoot;
    this.keys = new KeyHistory();
    this.origin = "";
    this.entries = []; // {index, leaf, name, predicate, key}
    this.unfinished = new Map(); // intents not closed, by leaf hash
    this.tree = new Frontier();
    this.roots = [];
    this.last = { leaf: "", time: "" };
    this.intents = new Map();
    this.heads = new Set(); // digests of notes that were seen in entries
    this.jobs = []; // signatures not yet verified, in the order in which they were met
  }

  get size() {
    return this.tree.size;
  }

  // The next entry; Flaw if it must not follow on those before. Its signatures are left in `jobs`.
  take(data) {
    const where = `entry ${this.size}`;
    const envelope = openEnvelope(data, where);
    const { name, predicate } = readStatement(envelope.payload, where);
    const hash = leafHash(data);
    this.checkPlace(name, predicate, where);
    const key = this.checkSigner(name, predicate, envelope, where);
    const entry = { index: this.size, leaf: hex(hash), name, predicate, key };
    this.checkStep(entry, where);
    this.keys.apply(this.size, name, predicate, where);
    this.tree.append(hash);
    this.roots.push(this.tree.root());
    this.last = { leaf: entry.leaf, time: predicate.time };
    this.entries.push(entry);
  }

  checkPlace(name, predicate, where) {
    if ((this.size === 0) !== (name === "genesis")) throw new Flaw("genesis", where, `a ${name} entry`);
    if (predicate.sequence !== this.size) throw new Flaw("sequence", where, `it states ${predicate.sequence}`);
    const { leaf, time } = this.last;
    if (predicate.previous !== leaf) {
      throw new Flaw("previous", where, `it names ${predicate.previous || "none"}, expected ${leaf || "none"}`);
    }
    if (predicate.time < time) throw new Flaw("time", where, `${predicate.time}, the one before ${time}`);
    if (this.size === 0) {
      if (!isOrigin(predicate.origin)) throw new Flaw("malformed", where, "its origin cannot name a ledger");
      this.origin = predicate.origin;
    } else if (predicate.origin !== this.origin) {
      throw new Flaw("origin", where, `of ${predicate.origin.slice(0, 200)}, this is ${this.origin}`);
    }
  }

  checkSigner(name, predicate, envelope, where) {
    if ((predicate.by === ROOT) !== BY_ROOT.includes(name)) {
      throw new Flaw("role", where, `a ${name} entry by ${predicate.by.slice(0, 80)}`);
    }
    if (envelope.pairs.length !== (name === "root" ? 2 : 1)) {
      throw new Flaw("malformed", where, `${envelope.pairs.length} pairs of signatures`);
    }
    const key =
      name === "genesis"
        ? this.rootOf(predicate, where)
        : this.keys.signer(envelope.pairs[0].keyid, predicate.by, where);
    this.jobs.push(...pairJobs(envelope, 0, key, where));
    if (name === "root") this.jobs.push(...pairJobs(envelope, 1, keyOf(predicate.root, where), where));
    return key;
  }

  rootOf(genesis, where) {
    const key = keyOf(genesis.root, where);
    if (this.pinnedRoot !== null && key.id !== this.pinnedRoot.id) {
      throw new Flaw("root_not_pinned", where, `root ${key.id}, trusted is ${this.pinnedRoot.id}`);
    }
    return key;
  }

  checkStep(entry, where) {
    const { name, predicate, leaf } = entry;
    if (name === "approval" && !isSteward(predicate.by)) {
      throw new Flaw("role", where, `an approval by ${predicate.by.slice(0, 80)}`);
    }
    if (name === "intent") {
      this.intents.set(leaf, entry);
      this.unfinished.set(leaf, entry);
    }
    if (ENDINGS.includes(name)) {
      entry.intent = this.checkEnding(entry, where);
      this.unfinished.delete(predicate.intent);
    }
  }

  checkEnding({ name, predicate }, where) {
    const intent = this.intents.get(predicate.intent);
    if (intent === undefined) throw new Flaw("intent_missing", where, predicate.intent);
    const begun = intent.predicate;
    if (begun.run !== predicate.run || begun.step !== predicate.step) {
      throw new Flaw("intent_missing", where, `the intent is of ${begun.step}, run ${begun.run}`);
    }
    if (!this.unfinished.has(predicate.intent)) throw new Flaw("closed_twice", where, predicate.intent);
    if (name !== "abandoned" && begun.by !== predicate.by) {
      throw new Flaw("role", where, `begun by ${begun.by}, ended by ${predicate.by}`);
    }
    this.checkEntrysHead(predicate.checkpoint, intent.index, where);
    delete predicate.checkpoint; // nobody asks for it again, and it is the largest part of an entry
    return intent;
  }

  // Whatever is wrong with a head that an entry carries has one name.
  checkEntrysHead(text, intent, where) {
    const renamed = (flaw) => new Flaw("checkpoint_in_entry", where, flaw.detail);
    try {
      const head = parseNote(text, where);
      if (!(intent < head.size && head.size <= this.size)) {
        throw new Flaw("head_size", where, `${head.size} entries, the intent is entry ${intent}`);
      }
      const digest = hex(sha256(utf8(text)));
      if (this.heads.has(digest)) return;
      this.heads.add(digest);
      for (const job of this.headJobs(head, where)) this.jobs.push({ ...job, flaw: renamed(job.flaw) });
    } catch (error) {
      throw error instanceof Flaw ? renamed(error) : error;
    }
  }

  // What has to verify for a head to be one of this ledger; Flaw if it is not of these entries.
  headJobs(head, where) {
    if (head.origin !== this.origin) {
      throw new Flaw("head_malformed", where, `of ${head.origin}, this ledger is ${this.origin}`);
    }
    if (head.size === 0 || !equal(head.root, this.roots[head.size - 1])) {
      throw new Flaw("head_root", where, "its root is not that of the entries");
    }
    const mine = head.signatures.filter((one) => one.name === head.origin);
    const hashes = new Set(mine.map((one) => one.hash));
    const inForce = [...this.keys.inForce(head.size).values()];
    const signed = inForce.filter((key) => hashes.has(ed25519Hash(head.origin, key)));
    if (signed.length === 0) throw new Flaw("head_signature", where, "no signature of a key in force at that size");
    return signed.flatMap((key) => signatureJobs(head, key, where));
  }

  // Flaw unless `head` is of exactly the entries taken; its signatures are left in `jobs`.
  checkHead(head, where = "head") {
    if (head.size !== this.size) {
      throw new Flaw("head_size", where, `it is of ${head.size} entries, there are ${this.size}`);
    }
    this.jobs.push(...this.headJobs(head, where));
  }

  // Flaw unless a head seen earlier is a beginning of this ledger; its signatures were checked then.
  checkPin(pin) {
    if (pin.origin !== this.origin) {
      throw new Flaw("origin", "pinned head", `of ${pin.origin}, this ledger is ${this.origin}`);
    }
    if (pin.size > this.size) {
      throw new Flaw("head_rollback", "head", `${this.size} entries, ${pin.size} were seen before`);
    }
    if (pin.size > 0 && !equal(this.roots[pin.size - 1], pin.root)) {
      throw new Flaw("fork", "pinned head", `the first ${pin.size} entries are not those seen before`);
    }
  }

  // Verify what is in `jobs`; Flaw for the first that does not hold.
  async settle(signatures) {
    const jobs = this.jobs.splice(0);
    await signatures.settle(jobs);
  }
}

// An approval is made by `steward`, or one of several, `steward-…`.
export const isSteward = (identity) => identity === "steward" || identity.startsWith("steward-");

// Run `step`; whatever is wrong with a signature that was met before is told first.
async function inOrder(ledger, signatures, step) {
  try {
    await step();
  } catch (error) {
    await ledger.settle(signatures);
    throw error;
  }
}

// Take all entries in chunks of a `ledger.jsonl`. `progress(entries, bytes)` is called after each batch, and awaited.
export async function takeAll(ledger, chunks, signatures, progress = async () => {}) {
  let bytes = 0;
  await inOrder(ledger, signatures, async () => {
    for await (const lines of linesOf(chunks, MOST_BYTES, "entry")) {
      for (const line of lines) {
        ledger.take(line);
        bytes += line.length + 1;
        if (ledger.size % BATCH === 0) {
          await ledger.settle(signatures);
          await progress(ledger.size, bytes);
        }
      }
    }
    if (ledger.size === 0) throw new Flaw("genesis", "ledger", "no entry at all");
  });
  await ledger.settle(signatures);
  await progress(ledger.size, bytes);
}
