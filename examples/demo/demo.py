"""What `make demo` runs: collect real input, build both stages, and read the released mix.

    python examples/demo/demo.py

One stage is released. The other cannot hold its cap and is refused with the reason; that is part of the demo, so
this ends with exit code 0 when exactly that happened.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ANCHOR = [sys.executable, "-m", "anchor_pipeline"]
ROOT = HERE / "keys" / "root.pub.json"
REFUSED = 1


def main() -> int:
    """Run the demo; 0 if it went as announced."""
    say("1. Collect what this machine has: READMEs, Python's reference, this repository's documents")
    if subprocess.run([sys.executable, str(HERE / "collect.py")], check=False).returncode:
        return 1
    cycle = str(datetime.now(UTC).year)
    if not (HERE / "keys").exists():
        say("   Keys for this demo, and a ledger that they sign")
        if subprocess.run([*ANCHOR, "keys", "init", str(HERE)], check=False).returncode:
            return 1
    say(f"2. Build the cycle {cycle}: stage `assistant` is lawful, stage `tutor` cannot hold its cap")
    build = subprocess.run([*ANCHOR, "build", str(HERE), "--cycle", cycle], check=False)
    release = HERE / "store" / "mix" / "assistant" / cycle
    if build.returncode != REFUSED or not release.is_dir() or (HERE / "store" / "mix" / "tutor").exists():
        print(f"the demo did not go as announced: exit code {build.returncode}", file=sys.stderr)
        return 1
    say("3. Verify the release from its files alone, with the root key as all that is trusted")
    if subprocess.run([*ANCHOR, "verify", str(release), "--root", str(ROOT)], check=False).returncode:
        return 1
    say("4. Read it, as a training job does")
    read(release)
    say(
        "Next: `make ui` shows the same findings in Dagster. In the release, REPORT.html is the report, and\n"
        "VERIFY.html checks the folder in a browser: open it, drop the folder on it, and give it keys/root.pub.json."
    )
    return 0


def say(line: str) -> None:
    """A heading, before what the next command prints."""
    print(f"\n{line}\n", flush=True)


def read(release: Path) -> None:
    """Open the mix and count what its first half holds."""
    import pyarrow as pa

    from anchor_pipeline import open_mix

    mix = open_mix(release)
    print(f"open_mix({str(release)!r}): {len(mix):,} documents")
    for what, rows in (("first half", len(mix) // 2), ("whole mix", len(mix))):
        table = pa.Table.from_batches(mix.batches()).slice(0, rows)
        kinds = table.group_by("kind").aggregate([("tokens", "sum")]).to_pylist()
        total = sum(row["tokens_sum"] for row in kinds)
        shares = ", ".join(f"{row['kind']} {row['tokens_sum'] / total:.1%}" for row in sorted(kinds, key=str))
        print(f"  {what}: {total:,} tokens: {shares}")


if __name__ == "__main__":
    sys.exit(main())
