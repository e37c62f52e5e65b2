// Who verifies: the browser's own Ed25519 and ML-DSA-65 where it has them, otherwise those of this page.
//
// A job is {algorithm, key, signature, message, tap21, flaw}: what has to verify, and what is wrong if it does not.

import { concat, hex } from "./bytes.js";
import { verifyEd25519 } from "./ed25519.js";
import { TAP_21 } from "./envelope.js";
import { expandKey, verify } from "./mldsa65.js";
import { sha512 } from "./sha512.js";

const NAMES = { ed25519: ["Ed25519", "raw"], mlDsa65: ["ML-DSA-65", "raw-public"] };

export class Signatures {
  // `native`: false keeps the browser's own implementations out, "ed25519" its ML-DSA-65; to measure and to compare.
  constructor({ native = true } = {}) {
    this.subtle = native ? (globalThis.crypto?.subtle ?? null) : null;
    this.own = { ed25519: this.subtle === null, mlDsa65: this.subtle === null || native === "ed25519" };
    this.keys = new Map();
    this.verified = 0;
  }

  // Ask the browser once which algorithms it has. Any 32 or 1,952 bytes can be imported as a key.
  async detect() {
    for (const [algorithm, length] of [["ed25519", 32], ["mlDsa65", 1952]]) {
      if (this.own[algorithm]) continue;
      try {
        const key = await this.importKey(algorithm, new Uint8Array(length).fill(1));
        await this.subtle.verify({ name: NAMES[algorithm][0] }, key, new Uint8Array(64), new Uint8Array(1));
      } catch {
        this.own[algorithm] = true;
      }
    }
    return this;
  }

  importKey(algorithm, bytes) {
    const [name, format] = NAMES[algorithm];
    return this.subtle.importKey(format, bytes, { name }, false, ["verify"]);
  }

  // In words, for people.
  get means() {
    const by = (own) => (own ? "this page's own code" : "the browser");
    return `Ed25519 by ${by(this.own.ed25519)}, ML-DSA-65 by ${by(this.own.mlDsa65)}`;
  }

  // Throws the flaw of the first job, in their order, that does not verify.
  async settle(jobs) {
    const results = await Promise.all(jobs.map((job) => this.holds(job)));
    const failed = results.indexOf(false);
    if (failed >= 0) throw jobs[failed].flaw;
  }

  async holds(job) {
    const message = job.tap21 ? concat(TAP_21, await this.sha512(job.message)) : job.message;
    this.verified += 1;
    if (this.own[job.algorithm]) {
      if (job.algorithm === "ed25519") return verifyEd25519(job.key.ed25519, job.signature, message);
      return verify(this.expanded(job.key), job.signature, message);
    }
    const key = await this.imported(job.algorithm, job.key);
    return key !== null && this.subtle.verify({ name: NAMES[job.algorithm][0] }, key, job.signature, message);
  }

  async sha512(bytes) {
    return this.subtle ? new Uint8Array(await this.subtle.digest("SHA-512", bytes)) : sha512(bytes);
  }

  // Most of a verification's time goes into what depends on the key alone.
  expanded(key) {
    return this.remembered(`expanded ${key.id}`, () => expandKey(key.mlDsa65));
  }

  imported(algorithm, key) {
    const name = `${algorithm} ${key.id ?? hex(key[algorithm])}`;
    return this.remembered(name, () => this.importKey(algorithm, key[algorithm]).catch(() => null));
  }

  remembered(name, make) {
    if (!this.keys.has(name)) this.keys.set(name, make());
    return this.keys.get(name);
  }
}
