// What outside stamps prove, and what a reader still has to do, in plain words: a line for each kind, the newest first.

const entries = (size) => (size === 1 ? "the first entry" : `the first ${size} entries`);
const when = (time) => time.replace(/^(....)(..)(..)(..)(..)(..)$/, "$1-$2-$3 at $4:$5:$6 UTC");

export function tellStamps(found, claims) {
  if (found.length === 0) return;
  const sizes = [...new Set(found.map(({ size }) => size))];
  const what =
    found.length === 1
      ? `One outside time stamp is of this very record: of ${entries(found[0].size)}`
      : `${found.length} outside time stamps are of this very record, the newest of ${entries(sizes.at(-1))}`;
  claims.holds("stamps", what, `Heads that are stamped: over ${sizes.join(", ")} entries. Each was computed here from the entries.`);
  const TELLERS = { authority: tellAuthority, bitcoin: tellBitcoin, unchecked: tellUnchecked, pending: tellPending };
  for (const [state, tell] of Object.entries(TELLERS)) {
    const mine = found.filter((stamp) => stamp.state === state).reverse();
    if (mine.length > 0) tell(mine, claims);
  }
}

function tellAuthority(stamps, claims) {
  const [{ size, time, name, fingerprint }] = stamps;
  const what =
    `“${name}” signed on ${when(time)} that it saw ${entries(size)}, and the signature holds. Whether that is an ` +
    `authority you trust is for you to say: its certificate has the SHA-256 ${fingerprint.slice(0, 16)}…`;
  const lines = stamps.map(
    (one) =>
      `${one.size} entries: ${when(one.time)}, number ${one.serial}, by ${one.name}\n` +
      `  SHA-256 of its certificate: ${one.fingerprint}`,
  );
  const advice =
    "The name is what the certificate says, and the certificate came with the stamp: anybody can make one with any name. " +
    "Compare its SHA-256 with what the authority itself publishes, or check up to its root: openssl ts -verify. If it is " +
    "genuine, these entries were there at that time, as they are now.";
  claims.open("stamp_authority", what, [...lines, advice].join("\n"));
}

function tellBitcoin(stamps, claims) {
  const [{ size, blocks }] = stamps;
  const what =
    `${capital(entries(size))} ${size === 1 ? "is" : "are"} committed to in Bitcoin block ${blocks[0].height}, if the Merkle root of that block is ` +
    `${blocks[0].root.slice(0, 16)}…: compare it with any copy of the block's header`;
  const lines = stamps.flatMap((one) =>
    one.blocks.map(({ height, root }) => `${one.size} entries: block ${height}, Merkle root ${root}`),
  );
  const advice =
    "The way from the record to that Merkle root was computed here. The block itself is not in this folder: ask a Bitcoin " +
    "node, or several explorers, for the Merkle root at that height. If it is the same, these entries were there at the " +
    "time of the block, and nobody could have made them later.";
  claims.open("stamp_bitcoin", what, [...lines, advice].join("\n"));
}

function tellPending(stamps, claims) {
  const [{ size }] = stamps;
  const what = `A time stamp of ${entries(size)} is pending: calendars have taken it, and name no Bitcoin block yet`;
  const lines = stamps.map((one) => `${one.size} entries: ${one.calendars.join(", ")}`);
  const advice = "It proves nothing yet. After some hours the makers of the release can complete it: anchor ledger stamp.";
  claims.open("stamp_pending", what, [...lines, advice].join("\n"));
}

function tellUnchecked(stamps, claims) {
  const what = stamps.length === 1 ? "One time stamp was not verified here" : `${stamps.length} time stamps were not verified here`;
  const lines = stamps.map((one) =>
    one.kind === "ots"
      ? `${one.size} entries: ${one.others} attestations of kinds that are not known here`
      : `${one.size} entries: said to be of ${when(one.time)}, number ${one.serial}; ${one.reason}`,
  );
  claims.open("stamp_unchecked", what, lines.join("\n"));
}

const capital = (words) => words[0].toUpperCase() + words.slice(1);
