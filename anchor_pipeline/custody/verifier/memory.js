// The newest head of each ledger that this browser saw, so that an older one is noticed. Kept in localStorage, where a
// page from a file may have none: then nothing is remembered, and the page says so.

const KEY = "anchor-heads-1";

export function canRemember() {
  try {
    localStorage.setItem(`${KEY}-try`, "1");
    localStorage.removeItem(`${KEY}-try`);
    return true;
  } catch {
    return false;
  }
}

// {"<root key id> <origin>": text of the head}
export function remembered() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return Object.fromEntries(Object.entries(found).filter(([, note]) => typeof note === "string"));
  } catch {
    return {};
  }
}

export function remember(root, origin, note) {
  const heads = { ...remembered(), [`${root} ${origin}`]: note };
  try {
    localStorage.setItem(KEY, JSON.stringify(heads));
  } catch {
    // Without storage the reader keeps the file `checkpoint`, as the page advises.
  }
}

export function forget() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was remembered.
  }
}
