// What was looked at, in plain words: {code, ok, what, detail}. ok: true holds, false is wrong, null was not (or could
// not be) proved here; with `note` it is only worth knowing and takes nothing away.

import { CODES, Flaw } from "./flaws.js";

export class Claims {
  constructor() {
    this.list = [];
  }

  holds(code, what, detail = "") {
    this.list.push({ code, ok: true, what, detail });
  }

  open(code, what, detail = "") {
    this.list.push({ code, ok: null, what, detail });
  }

  note(code, what, detail = "") {
    this.list.push({ code, ok: null, what, detail, note: true });
  }

  wrong(code, what, detail = "") {
    this.list.push({ code, ok: false, what, detail });
  }

  // Does `step`; a Flaw becomes a claim that is wrong, and gives undefined.
  async attempt(step) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof Flaw)) throw error;
      this.flaw(error);
      return undefined;
    }
  }

  flaw(flaw) {
    const what = CODES[flaw.code];
    this.wrong(flaw.code, `${what[0].toUpperCase()}${what.slice(1)}`, `${flaw.where}: ${flaw.detail}`);
  }

  get verdict() {
    return this.list.some((claim) => claim.ok === false) ? "invalid" : "valid";
  }
}
