// How much things stand for: arrays of documents, how many of unknown amount, and tokens of each modality.

const model = JSON.parse(document.getElementById("model").textContent);
const [COLUMN, KEY, LABEL, KIND, NOTE, COUNT, PICKED, SOURCES, STANDS_FOR] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const [TAIL, HEAD, SAYS, EDGE_COUNT, EDGE_PICKED] = [0, 1, 2, 3, 4];

/** The sum of counts; 0 stands for none. */
function sum(counts) {
  const known = counts.filter((one) => one !== 0);
  if (!known.length) return 0;
  const total = [0, 0, ...model.units.map(() => 0)];
  for (const one of known) one.forEach((number, place) => { total[place] += number; });
  return total;
}

const documentsOf = (count) => count[0] ?? 0;
const unknownOf = (count) => count[1] ?? 0;
const amountsOf = (count) => model.units.map((unit, place) => [count[place + 2] ?? 0, ...unit]).filter(([tokens]) => tokens);
const isUnknown = (count) => unknownOf(count) > 0 && documentsOf(count) === 0;
const sameCount = (one, other) => one !== 0 && other !== 0
  && [0, 1, ...model.units.keys()].every((_, place) => (one[place] ?? 0) === (other[place] ?? 0));
