// What an OpenTimestamps proof says: a tree of operations that begins with a digest; at its ends stand attestations
// about the bytes that were computed on the way there.

import { concat, equal, hex, unhex, utf8 } from "./bytes.js";
import { sha256 } from "./sha256.js";
import { WrongStamp } from "./stamps_der.js";

// Its name, version 1, and that what is stamped is a SHA-256.
const BEGINNING = concat(utf8("\0OpenTimestamps\0\0Proof\0"), unhex("bf89e2e884e892940108"));
const MOST_BYTES = 4096; // of a message, and of what is put before or after one
const MOST_DEEP = 255; // operations one after the other; the limit of the reference implementation
const MOST_ITEMS = 4096;
const MOST_PAYLOAD = 8192;
const MOST_URI = 1000;
const NUMBER_BYTES = 5;

const [ATTESTATION, AND, SHA256, APPEND, PREPEND] = [0x00, 0xff, 0x08, 0xf0, 0xf1];
const PENDING = "83dfe30d2ef90c8e";
const BITCOIN = "0588960d73d71901";
const URI = /^[A-Za-z0-9._/:-]*$/;

const wrong = (what) => new WrongStamp(`no OpenTimestamps proof: ${what}`);

class Reader {
  constructor(data) {
    this.data = data;
    this.at = 0;
  }

  take(count) {
    const found = this.data.subarray(this.at, this.at + count);
    if (found.length < count) throw wrong("it is cut off");
    this.at += count;
    return found;
  }

  byte() {
    return this.take(1)[0];
  }

  // LEB128, in its shortest spelling.
  number() {
    let value = 0;
    for (let place = 0; place < NUMBER_BYTES; place += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * place);
      if (byte >= 0x80) continue;
      if ((byte === 0 && place > 0) || value >= 2 ** 32) break;
      return value;
    }
    throw wrong("a number that is not spelled as it has to be");
  }

  // Bytes after their number.
  counted(least, most) {
    const count = this.number();
    if (count < least || count > most) throw wrong(`${count} bytes where ${least} to ${most} may stand`);
    return this.take(count);
  }

  get ended() {
    return this.at === this.data.length;
  }
}

// {blocks: [{height, root}], calendars: [uri], others}: the ends of a proof about `digest`, each once and sorted.
// WrongStamp if it is none, or one about something else.
export function readCalendarProof(data, digest) {
  const source = new Reader(data);
  const found = { blocks: new Map(), calendars: new Set(), others: 0 };
  if (!equal(data.subarray(0, BEGINNING.length), BEGINNING)) throw wrong("not one of a SHA-256, version 1");
  source.take(BEGINNING.length);
  if (!equal(source.take(digest.length), digest)) throw new WrongStamp("a proof about something else than this head");
  const waiting = [{ message: digest, depth: 0 }];
  let items = 0;
  while (waiting.length > 0) {
    const node = waiting.pop();
    let tag = source.byte();
    if (tag === AND) {
      waiting.push(node);
      tag = source.byte();
    }
    items += 1;
    if (items > MOST_ITEMS) throw wrong(`more than ${MOST_ITEMS} operations`);
    if (tag === ATTESTATION) attest(source, node.message, found);
    else if (node.depth === MOST_DEEP) throw wrong(`more than ${MOST_DEEP} operations one after the other`);
    else waiting.push({ message: computed(tag, node.message, source), depth: node.depth + 1 });
  }
  if (!source.ended) throw wrong("more than belongs there");
  const blocks = [...found.blocks.values()].sort((one, other) => one.height - other.height || (one.root < other.root ? -1 : 1));
  return { blocks, calendars: [...found.calendars].sort(), others: found.others };
}

function computed(tag, message, source) {
  if (tag === SHA256) return sha256(message);
  if (tag !== APPEND && tag !== PREPEND) throw wrong(`operation 0x${hex([tag])}, which is not one for heads`);
  const more = source.counted(1, MOST_BYTES);
  if (message.length + more.length > MOST_BYTES) throw wrong(`a message of more than ${MOST_BYTES} bytes`);
  return tag === APPEND ? concat(message, more) : concat(more, message);
}

function attest(source, message, found) {
  const kind = hex(source.take(8));
  const payload = new Reader(source.counted(0, MOST_PAYLOAD));
  if (kind === PENDING) {
    const uri = Array.from(payload.counted(0, MOST_URI), (byte) => String.fromCharCode(byte)).join("");
    if (!URI.test(uri)) throw wrong("the address of a calendar that is none");
    found.calendars.add(uri);
  } else if (kind === BITCOIN) {
    const height = payload.number();
    if (message.length !== 32) throw wrong(`${message.length} bytes cannot be the Merkle root of a block`);
    // As explorers and nodes print it: the bytes of the header from the last to the first.
    const root = hex(message.slice().reverse());
    found.blocks.set(`${height} ${root}`, { height, root });
  } else {
    found.others += 1;
    return;
  }
  if (!payload.ended) throw wrong("an attestation that says more than it may");
}
