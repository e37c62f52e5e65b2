// What the reader does: select, unfold, find. All of it is in the address, so that it can be passed on.

const MORE = 50;
const byKey = new Map(model.nodes.map((node, number) => [node[KEY], number]));
const at = (id) => document.getElementById(id);
let current = null;
let waiting = 0;

/** {focus, limits, find} as the address says; the node that the page was made for is selected if it says nothing. */
function stateOf(address) {
  const given = new URLSearchParams(address.replace(/^#/, ""));
  const selected = given.get("select");
  const limits = {};
  for (const one of (given.get("more") ?? "").split(",")) {
    const [, key, number] = /^([a-z]+-(?:path|other)):([0-9]{1,6})$/.exec(one) ?? [];
    if (key) limits[key] = Number(number);
  }
  const focus = selected === null ? model.focus : byKey.get(selected) ?? -1;
  return { focus, limits, find: (given.get("find") ?? "").slice(0, 300) };
}

function addressOf(state) {
  const given = new URLSearchParams();
  if (state.focus !== model.focus) given.set("select", state.focus < 0 ? "none" : model.nodes[state.focus][KEY]);
  const more = Object.entries(state.limits).map(([key, number]) => `${key}:${number}`).join(",");
  if (more) given.set("more", more);
  if (state.find) given.set("find", state.find);
  return `#${given}`;
}

function show(state, focused = null) {
  const view = viewOf(state);
  const path = pathOf(state.focus);
  current = { state, view };
  at("picture").replaceWith(drawingOf(view, layoutOf(view), state));
  at("sections").replaceChildren(...sectionsOf(view, state));
  at("lines").replaceChildren(connectionsOf(view, state, path));
  at("summary").textContent = saidOf(view, state, path);
  if (at("find").value !== state.find && document.activeElement !== at("find")) at("find").value = state.find;
  if (focused === null) centre(state);
  else {
    const box = document.querySelector(`#picture [data-key="${focused}"]`);
    box?.focus({ preventScroll: true });
    box?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

/** Have the selected box in the middle where the picture is wider than the screen. */
function centre(state) {
  if (state.focus < 0) return;
  const box = document.querySelector(`#picture [data-key="${model.nodes[state.focus][KEY]}"] rect`);
  if (box) at("stage").scrollLeft = Number(box.getAttribute("x")) + (WIDTH - at("stage").clientWidth) / 2;
}

function saidOf(view, state, path) {
  const folds = view.boxes.filter((box) => box.folded || box.standsFor > 1);
  const count = (boxes) => boxes.reduce((total, box) => total + box.standsFor, 0);
  const [every, folded] = [count(view.boxes), count(folds)];
  const bundles = view.lines.filter((line) => line.members.length > 1);
  const bundled = bundles.reduce((total, line) => total + line.members.length, 0);
  const [own, all] = [view.lines.length - bundles.length, model.edges.length];
  const n = exactNumber;
  const drawn = folds.length || bundles.length
    ? [
      `${n(every - folded)} of ${n(every)} nodes are drawn one by one, ${n(folded)} are folded into ${n(folds.length)} counted boxes.`,
      `${n(own)} of ${n(all)} connections are lines of their own, ${n(bundled)} are added up in ${n(bundles.length)} lines.`,
    ]
    : [`All ${n(every)} nodes and ${n(all)} connections are drawn one by one.`];
  return [
    state.focus >= 0 && state.focus !== model.focus
      ? `Selected: ${model.nodes[state.focus][LABEL]}, with ${n(path.nodes.size - 1)} others on its path, followed source by `
        + "source; the figures are of everything in a box. The command counts document by document what belongs to it." : "",
    view.found === null ? "" : `${n(view.found)} names hold “${state.find}”${view.found ? "" : ", so nothing is folded for it"}.`,
    ...drawn,
  ].filter(Boolean).join(" ");
}

function go(state, focused = null, replace = false) {
  history[replace ? "replaceState" : "pushState"](null, "", addressOf(state));
  show(state, focused);
}

/** Select a node, or let go of it; unfold some more of a folded box. */
function press(key) {
  const { state, view } = current;
  if (!key.startsWith("fold-")) {
    const number = byKey.get(key);
    const focus = number === state.focus ? -1 : number;
    return go({ ...state, focus, limits: {} }, key);
  }
  const box = view.boxes.find((one) => one.key === key);
  const name = key.slice(5);
  const before = view.boxes.filter((one) => one.column === box.column && one.onPath === box.onPath && !one.folded).length;
  const first = model.nodes[box.members[0]][KEY];
  return go({ ...state, limits: { ...state.limits, [name]: before + MORE } }, first);
}

document.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-key]");
  if (pressed === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  press(pressed.getAttribute("data-key"));
});

// Arrows go from box to box: up and down in a column, left and right to the nearest of the next.
document.addEventListener("keydown", (event) => {
  const box = document.activeElement?.closest?.("#picture [data-key]");
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!box || !step || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const place = (one) => ["x", "y"].map((name) => Number(one.querySelector("rect").getAttribute(name)));
  const [x, y] = place(box);
  const ahead = [...document.querySelectorAll("#picture [data-key]")]
    .map((one) => [one, ...place(one)])
    .filter(([, left, top]) => (step[0] ? (left - x) * step[0] > 0 : left === x && (top - y) * step[1] > 0))
    .sort((a, b) => Math.abs(a[1] - x) - Math.abs(b[1] - x) || Math.abs(a[2] - y) - Math.abs(b[2] - y));
  ahead[0]?.[0].focus();
});

at("find").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => go({ ...current.state, find: at("find").value, limits: {} }, null, true), 150);
});
at("clear").addEventListener("click", () => {
  at("find").value = "";
  go({ focus: model.focus, limits: {}, find: "" });
});
addEventListener("popstate", () => {
  // Links to a part of the page change the address as well, and nothing else.
  if (location.hash === "" || location.hash === "#" || location.hash.includes("=")) show(stateOf(location.hash));
});
at("tools").hidden = false;
show(stateOf(location.hash));
