// Which boxes and lines are drawn, and which nodes are folded into a counted box: as graph/folding.py.

const DRAWN = 12;
const DRAWN_ON_PATH = 16;
const FOUND = 16;

/** {boxes, lines, found} for a state {focus, limits, find}; `found`: how many nodes have the searched name, or null. */
function viewOf(state) {
  const path = pathOf(state.focus);
  const wanted = searched(state.find);
  const boxes = [];
  model.columns.forEach((column, place) => {
    const here = model.nodes.flatMap((node, number) => (node[COLUMN] === place ? [number] : []));
    const onPath = here.filter((number) => path.nodes.has(number));
    let others = here.filter((number) => !path.nodes.has(number));
    const shown = Math.min(onPath.length, state.limits[`${column}-path`] ?? DRAWN_ON_PATH);
    let limit = Math.max(0, DRAWN - shown);
    if (wanted !== null && here.some((number) => wanted.has(number))) {
      // Only what was searched for stands for itself; the rest of the column is folded.
      const hits = others.filter((number) => wanted.has(number));
      others = [...hits, ...others.filter((number) => !wanted.has(number))];
      limit = Math.min(hits.length, FOUND);
    }
    boxes.push(...part(column, onPath, shown, "path"));
    boxes.push(...part(column, others, state.limits[`${column}-other`] ?? limit, "other"));
  });
  return { boxes, lines: linesBetween(boxes, path), found: wanted === null ? null : wanted.size };
}

function searched(text) {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const hits = new Set();
  model.nodes.forEach((node, number) => {
    const name = node[LABEL].toLocaleLowerCase();
    if (words.every((word) => name.includes(word))) hits.add(number);
  });
  return hits;
}

function part(column, numbers, limit, which) {
  const most = numbers.length === limit + 1 ? limit + 1 : limit;
  const boxes = numbers.slice(0, most).map((number) => boxOf(model.nodes[number][KEY], column, [number], which, false));
  const rest = numbers.slice(most);
  if (rest.length) boxes.push(boxOf(`fold-${column}-${which}`, column, rest, which, true));
  return boxes;
}

function boxOf(key, column, members, which, folded) {
  const nodes = members.map((number) => model.nodes[number]);
  return {
    key, column, members, folded,
    onPath: which === "path",
    count: sum(nodes.map((node) => node[COUNT])),
    picked: sum(nodes.map((node) => node[PICKED])),
    standsFor: nodes.reduce((total, node) => total + node[STANDS_FOR], 0),
  };
}

function linesBetween(boxes, path) {
  const at = new Map(boxes.flatMap((box, place) => box.members.map((number) => [number, place])));
  const grouped = new Map();
  model.edges.forEach((edge, number) => {
    const ends = [at.get(edge[TAIL]), at.get(edge[HEAD]), edge[SAYS]];
    const key = ends.join(" ");
    if (!grouped.has(key)) grouped.set(key, { ends, members: [] });
    grouped.get(key).members.push(number);
  });
  const lines = [...grouped.values()].map(({ ends: [tail, head, kind], members }) => ({
    tail, head, kind, members,
    onPath: members.some((number) => path.edges.has(number)),
    count: sum(members.map((number) => model.edges[number][EDGE_COUNT])),
    picked: sum(members.map((number) => model.edges[number][EDGE_PICKED])),
  }));
  return lines.sort((a, b) => a.tail - b.tail || a.head - b.head || (a.kind < b.kind ? -1 : 1));
}
