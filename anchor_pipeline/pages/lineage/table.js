// The tables: the rows of graph/listing.py. What is folded is filled in when it is opened.

function html(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const isolated = (text) => html("bdi", {}, text);
const heading = (text, style) => html("th", style ? { scope: "col", class: style } : { scope: "col" }, ...[text].flat());
const asked = (state) => model.focus >= 0 && state.focus === model.focus;

function figureHeads(state) {
  return [
    heading("Documents", "number"), heading("Amount", "number"),
    ...(asked(state) ? [heading(["Of it for ", isolated(model.title)])] : []),
    ...(state.focus >= 0 ? [heading("On the path")] : []),
  ];
}

function figures(count, picked, onPath, state) {
  const least = unknownOf(count) ? "at least " : "";
  const none = isUnknown(count);
  const amount = exactAmounts(count).map((one) => least + one).join(", ") || "none";
  return [
    html("td", { class: "number" }, none ? "not recorded" : least + exactNumber(documentsOf(count))),
    html("td", { class: "number amounts" }, none ? "not recorded" : amount),
    ...(asked(state) ? [html("td", {}, picked === 0 ? "" : exact(picked))] : []),
    ...(state.focus >= 0 ? [html("td", {}, onPath ? "yes" : "")] : []),
  ];
}

function tableOf(heads, rows) {
  return html("table", {}, html("thead", {}, html("tr", {}, ...heads)), html("tbody", {}, ...rows));
}

/** A row that opens into a table of what is folded, made when it is first opened. */
function foldedRow(label, columns, heads, rows) {
  const details = html("details", {}, html("summary", {}, `The ${label}`));
  details.addEventListener("toggle", () => {
    if (details.open && !details.querySelector("table")) details.append(tableOf(heads(), rows()));
  });
  return html("tr", { class: "folded" }, html("td", { colspan: columns }, details));
}

function scrolling(label, table) {
  return html("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, table);
}

function nodeRow(name, what, figureCells, attributes = {}, link = null) {
  const shown = link === null ? isolated(name) : html("a", { href: "#", "data-key": link }, isolated(name));
  return html("tr", attributes, html("th", { scope: "row" }, shown), html("td", {}, what), ...figureCells);
}

function sectionsOf(view, state) {
  const heads = () => [heading("Name"), heading("What"), ...figureHeads(state)];
  return model.columns.filter((name) => view.boxes.some((box) => box.column === name)).map((name) => {
    const rows = view.boxes.filter((box) => box.column === name).flatMap((box) => {
      const cells = figures(box.count, box.picked, box.onPath, state);
      const row = nodeRow(nameOf(box), whatIs(box), cells, { id: `r-${box.key}` }, box.key);
      if (!box.folded) return [row];
      const members = () => box.members.map((number) => {
        const node = model.nodes[number];
        return nodeRow(node[LABEL], wordOf(node), figures(node[COUNT], node[PICKED], box.onPath, state), {}, node[KEY]);
      });
      return [row, foldedRow(`${exactNumber(box.standsFor)} ${nouns(box.members)}`, heads().length, heads, members)];
    });
    return html("section", { class: "part" },
      html("h3", {}, model.headings[name]), scrolling(model.headings[name], tableOf(heads(), rows)));
  });
}

function lineRow(tail, kind, head, cells) {
  const [from, to] = [html("th", { scope: "row" }, isolated(tail)), html("td", {}, isolated(head))];
  return html("tr", {}, from, html("td", {}, model.says[kind]), to, ...cells);
}

function connectionsOf(view, state, path) {
  if (!view.lines.length) return html("p", { class: "soft" }, "There are none.");
  const heads = () => [heading("From"), heading("What"), heading("To"), ...figureHeads(state)];
  const rows = view.lines.flatMap((line) => {
    const [tail, head] = [nameOf(view.boxes[line.tail]), nameOf(view.boxes[line.head])];
    const row = lineRow(tail, line.kind, head, figures(line.count, line.picked, line.onPath, state));
    if (line.members.length === 1) return [row];
    const members = () => line.members.map((number) => {
      const edge = model.edges[number];
      const cells = figures(edge[EDGE_COUNT], edge[EDGE_PICKED], path.edges.has(number), state);
      return lineRow(model.nodes[edge[TAIL]][LABEL], edge[SAYS], model.nodes[edge[HEAD]][LABEL], cells);
    });
    return [row, foldedRow(`${exactNumber(line.members.length)} connections`, heads().length, heads, members)];
  });
  return scrolling("Connections", tableOf(heads(), rows));
}
