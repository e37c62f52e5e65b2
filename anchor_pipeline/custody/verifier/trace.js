// Where a document came from: its line in the list, and every entry of the ledger on its way into the mix.

import { CREDENTIALS, DOCUMENTS } from "./release.js";
import { findCredential } from "./credentials.js";
import { findDocument } from "./documents.js";

// {found, neighbours, steps, raw, credential} for the id of a document of a release that was checked.
export async function traceDocument(release, id) {
  const { files, manifest, ledger, entry } = release;
  const place = await findDocument(files.get(DOCUMENTS), manifest.documents.count, id);
  const { count, root } = manifest.documents;
  if (place.found === undefined) return { id, included: false, count, root, ...place };
  const { document, index } = place.found;
  const source = files.get(CREDENTIALS);
  return {
    id,
    included: true,
    count,
    root,
    index,
    document,
    raw: rawFile(ledger, document),
    credential: source === undefined ? null : await findCredential(source, document.shard),
    steps: entry === null ? [] : wayOf(ledger, entry, document),
  };
}

// The raw file as the ingest recorded it: {digest, entry}, or null where only the sum of many files was recorded.
function rawFile(ledger, document) {
  const name = `raw/${document.source}/${document.raw_file}`;
  for (const entry of ledger.entries.toReversed()) {
    const found = entry.name === "completion" && entry.predicate.inputs.find((one) => one.name === name);
    if (found) return { name, digest: found.digest, entry: entry.index };
  }
  return null;
}

// Entries from the raw file to the release, in their order: back from the release, each input to the step that made it.
function wayOf(ledger, release, document) {
  const makers = makersOf(ledger);
  const ownSource = `sources/${document.source}`;
  const seen = new Map();
  const waiting = [release];
  while (waiting.length > 0) {
    const entry = waiting.pop();
    if (seen.has(entry.index)) continue;
    seen.set(entry.index, entry);
    seen.set(entry.intent.index, entry.intent);
    for (const input of entry.predicate.inputs) {
      if (input.name.startsWith("sources/") && input.name !== ownSource) continue;
      const made = makers.get(`${input.name} ${input.digest}`)?.findLast((maker) => maker.index < entry.index);
      if (made) waiting.push(made);
    }
  }
  return [...seen.values()].sort((one, other) => one.index - other.index).map(stepOf);
}

// Completions by what they made, name and digest.
function makersOf(ledger) {
  const makers = new Map();
  for (const entry of ledger.entries) {
    if (entry.name !== "completion") continue;
    for (const { name, digest } of entry.predicate.outputs) {
      if (digest === null) continue;
      const key = `${name} ${digest}`;
      if (!makers.has(key)) makers.set(key, []);
      makers.get(key).push(entry);
    }
  }
  return makers;
}

function stepOf({ index, name, predicate, leaf, key }) {
  const { step, time, by } = predicate;
  return { index, name, step, time, by, leaf, keyid: key.id };
}
