// RECALLED.json beside a release: its maker says that it must not be used any more. Anybody may have put it there, so
// nothing of it is believed but that; what the release holds is proved, or not, as without it.

import { readAll } from "./bytes.js";
import { isObject, parse } from "./canonical.js";
import { Flaw } from "./flaws.js";

export const NOTICE = "RECALLED.json";
const LIMIT = 2 ** 20;
const MOST = 5;

export async function checkRecalled(files, claims) {
  const source = files.get(NOTICE);
  if (source === undefined) return;
  const told = await reasons(source);
  const detail = told.length > 0 ? told.join("\n") : `${NOTICE} lies in the folder and does not say why.`;
  claims.wrong("recalled", "This release was recalled: it must not be used, whatever else is proved of it", detail);
}

// A line for each recall, as far as the notice can be read.
async function reasons(source) {
  let notice;
  try {
    notice = parse(await readAll(source, NOTICE, LIMIT), NOTICE, { limit: LIMIT });
  } catch (error) {
    if (error instanceof Flaw) return [];
    throw error;
  }
  if (!isObject(notice) || !Array.isArray(notice.recalls)) return [];
  const lines = notice.recalls.filter(isRecall).map(({ id, at, what, reason }) => `${id}, ${at}: ${what.by} ${what.value}: ${reason}`);
  const shown = lines.slice(0, MOST).map((line) => line.slice(0, 500));
  return lines.length > MOST ? [...shown, `and ${lines.length - MOST} more`] : shown;
}

const isRecall = (one) =>
  isObject(one) && isObject(one.what) && [one.id, one.at, one.reason, one.what.by, one.what.value].every((text) => typeof text === "string");
