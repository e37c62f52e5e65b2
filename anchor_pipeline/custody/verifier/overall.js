// One sentence for everything, for people who read no further.

// Claims without which nothing is proved, whatever else holds.
const NEEDED = ["root", "ledger", "documents", "proof_release"];

// {state: "proved" | "open" | "wrong", word, sentence} for the result of `verify`.
export function overall({ claims, summary }) {
  const failed = claims.filter((claim) => claim.ok === false);
  const wrong = failed.length;
  if (wrong > 0 && failed.every((claim) => claim.code === "recalled")) {
    const sentence = "Its maker has recalled this release: it must not be used. Its files are not what is wrong with it.";
    return { state: "wrong", word: "Recalled", sentence };
  }
  if (wrong > 0) {
    const things = wrong === 1 ? "One thing is wrong" : `${wrong} things are wrong`;
    return { state: "wrong", word: "Damaged or altered", sentence: `${things}. Do not rely on what was checked here.` };
  }
  const missing = claims.find((claim) => claim.ok === null && !claim.note && NEEDED.includes(claim.code));
  if (missing?.code === "root") {
    const sentence = "Everything fits together, but nobody you named vouches for it: add the root key that you trust.";
    return { state: "open", word: "Not proved", sentence };
  }
  if (missing) return { state: "open", word: "Not proved", sentence: `${missing.what}.` };
  const sentences = {
    release: "This is exactly the release that the holder of the root key you trust put on record, and the record is whole.",
    ledger: "The record is whole, and it is that of the holder of the root key you trust.",
    proof: "The proof holds.",
  };
  return { state: "proved", word: "Proved", sentence: sentences[summary.kind] };
}
