// The whole check of whatever a reader has: a release, a ledger with its head, or a proof. What was not proved is said.

import { b64, pieces, readAll, sizeOf, text, utf8 } from "./bytes.js";
import { MOST_BYTES } from "./canonical.js";
import { Claims } from "./claims.js";
import { Flaw } from "./flaws.js";
import { keyOfFile, witnessOf } from "./keys.js";
import { LedgerCheck, takeAll } from "./ledger.js";
import { cosignature, parseNoteFile } from "./note.js";
import { checkContinues, checkEarlier, tellEarlier } from "./previous.js";
import { checkProof } from "./proof.js";
import { checkRecalled } from "./recalled.js";
import { checkCompletion, checkFiles, checkOrigins, checkReleaseVerdict, day, readManifest } from "./release.js";
import { Signatures } from "./signatures.js";
import { checkStamps } from "./stamps.js";
import { traceDocument } from "./trace.js";

const SMALL = 200000; // bytes of a key or a head
const PROOF_LIMIT = 4 * 2 ** 20;

// files: names (relative to the release's folder, or of a ledger and its head) -> File or Uint8Array.
// options: root, pin, proof (File or Uint8Array), witnesses (lines), native (false: only this page's own code; "ed25519"),
// remembered ({"<root key id> <origin>": head}, which this browser saw before),
// progress({stage, done, total}), awaited.
// Returns {claims, verdict: "valid" | "invalid", summary}; and `release`, with which documents can be traced.
export async function verify(files, options = {}) {
  const progress = options.progress ?? (async () => {});
  const claims = new Claims();
  const signatures = await new Signatures({ native: options.native ?? true }).detect();
  const summary = { kind: kindOf(files, options), means: signatures.means };
  const context = { files, claims, signatures, progress, summary, ledger: null, remembered: options.remembered ?? {} };
  let release = null;
  await claims.attempt(async () => {
    const trusted = await read(options.root, (bytes) => keyOfFile(bytes, "root key"));
    const pin = await read(options.pin, (bytes) => parseNoteFile(bytes, "pinned head"));
    const witnesses = (options.witnesses ?? []).map(witnessOf);
    Object.assign(context, { trusted, pin, witnesses });
    if (summary.kind === "ledger") await verifyLedger(context, ledgerFiles(files));
    if (summary.kind === "release") release = await verifyRelease(context);
    await checkStamps(context, context.ledger);
    if (options.proof) await verifyProof(context, options.proof, release);
    if (summary.kind === "nothing") throw new Flaw("manifest", "files", "neither a release nor a ledger nor a proof");
  });
  tellLimits(claims);
  summary.verified = signatures.verified;
  return { claims: claims.list, verdict: claims.verdict, summary, release };
}

export const trace = traceDocument;

async function read(source, parse, limit = SMALL) {
  return source ? parse(await readAll(source, "file", limit)) : null;
}

function kindOf(files, options) {
  if (files.has("MANIFEST.json")) return "release";
  if (ledgerFiles(files).entries) return files.has("VERDICT.json") ? "release" : "ledger";
  if (files.size > 0 && !options.proof) return [...files.keys()].some((name) => name.startsWith("data/")) ? "release" : "nothing";
  return options.proof ? "proof" : "nothing";
}

// A ledger may lie in the release's folder or by itself.
function ledgerFiles(files) {
  const find = (name) => files.get(`custody/${name}`) ?? files.get(name);
  return { entries: find("ledger.jsonl"), head: find("checkpoint"), root: find("root.pub.json") };
}

