// The result as people read it: one sentence, then a line for each claim, with what is behind it on demand.

import { byId, code, definitions, element, replace } from "./elements.js";

const GROUPS = [
  ["wrong", "✕", "Wrong", "What is wrong"],
  ["proved", "✓", "Proved", "What was proved"],
  ["open", "?", "Not proved", "What was not proved here"],
  ["note", "i", "Note", "Worth knowing"],
];

const groupOf = ({ ok, note }) => (ok === true ? "proved" : ok === false ? "wrong" : note ? "note" : "open");
const ICONS = { proved: "✓", open: "?", wrong: "✕" };

export function showResult({ claims, summary, overall }) {
  const { state, word, sentence } = overall;
  const banner = element(
    "div",
    { class: `banner ${state}`, "data-state": state },
    element("span", { class: "icon", "aria-hidden": "true" }, ICONS[state]),
    element("div", {}, element("strong", {}, word), element("p", {}, sentence)),
  );
  replace(byId("verdict"), banner, figures(summary));
  replace(byId("claims"), ...GROUPS.map((group) => section(group, claims)).filter(Boolean));
  byId("result").hidden = false;
}

function figures({ project, stage, cycle, revision, origin, size, head, means, verified }) {
  return definitions([
    ["Release", stage === undefined ? null : `${project}: ${stage}, cycle ${cycle}, revision ${revision}`],
    ["Record", origin === undefined ? null : `${origin}, ${size.toLocaleString("en")} entries`],
    ["Its head", head === undefined ? null : code(head)],
    ["Signatures", verified ? `${verified.toLocaleString("en")} verified; ${means}` : null],
  ]);
}

function section([group, icon, word, title], claims) {
  const mine = claims.filter((claim) => groupOf(claim) === group);
  if (mine.length === 0) return null;
  const items = mine.map((claim) => element("li", { class: `claim ${group}` }, line(claim, icon, word)));
  return element("section", {}, element("h3", {}, title), element("ul", { class: "claims" }, ...items));
}

function line({ code: name, what, detail }, icon, word) {
  const text = [
    element("span", { class: "icon", "aria-hidden": "true" }, icon),
    element("span", { class: "word" }, word),
    element("span", { class: "what" }, what),
  ];
  if (!detail) return element("div", { class: "line", "data-code": name }, ...text);
  const summary = element("summary", {}, ...text);
  // What is wrong should not have to be looked for.
  const open = word === "Wrong" ? "" : null;
  return element("details", { class: "line", "data-code": name, open }, summary, element("pre", {}, detail, "\n", `(${name})`));
}

// Where a document came from, or that it is not there.
export function showTrace(target, traced) {
  replace(target, traced.included ? way(traced) : absent(traced));
}

function absent({ id, count, root, before, after }) {
  const at = (place) => (place ? `${place.document.doc_id} (number ${place.index + 1})` : "none");
  return element(
    "div",
    {},
    element("p", {}, element("strong", {}, "Not in this release: "), code(id)),
    element(
      "p",
      {},
      "The list of documents is sorted and complete. Between these two neighbours nothing lies, so the document is not in it.",
    ),
    definitions([
      ["Before it", at(before)],
      ["After it", at(after)],
      ["The whole list", `${count} documents, Merkle root ${root}`],
    ]),
  );
}

function way({ document, index, count, root, raw, credential, steps }) {
  const { generator, authorship } = document;
  const maker = generator === null ? authorship : `${authorship}, by the model ${generator}`;
  const rawDigest = raw === null ? "in the sum of many files only (see the ingest's entry)" : `${raw.digest} (entry ${raw.entry})`;
  const facts = definitions([
    ["Document", code(document.doc_id)],
    ["Made by", maker],
    ["Collected", document.collected_at],
    ["Licence", document.licence],
    ["Source", `${document.source} (${document.kind})`],
    ["Raw file", `${document.raw_file}, record ${document.raw_row}`],
    ["Its digest in the record", rawDigest],
    ["Digest of the content", code(document.digest)],
    ["Shard", code(document.shard)],
    ["Certificate of origin", certificate(credential)],
    ["Place in the list", `number ${index + 1} of ${count}, Merkle root ${root}`],
  ]);
  const items = steps.map((step) =>
    element(
      "li",
      {},
      element("strong", {}, `${step.name} of ${step.step}`),
      `, entry ${step.index}, ${step.time}, signed by ${step.by}`,
      element("div", { class: "soft" }, `key ${step.keyid}, leaf ${step.leaf}`),
    ),
  );
  return element("div", {}, facts, element("h3", {}, "Its way into the mix"), element("ol", {}, ...items));
}

function certificate(credential) {
  if (credential === null) return "none";
  const { kind, sha256, statement } = credential;
  const name = kind === "c2pa" ? "C2PA (its own signature is not checked in this page)" : "signed in-toto statement, verified";
  const parts = [element("div", {}, name), element("div", { class: "soft" }, `SHA-256 ${sha256}`)];
  if (statement) parts.push(element("details", {}, element("summary", {}, "What it says"), element("pre", {}, statement)));
  return element("div", {}, ...parts);
}
