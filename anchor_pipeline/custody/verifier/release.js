// A release: its files against its manifest, its verdict, and what the ledger knows of it.

import { hex, readAll, sizeOf } from "./bytes.js";
import { checkCredentials } from "./credentials.js";
import { checkDocuments } from "./documents.js";
import { fileDigest } from "./file_digest.js";
import { Flaw } from "./flaws.js";
import { isBeside, parseManifest } from "./manifest.js";
import { sha256 } from "./sha256.js";
import { checkVerdict } from "./verdict.js";

export const MANIFEST = "MANIFEST.json";
export const DOCUMENTS = "custody/documents.jsonl.gz";
const AUTHORITY = "custody/authority.pem";
export const CREDENTIALS = "custody/credentials.jsonl";
const VERDICT = "VERDICT.json";
const LIMIT = 2 ** 30;

// The manifest with the digest of its file; Flaw if there is none or it is not sound.
export async function readManifest(files) {
  const source = files.get(MANIFEST);
  if (source === undefined) throw new Flaw("manifest", MANIFEST, "there is none: this is not the folder of a release");
  let bytes;
  try {
    bytes = await readAll(source, MANIFEST, LIMIT);
  } catch (error) {
    throw error instanceof Flaw ? new Flaw("manifest", MANIFEST, error.detail) : error;
  }
  return { ...parseManifest(bytes), fileDigest: hex(sha256(bytes)) };
}

// Every file that the manifest lists, and no others.
export async function checkFiles(files, manifest, claims, subtle, progress) {
  const listed = [...manifest.files, ...manifest.parts];
  const before = claims.list.length;
  const total = listed.reduce((sum, file) => sum + file.bytes, 0);
  let read = 0;
  for (const file of listed) {
    await claims.attempt(() => checkFile(files, file, subtle, (bytes) => progress((read += bytes), total)));
  }
  const names = new Set(listed.map((file) => file.path));
  for (const name of [...files.keys()].sort()) {
    if (name === MANIFEST || names.has(name) || isBeside(name)) continue;
    claims.flaw(new Flaw("file_unlisted", name.slice(0, 200), "the manifest does not list it; take it away or ask why"));
  }
  if (claims.list.length > before) return;
  const what = `All ${listed.length} files are exactly the ones that were released, and there are no others`;
  claims.holds("files", what, listed.map((file) => `${file.path}: SHA-256 ${file.sha256}`).join("\n"));
}

async function checkFile(files, file, subtle, read) {
  const source = files.get(file.path);
  if (source === undefined) throw new Flaw("file_missing", file.path, "the manifest lists it");
  if (sizeOf(source) !== file.bytes) {
    throw new Flaw("file_digest", file.path, `${sizeOf(source)} bytes, expected ${file.bytes}`);
  }
  const digest = await fileDigest(source, subtle, read);
  if (digest !== file.sha256) throw new Flaw("file_digest", file.path, `SHA-256 ${digest}, expected ${file.sha256}`);
}

export async function checkReleaseVerdict(files, manifest, claims) {
  await claims.attempt(async () => {
    const source = files.get(VERDICT);
    if (source === undefined || !manifest.files.some((file) => file.path === VERDICT)) {
      throw new Flaw("verdict", VERDICT, "the release has no verdict");
    }
    const bytes = await readAll(source, VERDICT, LIMIT);
    const told = checkVerdict(bytes, hex(sha256(bytes)), manifest);
    claims.holds("verdict", "The rules were evaluated for exactly this mix, and it passed", told);
  });
}

// The entry by which this very release, manifest and all, was recorded; null if there is none.
export function completionOf(ledger, manifest) {
  const name = `mix/${manifest.stage}`;
  const found = ledger.entries.findLast(({ name: kind, predicate }) => {
    if (kind !== "completion" || predicate.step !== name) return false;
    const made = new Map(predicate.outputs.map((one) => [one.name, one.digest]));
    return made.get(name) === manifest.digest && made.get(`${name}/${MANIFEST}`) === manifest.fileDigest;
  });
  return found ?? null;
}