// The ledger with its head; null if anything is wrong with it.
async function verifyLedger(context, { entries, head, root }) {
  const { claims, signatures, progress, pin, summary } = context;
  const earlier = await claims.attempt(() => checkEarlier(context));
  if (earlier === undefined) return null;
  const ledger = new LedgerCheck(earlier.root);
  const checked = await claims.attempt(async () => {
    for (const [name, source] of [["ledger.jsonl", entries], ["checkpoint", head]]) {
      if (source === undefined) throw new Flaw("file_missing", `custody/${name}`, "it is not among the files");
    }
    const total = sizeOf(entries);
    await takeAll(ledger, pieces(entries), signatures, (count, done) =>
      progress({ stage: "ledger", count, done, total }),
    );
    const note = parseNoteFile(await readAll(head, "checkpoint", SMALL).catch(tooLarge), "head");
    ledger.checkHead(note);
    await ledger.settle(signatures);
    if (earlier.ledgers > 0) checkContinues(ledger, earlier.last);
    if (pin !== null) ledger.checkPin(pin);
    const seen = seenBefore(context, ledger);
    if (seen !== null) ledger.checkPin(seen);
    if (summary.kind === "release") await checkToldRoot(ledger, root);
    return note;
  });
  if (checked === undefined) return null;
  Object.assign(summary, { origin: ledger.origin, size: ledger.size, head: b64(checked.root) });
  summary.root = ledger.entries[0].key.id;
  summary.note = text(await readAll(head, "checkpoint", SMALL));
  tellLedger(context, ledger);
  tellRoot(context, ledger);
  await claims.attempt(() => tellWitnesses(context, checked));
  tellEarlier(claims, ledger, earlier);
  context.ledger = ledger;
  return ledger;
}

// The root key that a release tells for information is the one in force at its head: nobody is to be told another one.
async function checkToldRoot(ledger, file) {
  const where = "custody/root.pub.json";
  if (file === undefined) throw new Flaw("file_missing", where, "it is not among the files");
  const told = keyOfFile(await readAll(file, where, MOST_BYTES + 1), where);
  if (told.id === ledger.keys.root.id) return;
  throw new Flaw("root_not_pinned", where, `key ${told.id}, the record's root key is ${ledger.keys.root.id}`);
}

// The head of this very ledger that the browser remembers; null if none.
function seenBefore({ remembered, summary }, ledger) {
  const note = remembered[`${ledger.entries[0].key.id} ${ledger.origin}`];
  if (typeof note !== "string") return null;
  const head = parseNoteFile(utf8(note), "remembered head");
  summary.remembered = head.size;
  return head;
}

function tooLarge(error) {
  throw error instanceof Flaw ? new Flaw("head_malformed", "checkpoint", error.detail) : error;
}

function tellLedger({ claims, summary, pin, trusted }, ledger) {
  const { time: first } = ledger.entries[0].predicate;
  const { time: last } = ledger.entries.at(-1).predicate;
  const detail =
    `${ledger.size} entries of ${ledger.origin}, ${day(first)} to ${day(last)}. For each: one spelling, its place, the ` +
    "entry before it, who may sign it, an Ed25519 and an ML-DSA-65 signature, and that each end names a beginning. " +
    `Signatures: ${summary.means}.`;
  const what = `nothing was changed, dropped, added or moved in its ${ledger.size} entries`;
  // Without a root of the reader's own choice all of it may have been made anew, by whomever.
  const frame = trusted === null ? "The record fits together: by its own keys, " : "The record is unbroken: ";
  claims.holds("ledger", frame + what, detail);
  const open = [...ledger.unfinished.values()];
  if (open.length === 0) claims.holds("unfinished", "Every step that was begun has an end in the record");
  else {
    const steps = open.map(({ index, predicate }) => `entry ${index}: ${predicate.step}, begun ${day(predicate.time)}`);
    claims.note("unfinished", `${open.length} steps were begun and have no end in this record`, steps.join("\n"));
  }
  if (pin !== null) {
    claims.holds("pin", `The record continues the one you saw before (${pin.size} entries then, ${ledger.size} now)`);
  }
  if (summary.remembered !== undefined) {
    const then = `${summary.remembered} entries then, ${ledger.size} now`;
    claims.holds("remembered", `The record continues the one that this browser saw last (${then})`);
  }
  const advice = "An older copy of a genuine record looks the same. Keep custody/checkpoint and add it next time, or ask others for theirs.";
  claims.open("newest", "That there is no newer record than this one cannot be seen from a folder", advice);
}

