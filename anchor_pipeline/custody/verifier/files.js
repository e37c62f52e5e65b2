// Files as people give them: dropped or chosen, one by one or a folder at a time, under whatever name.

const SMALL = 2 ** 22; // bytes; keys, heads and proofs are smaller

// All files of a drop, as [path, File]; folders are walked. Chromium reads folders through handles alone on a page from
// a file, Firefox through entries alone. Both have to be asked for while the drop is being told.
export async function dropped(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  const handles = items.map((item) => item.getAsFileSystemHandle?.().catch(() => null) ?? null);
  const files = items.map((item) => item.getAsFile());
  const found = [];
  for (const [index, entry] of entries.entries()) {
    const handle = await handles[index];
    if (handle?.kind === "directory") await walkHandle(handle, handle.name, found);
    else if (entry?.isDirectory) await walkEntry(entry, found);
    else if (files[index]) found.push([files[index].name, files[index]]);
  }
  return found;
}

async function walkHandle(folder, path, found) {
  for await (const [name, handle] of folder.entries()) {
    if (handle.kind === "directory") await walkHandle(handle, `${path}/${name}`, found);
    else found.push([`${path}/${name}`, await handle.getFile()]);
  }
}

async function walkEntry(entry, found) {
  if (entry.isFile) {
    found.push([entry.fullPath.replace(/^\//, ""), await new Promise((done, fail) => entry.file(done, fail))]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader gives a hundred or so at a time.
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) return;
    for (const one of some) await walkEntry(one, found);
  }
}

export const chosen = (list) => [...list].map((file) => [file.webkitRelativePath || file.name, file]);

// What is what: {release: Map or null, folder, root, pin, proof, unknown: [names]}.
export async function sorted(found) {
  const folder = folderOf(found.map(([path]) => path));
  if (folder !== null) {
    const inside = found.filter(([path]) => path.startsWith(folder));
    const release = new Map(inside.map(([path, file]) => [path.slice(folder.length), file]));
    const others = await sorted(found.filter(([path]) => !path.startsWith(folder)));
    return { ...others, release, folder: folder.slice(0, -1).split("/").at(-1) };
  }
  const out = { release: null, folder: "", root: null, pin: null, proof: null, unknown: [] };
  for (const [path, file] of found) {
    const kind = await kindOf(file);
    if (kind === null) out.unknown.push(path);
    else out[kind] = file;
  }
  return out;
}

// The folder (with its slash, or "") that holds a release or a ledger; null if none does. The outermost counts.
function folderOf(paths) {
  const depth = (path) => path.split("/").length;
  for (const name of ["MANIFEST.json", "custody/ledger.jsonl", "ledger.jsonl"]) {
    const ends = paths.filter((path) => path === name || path.endsWith(`/${name}`));
    ends.sort((one, other) => depth(one) - depth(other) || (one < other ? -1 : 1));
    if (ends.length > 0) return ends[0].slice(0, -name.length);
  }
  const broken = paths.find((path) => /^[^/]+\/(data|custody)\//.test(path));
  return broken === undefined ? null : broken.slice(0, broken.indexOf("/") + 1);
}

// What a single file is, by what is in it.
async function kindOf(file) {
  if (file.size > SMALL) return null;
  const text = await file.text();
  if (text.includes('"anchor-public-key-1"') && text.startsWith("{")) return "root";
  if (text.includes('"anchor-proof-1"') && text.startsWith("{")) return "proof";
  return /^[^\n]+\n[0-9]+\n[^\n]+\n\n— /.test(text) ? "pin" : null;
}
