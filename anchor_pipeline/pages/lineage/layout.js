// Where the boxes stand: as graph/layout.py, step by step.

const [WIDTH, HEIGHT, ACROSS, DOWN, TOP, MARGIN, LOWEST_START, SWEEPS] = [148, 58, 62, 8, 34, 8, 200, 5];
const FREE = ["raw", "source", "document", "export"];

function layoutOf(view) {
  const columns = new Map();
  view.boxes.forEach((box, number) => {
    if (!columns.has(box.column)) columns.set(box.column, []);
    columns.get(box.column).push(number);
  });
  const names = model.columns.filter((name) => columns.has(name));
  orderColumns(view, columns, names);
  const tallest = Math.max(0, ...names.map((name) => columns.get(name).length));
  const places = [];
  const heads = names.map((name, place) => [name, MARGIN + place * (WIDTH + ACROSS)]);
  for (const [name, left] of heads) {
    const here = columns.get(name);
    const spare = (tallest - here.length) * (HEIGHT + DOWN);
    const start = TOP + Math.min(Math.floor(spare / 2), LOWEST_START);
    here.forEach((number, row) => { places[number] = [left, start + row * (HEIGHT + DOWN)]; });
  }
  const width = 2 * MARGIN + names.length * WIDTH + Math.max(0, names.length - 1) * ACROSS;
  return { places, heads, width, height: TOP + tallest * (HEIGHT + DOWN) + MARGIN };
}

function orderColumns(view, columns, names) {
  const lower = view.boxes.map(() => []);
  const upper = view.boxes.map(() => []);
  for (const line of view.lines) {
    if (view.boxes[line.tail].column !== view.boxes[line.head].column) {
      upper[line.head].push(line.tail);
      lower[line.tail].push(line.head);
    }
  }
  const place = new Map();
  for (const name of names) columns.get(name).forEach((number, row) => place.set(number, row));
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const [near, order] = sweep % 2 === 0 ? [lower, [...names].reverse()] : [upper, names];
    for (const name of order.filter((one) => FREE.includes(one))) {
      const means = new Map(columns.get(name).map((number) => {
        const ends = near[number];
        const mean = ends.reduce((total, one) => total + place.get(one), 0) / ends.length;
        return [number, ends.length ? mean : place.get(number)];
      }));
      const rank = (number) => [!view.boxes[number].onPath, view.boxes[number].folded, means.get(number), place.get(number)];
      columns.get(name).sort((a, b) => {
        const [first, second] = [rank(a), rank(b)];
        const differs = first.findIndex((one, at) => one !== second[at]);
        return differs < 0 ? 0 : first[differs] - second[differs];
      });
      columns.get(name).forEach((number, row) => place.set(number, row));
    }
  }
}