function tellRoot({ claims, trusted }, ledger) {
  const genesis = ledger.entries[0].key.id;
  if (trusted !== null) {
    claims.holds("root", "The record begins with the root key that you chose to trust", `key id ${genesis}`);
  } else {
    const what = `Signed by a key that calls itself root, id ${genesis.slice(0, 16)}…; nobody you named vouches for it`;
    const detail = `Whole id: ${genesis}\nGet root.pub.json from whoever made this release, by another way than this folder, and add it.`;
    claims.open("root", what, detail);
  }
}

async function tellWitnesses({ claims, signatures, witnesses }, head) {
  let count = 0;
  for (const witness of witnesses) {
    const job = cosignature(head, witness);
    if (job === null) continue;
    await signatures.settle([job]);
    count += 1;
  }
  if (count > 0) claims.holds("witnesses", `${count} of the witnesses you named saw this very record`);
  else if (witnesses.length > 0) claims.open("witnesses", "None of the witnesses you named has cosigned this record");
}

async function verifyRelease(context) {
  const { files, claims, signatures, progress, summary } = context;
  const manifest = await claims.attempt(() => readManifest(files));
  if (manifest === undefined) {
    const found = ledgerFiles(files);
    if (found.entries) await verifyLedger(context, found);
    return null;
  }
  const { project, stage, cycle, revision, rows, digest } = manifest;
  Object.assign(summary, { project, stage, cycle, revision, rows, digest, documents: manifest.documents?.count });
  const what = `This is the release of ${stage}, cycle ${cycle}, revision ${revision}, of ${project}`;
  claims.holds("manifest", what, `mix digest ${digest}\n${rows} rows`);
  await checkRecalled(files, claims);
  await checkFiles(files, manifest, claims, signatures.subtle, (done, total) => progress({ stage: "files", done, total }));
  await checkReleaseVerdict(files, manifest, claims);
  if (manifest.documents === null && !context.trusted && !context.pin && !ledgerFiles(files).entries) {
    claims.open("ledger", "The release was made without a signed record: who made it, and how, cannot be shown");
    return null;
  }
  const ledger = await verifyLedger(context, ledgerFiles(files));
  const entry = ledger && checkCompletion(ledger, manifest, claims);
  if (!entry) {
    claims.open("documents", "Where the documents came from was not looked at, as the record does not vouch for them");
    return null;
  }
  const total = manifest.documents?.count ?? 0;
  const shards = await checkOrigins(files, manifest, entry, ledger, signatures, claims, (done) =>
    progress({ stage: "documents", done, total }),
  );
  return shards && { files, manifest, ledger, entry };
}

async function verifyProof({ claims, summary }, source, release) {
  await claims.attempt(async () => {
    const proof = checkProof(await readAll(source, "proof", PROOF_LIMIT));
    summary.proof = proof;
    if (release !== null) {
      const { digest, documents } = release.manifest;
      if (proof.mix !== digest || proof.root !== documents.root || proof.count !== documents.count) {
        throw new Flaw("documents_root", "proof", "it is about another release");
      }
    }
    const verb = proof.included ? "is" : "is not";
    const detail = `mix ${proof.mix}\nMerkle root ${proof.root} over ${proof.count} documents`;
    claims.holds("proof", `The proof shows that ${proof.doc_id} ${verb} in the list of documents it names`, detail);
    if (release !== null) return;
    const open = "Which release has that list is for its manifest to say: add the folder of the release";
    claims.open("proof_release", open, proof.included ? "" : "That the list is sorted is checked there as well.");
  });
}

// What this page cannot know, said every time.
function tellLimits(claims) {
  const detail =
    "A forged page could show anything. Take this one from the makers of the software or keep your own copy: it works " +
    "for every release.";
  claims.open("verifier", "That this page itself is genuine is for you to know: take it from a place you trust", detail);
}
