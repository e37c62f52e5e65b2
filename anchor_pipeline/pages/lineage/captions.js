// The words beside boxes and lines: as graph/captions.py.

const exactNumber = (number) => number.toLocaleString("en-US", { maximumFractionDigits: 3 });

function short(number) {
  for (const [letter, size] of number >= 10000 ? [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]] : []) {
    if (number >= size) {
      const tenths = Number(BigInt(number) * 10n / BigInt(size));
      const whole = Math.floor(tenths / 10);
      return tenths < 1000 ? `${whole}.${tenths % 10} ${letter}` : `${exactNumber(whole)} ${letter}`;
    }
  }
  return exactNumber(number);
}

function cut(text, most = 19) {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

const documentsText = (number) => `${exactNumber(number)} ${number === 1 ? "document" : "documents"}`;

function exactAmounts(count) {
  return amountsOf(count).map(([tokens, , unit, scale]) =>
    `${exactNumber(tokens / scale)} ${tokens === scale ? unit.replace(/s$/, "") : unit}`);
}

function exact(count) {
  if (isUnknown(count)) return "amount not recorded";
  const text = [documentsText(documentsOf(count)), ...exactAmounts(count)].join(", ");
  return unknownOf(count) ? `at least ${text}` : text;
}

const kindOf = (node) => node[KIND] || model.columns[node[COLUMN]];
const wordOf = (node) => {
  const word = model.nouns[kindOf(node)][node[STANDS_FOR] > 1 ? 1 : 0];
  return node[NOTE] ? `${word}, ${node[NOTE]}` : word;
};

function nouns(numbers) {
  const kinds = new Set(numbers.map((number) => kindOf(model.nodes[number])));
  return Object.keys(model.nouns).filter((kind) => kinds.has(kind)).map((kind) => model.nouns[kind][1]).join(" and ");
}

const nameOf = (box) => box.folded
  ? `… and ${exactNumber(box.standsFor)} more ${nouns(box.members)}`
  : model.nodes[box.members[0]][LABEL];

const whatIs = (box) => box.folded
  ? `${exactNumber(box.standsFor)} ${nouns(box.members)}, folded`
  : wordOf(model.nodes[box.members[0]]);

/** The three lines in a box. */
function linesOf(box) {
  const note = ["corpus", "selection", "mix"].includes(box.column) ? model.nodes[box.members[0]][NOTE] : "";
  const own = note ? `${nameOf(box)} · ${note}` : nameOf(box);
  const label = cut(box.folded ? `… ${short(box.standsFor)} more ${nouns(box.members)}` : own);
  if (isUnknown(box.count)) return [label, "amount not recorded", ""];
  const picked = sameCount(box.picked, box.count) ? 0 : box.picked;
  const least = unknownOf(box.count) ? "≥ " : "";
  const part = picked === 0 ? "" : `${short(documentsOf(picked))} of `;
  return [label, `${least}${part}${short(documentsOf(box.count))} ${documentsOf(box.count) === 1 ? "doc" : "docs"}`, firstAmount(box.count, picked)];
}

function firstAmount(count, picked) {
  const there = amountsOf(count);
  if (!there.length) return "";
  const [tokens, name, unit, scale] = there[0];
  const place = model.units.findIndex(([one]) => one === name) + 2;
  const part = picked === 0 ? "" : `${short(Math.floor((picked[place] ?? 0) / scale))} of `;
  return `${part}${short(Math.floor(tokens / scale))} ${unit}${there.length > 1 ? ` +${there.length - 1}` : ""}`;
}

function saidOfBox(box) {
  const path = box.onPath ? ", on the selected path" : "";
  const part = box.picked === 0 ? "" : `; of it ${exact(box.picked)} for ${model.title}`;
  return `${nameOf(box)}: ${whatIs(box)}${path}. ${exact(box.count)}${part}`;
}

function saidOfLine(tail, head, line) {
  const bundle = line.members.length > 1 ? ` (${exactNumber(line.members.length)} connections)` : "";
  return `${nameOf(tail)} ${model.says[line.kind]} ${nameOf(head)}: ${exact(line.count)}${bundle}`;
}
