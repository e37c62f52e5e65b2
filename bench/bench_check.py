"""`anchor check` of a project with 200 sources: goal below 1.5 s, for an editor or a commit hook calls it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.measure import anchor, median, run, table

SOURCES, RUNS = 200, 7


def declaration(folder: Path) -> Path:
    """A project of 200 sources in 20 domains and 10 stages, with a rule of its own for every domain."""
    lines = ["project: large", "cycle: {cadence: monthly, start: 2020-01-01}", "domains:"]
    lines += [f"  d{i}: {{rules: {{anchor_share: {{min: 0.2}}}}}}" for i in range(20)]
    lines.append("sources:")
    for i in range(SOURCES):
        kind = ("anchor", "licensed", "enterprise", "synthetic")[i % 4]
        lines += [
            f"  s{i}:",
            f"    kind: {kind}",
            f"    domain: d{i % 20}",
            f"    uri: raw/s{i}/*.jsonl",
            "    fields: {id: {column: id}, text: {column: text}, collected_at: {column: date}, licence: CC0-1.0}",
            "    steward: steward@example.org",
        ]
    lines.append("stages:")
    weights = ", ".join(f"d{i}: 0.05" for i in range(20))
    lines += [f"  t{i}: {{tokens: 1B, domains: {{{weights}}}}}" for i in range(10)]
    for i in range(SOURCES):
        (folder / f"raw/s{i}").mkdir(parents=True)
        (folder / f"raw/s{i}/1.jsonl").touch()
    path = folder / "project.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def main() -> str:
    """The table."""
    with tempfile.TemporaryDirectory() as folder:
        path = declaration(Path(folder))
        checked = median([anchor("check", str(path)) for _ in range(RUNS)])
        bare = median([run(["python3", "-c", "pass"]) for _ in range(RUNS)])
    assert checked.code == 0, checked.out
    rows = [
        ["`anchor check`, 200 sources", f"{checked.wall:.2f}", f"{checked.cpu:.2f}", f"{checked.peak_mb:.0f}", "1.5"],
        ["an empty Python, for scale", f"{bare.wall:.2f}", f"{bare.cpu:.2f}", f"{bare.peak_mb:.0f}", ""],
    ]
    return table(["command", "wall s", "CPU s", "peak MB", "goal, wall s"], rows)


if __name__ == "__main__":
    print(main())
