// VERDICT.json: that the rules were judged, for this very mix, and let it pass.

import { isObject, parse } from "./canonical.js";
import { Flaw } from "./flaws.js";

// In words, what was judged; Flaw verdict if the mix was not let pass by it.
export function checkVerdict(bytes, digest, manifest) {
  const wrong = (detail) => new Flaw("verdict", "VERDICT.json", detail);
  let verdict;
  try {
    verdict = parse(bytes, "VERDICT.json", { limit: 2 ** 28, fractions: true });
  } catch (error) {
    throw error instanceof Flaw ? wrong(error.message) : error;
  }
  if (digest !== manifest.digests.verdict) {
    throw wrong(`its digest is ${digest}, the manifest names ${manifest.digests.verdict}`);
  }
  if (!isObject(verdict) || !isObject(verdict.digests) || !isObject(verdict.rules) || !Array.isArray(verdict.findings)) {
    throw wrong("not a verdict");
  }
  const pairs = [
    ...["project", "stage", "cycle", "as_of"].map((name) => [name, verdict[name], manifest[name]]),
    ...["policy", "selection", "corpus"].map((name) => [name, verdict.digests[name], manifest.digests[name]]),
    ["previous release", verdict.digests.previous_release, manifest.previous?.digest ?? null],
  ];
  const differs = pairs.find(([, one, other]) => one !== other);
  if (differs !== undefined) throw wrong(`it is about another ${differs[0]}`);
  if (verdict.status !== "pass") throw wrong("the rules did not let this mix pass");
  const refused = verdict.findings.filter((one) => one?.severity === "block" && one.status !== "pass");
  if (refused.length > 0) throw wrong(`it says 'pass' although ${String(refused[0].rule).slice(0, 80)} did not`);
  const evaluated = verdict.rules.evaluated;
  if (!Array.isArray(evaluated) || evaluated.length === 0) throw wrong("no rule was evaluated");
  return `${evaluated.length} rules evaluated, ${verdict.findings.length} findings, none that refuses`;
}
