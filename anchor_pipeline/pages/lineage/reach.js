// What belongs to a selected node: everything it was made from, and everything that was made of it.
//
// A corpus holds documents of all sources, so ways through it would join what has nothing to do with each other. Hence
// selections, releases and exports say which sources they hold documents of, and only those ways are followed.

const outgoing = model.nodes.map(() => []);
const incoming = model.nodes.map(() => []);
model.edges.forEach((edge, number) => {
  outgoing[edge[TAIL]].push(number);
  incoming[edge[HEAD]].push(number);
});

const held = new Map();

/** Numbers of the sources that a node holds, or null where that is not recorded. */
function sourcesOf(number) {
  const ranges = model.nodes[number][SOURCES];
  if (ranges === null) return null;
  if (held.has(number)) return held.get(number);
  const found = new Set();
  held.set(number, found);
  for (let place = 0; place < ranges.length; place += 2) {
    for (let one = ranges[place]; one <= ranges[place + 1]; one += 1) found.add(one);
  }
  return found;
}

/** {nodes, edges} of a path, as sets of numbers. */
function pathOf(focus) {
  if (focus < 0) return { nodes: new Set(), edges: new Set() };
  return focus === model.focus ? askedPath() : reached(focus);
}

function askedPath() {
  const picked = (rows, place) => rows.flatMap((row, number) => (row[place] === 0 ? [] : [number]));
  return {
    nodes: new Set([model.focus, ...picked(model.nodes, PICKED)]),
    edges: new Set(picked(model.edges, EDGE_PICKED)),
  };
}

function reached(focus) {
  const isSource = (number) => model.columns[model.nodes[number][COLUMN]] === "source";
  const drawn = sourcesOf(focus);
  const above = walk(focus, incoming, TAIL, (edge) =>
    edge[SAYS] === "parent" || drawn === null || !isSource(edge[TAIL]) || drawn.has(edge[TAIL]));
  const own = new Set([...walk(focus, outgoing, HEAD, (edge) => edge[SAYS] === "parent" || isSource(edge[HEAD])).nodes]
    .filter(isSource));
  const below = walk(focus, outgoing, HEAD, (edge) => {
    const theirs = own.size ? sourcesOf(edge[HEAD]) : null;
    return theirs === null || [...own].some((one) => theirs.has(one));
  });
  return { nodes: new Set([...above.nodes, ...below.nodes]), edges: new Set([...above.edges, ...below.edges]) };
}

/** All nodes and edges that can be come to, by edges that `allowed` admits. Circles end where they began. */
function walk(start, ways, end, allowed) {
  const nodes = new Set([start]);
  const edges = new Set();
  const waiting = [start];
  while (waiting.length) {
    for (const number of ways[waiting.pop()]) {
      const edge = model.edges[number];
      if (!allowed(edge)) continue;
      edges.add(number);
      if (!nodes.has(edge[end])) {
        nodes.add(edge[end]);
        waiting.push(edge[end]);
      }
    }
  }
  return { nodes, edges };
}
