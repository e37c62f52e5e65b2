// The picture: the same elements as graph/drawing.py. All text goes in as text, never as HTML.

function element(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const words = (...given) => given.filter(Boolean).join(" ");

function drawingOf(view, places, state) {
  const picture = element("svg", {
    id: "picture", width: places.width, height: places.height, viewBox: `0 0 ${places.width} ${places.height}`,
    role: "group", "aria-label": `Lineage of ${model.title}`,
  });
  for (const [name, left] of places.heads) {
    const number = view.boxes.filter((box) => box.column === name).reduce((total, box) => total + box.standsFor, 0);
    picture.append(element("text", { class: "head", x: left, y: 20 },
      `${model.headings[name]} `, element("tspan", { class: "soft" }, exactNumber(number))));
  }
  const away = state.focus >= 0 ? "off" : "";
  const below = [...view.lines].sort((a, b) => a.onPath - b.onPath);
  for (const line of below) picture.append(drawnLine(view, places, line, away));
  view.boxes.forEach((box, number) => picture.append(drawnBox(box, places.places[number], state, away)));
  return picture;
}

function drawnLine(view, places, line, away) {
  const [tail, head] = [view.boxes[line.tail], view.boxes[line.head]];
  const tenths = 10 + 3 * (String(documentsOf(line.count)).length - 1);
  return element("path", {
    class: words("line", line.kind, line.onPath ? "on" : away),
    d: course(places.places[line.tail], places.places[line.head], tail.column === head.column),
    "stroke-width": `${Math.floor(tenths / 10)}.${tenths % 10}`,
    "aria-hidden": "true",
  }, element("title", {}, saidOfLine(tail, head, line)));
}

function course([x1, y1], [x2, y2], same) {
  if (same) {
    const [x, bulge] = [x1 + WIDTH, ACROSS - 8];
    const [above, below] = y1 === y2 ? [y1 + HEIGHT / 2 - 8, y1 + HEIGHT / 2 + 8] : [y1 + 20, y2 + HEIGHT - 20];
    const arrow = `M${x + 7} ${below - 4}L${x} ${below}L${x + 7} ${below + 4}`;
    return `M${x} ${above}C${x + bulge} ${above} ${x + bulge} ${below} ${x} ${below}${arrow}`;
  }
  const [left, right, fromY, toY] = [x1 + WIDTH, x2, y1 + HEIGHT / 2, y2 + HEIGHT / 2];
  const bend = Math.floor((right - left) / 2);
  return `M${left} ${fromY}C${left + bend} ${fromY} ${right - bend} ${toY} ${right} ${toY}`;
}

function drawnBox(box, [x, y], state, away) {
  const node = model.nodes[box.members[0]];
  const said = saidOfBox(box);
  const focus = !box.folded && box.members[0] === state.focus;
  const texts = [["label", 19], ["figure", 35], ["figure", 50]].map(([style, down], row) => {
    const text = linesOf(box)[row];
    return text ? element("text", { class: style, x: 0, y: down }, text) : "";
  });
  return element("a", {
    class: words("box", box.onPath ? "on" : away, box.folded ? "fold" : node[KIND], focus && "focus",
      !box.folded && node[NOTE].includes("recalled") && "recalled"),
    href: `#r-${box.key}`, "data-key": box.key, "aria-label": said,
  },
  element("title", {}, said),
  element("rect", { x, y, width: WIDTH, height: HEIGHT, rx: !box.folded && node[KIND] === "generator" ? HEIGHT / 2 : 5 }),
  element("svg", { x: x + 9, y, width: WIDTH - 12, height: HEIGHT }, ...texts));
}