export function checkCompletion(ledger, manifest, claims) {
  const entry = completionOf(ledger, manifest);
  if (entry === null) {
    const detail = `no step of it released ${manifest.stage} with the digest ${manifest.digest}`;
    claims.flaw(new Flaw("completion_missing", "ledger", detail));
    return null;
  }
  const { time, by } = entry.predicate;
  const begun = `intent: entry ${entry.intent.index}, ${entry.intent.predicate.time}`;
  const told = `${begun}\ncompletion: entry ${entry.index}, ${time}\nmix digest: ${manifest.digest}`;
  claims.holds("completion", `The record says that ${by} released exactly this mix on ${day(time)}, as announced before`, told);
  noteLater(ledger, manifest, entry, claims);
  return entry;
}

// What came after a release takes nothing from it, but a reader wants to know.
function noteLater(ledger, manifest, entry, claims) {
  const name = `mix/${manifest.stage}`;
  const cycle = entry.intent.predicate.cycle;
  const newer = ledger.entries.findLast(
    ({ index, name: kind, predicate, intent }) =>
      kind === "completion" && index > entry.index && predicate.step === name && intent.predicate.cycle === cycle &&
      predicate.outputs.some((one) => one.name === name && one.digest !== manifest.digest),
  );
  if (newer) claims.note("superseded", "A later revision of the same cycle replaced this release", `entry ${newer.index}`);
  const decided = ledger.entries.findLast(
    ({ name: kind, predicate }) => kind === "approval" && predicate.release.digest === manifest.digest,
  );
  if (!decided) return;
  const { by, decision, time, note } = decided.predicate;
  const told = `entry ${decided.index}: ${note}`;
  if (decision === "approved") claims.holds("approval", `${by} approved this release on ${day(time)}`, told);
  else claims.note("approval", `${by} rejected this release on ${day(time)}`, told);
}

export const day = (time) => `${time.slice(0, 10)} at ${time.slice(11, 19)} UTC`;

// The list of documents, and the credentials of the shards that they came from.
export async function checkOrigins(files, manifest, entry, ledger, signatures, claims, progress) {
  const shards = await claims.attempt(async () => {
    if (manifest.documents === null) throw new Flaw("documents_root", MANIFEST, "it states no root of its documents");
    const source = files.get(DOCUMENTS);
    if (source === undefined) throw new Flaw("file_missing", DOCUMENTS, "the release does not carry it");
    return checkDocuments(source, manifest.documents, progress);
  });
  // Without the documents nobody can say which shards need credentials.
  if (shards === undefined) return null;
  const what = `The list of all ${manifest.documents.count} documents is complete and is the one that was released`;
  claims.holds("documents", what, `Merkle root ${manifest.documents.root}\nfrom ${shards.size} shards`);
  await claims.attempt(async () => {
    const named = entry.predicate.credentials;
    if (named === null) throw new Flaw("credential_missing", "ledger", "it names no credentials of this mix");
    const source = files.get(CREDENTIALS);
    if (source === undefined) throw new Flaw("file_missing", CREDENTIALS, "the release does not carry it");
    const kinds = await checkCredentials(source, files.get(AUTHORITY), named, shards, ledger, signatures);
    claimCredentials(kinds, claims);
  });
  return shards;
}

function claimCredentials(kinds, claims) {
  const sidecars = [...kinds.values()].filter((kind) => kind === "c2pa").length;
  const signed = kinds.size - sidecars;
  const what = `Each of the ${kinds.size} shards has its certificate of origin, the one named in the record`;
  claims.holds("credentials", what, `${signed} signed statements (in-toto), verified\n${sidecars} C2PA, compared by digest`);
  if (sidecars === 0) return;
  const detail =
    "Their digests are those that the record names, so they are the ones of the day of release. Their own signatures " +
    "(COSE, X.509) are checked by `anchor verify`, or by any C2PA tool.";
  const which = sidecars === 1 ? "signature of one C2PA certificate was" : `signatures of ${sidecars} C2PA certificates were`;
  claims.open("c2pa_signature", `The inner ${which} not checked in this page`, detail);
}
