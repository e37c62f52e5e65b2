// What a reader does, and what the page does then. Everything stays on this computer: the page may not use the network.

import { Client } from "./client.js";
import { byId, element, replace } from "./elements.js";
import { chosen, dropped, sorted } from "./files.js";
import { canRemember, forget, remember, remembered } from "./memory.js";
import { serve } from "./worker.js";
import { verify } from "./verify.js";
import { showResult, showTrace } from "./view.js";

const STAGES = { ledger: "Checking the record", files: "Comparing the files", documents: "Reading the list of documents" };

const given = { release: null, folder: "", root: null, pin: null, proof: null };
let client = null;
let turn = 0;

async function take(found) {
  const named = await sorted(found);
  for (const kind of ["release", "root", "pin", "proof"]) if (named[kind]) given[kind] = named[kind];
  if (named.release) given.folder = named.folder;
  showGiven(named.unknown);
  if (given.release || given.proof) await check();
}

function showGiven(unknown) {
  const lines = [
    [given.release, () => `${given.folder ? `Folder ${given.folder}` : "Files"}: ${given.release.size} files`],
    [given.root, () => `Root key that you trust: ${given.root.name}`],
    [given.pin, () => `Head seen before: ${given.pin.name}`],
    [given.proof, () => `Proof about a document: ${given.proof.name}`],
  ];
  const items = lines.filter(([file]) => file).map(([, text]) => element("li", {}, text()));
  const strange = unknown.slice(0, 5).map((name) => element("li", { class: "doubt" }, `Not recognised, left out: ${name}`));
  replace(byId("given"), ...items, ...strange);
  byId("again").hidden = !given.release && !given.proof;
}

async function check() {
  turn += 1;
  const mine = turn;
  client.stop();
  byId("result").hidden = true;
  byId("document-result").replaceChildren();
  byId("working").hidden = false;
  byId("say").textContent = "Checking…";
  const { root, pin, proof } = given;
  const options = { root, pin, proof, remembered: remembered() };
  try {
    const result = await client.ask({ ask: "verify", files: [...(given.release ?? [])], options }, showProgress);
    if (mine !== turn) return;
    showResult(result);
    byId("document").hidden = !result.release;
    keepHead(result);
    byId("say").textContent = `${result.overall.word}. ${result.overall.sentence}`;
  } catch (error) {
    if (mine !== turn) return;
    const text = `The check could not be finished (${error.message}). Choose the files again.`;
    byId("given").append(element("li", { class: "doubt" }, text));
    byId("say").textContent = text;
  }
  byId("working").hidden = true;
}

function showProgress({ stage, done, total, count }) {
  const bar = byId("bar");
  bar.max = Math.max(total, 1);
  bar.value = done;
  const what = count === undefined ? `${Math.floor((100 * done) / Math.max(total, 1))} %` : `${count.toLocaleString("en")} entries`;
  byId("progress").textContent = `${STAGES[stage]}: ${what}`;
}

function keepHead({ verdict, summary }) {
  if (!canRemember()) {
    byId("memory").textContent = "This browser keeps nothing for this page: keep the file custody/checkpoint, and add it next time.";
    return;
  }
  if (verdict === "valid" && summary.note) remember(summary.root, summary.origin, summary.note);
  showMemory();
}

function showMemory() {
  const count = Object.keys(remembered()).length;
  const records = count === 1 ? "one record" : `${count} records`;
  byId("memory").textContent =
    count === 0
      ? "This browser remembers no record yet. After a check it keeps the newest head, here only, to notice an older one."
      : `This browser remembers the newest head of ${records}, here only, and notices if an older one is shown.`;
  byId("forget").hidden = count === 0;
}

function listenToFiles() {
  const zone = byId("drop");
  for (const kind of ["dragenter", "dragover"]) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) zone.classList.remove("over");
  });
  addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    try {
      await take(await dropped(event.dataTransfer));
    } catch (error) {
      const text = `What you dropped could not be read (${error.message}). Use the button "Choose folder".`;
      replace(byId("given"), element("li", { class: "doubt" }, text));
      byId("say").textContent = text;
    }
  });
  for (const name of ["folder", "files", "root"]) {
    const input = byId(`${name}-input`);
    byId(`${name}-button`).addEventListener("click", () => input.click());
    input.addEventListener("change", async () => {
      const found = chosen(input.files);
      input.value = "";
      await take(found);
    });
  }
}

function start() {
  client = new Client(byId("core").textContent);
  listenToFiles();
  byId("again").addEventListener("click", check);
  byId("forget").addEventListener("click", () => {
    forget();
    showMemory();
  });
  byId("document-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const target = byId("document-result");
    const id = byId("document-id").value.trim();
    if (id === "") return;
    replace(target, element("p", {}, "Looking…"));
    try {
      showTrace(target, await client.ask({ ask: "trace", document: id }));
    } catch (error) {
      replace(target, element("p", { class: "doubt" }, `It could not be looked up (${error.message}).`));
    }
  });
  showMemory();
  // For programs, in this thread: anchorVerify(new Map([["MANIFEST.json", bytes], …]), {root}).
  window.anchorVerify = verify;
  window.anchorServe = serve;
  byId("noscript").remove();
  byId("drop").hidden = false;
}

start();
