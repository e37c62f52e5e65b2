"""Processes that write to one ledger. `start` makes one; it prints a line for each thing that it knows to be on disk.

python -m anchor_pipeline_tests.custody.ledgers.workers steps ADDRESS KEYS NUMBER
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from anchor_pipeline_tests.custody.ledgers.world import World, intent_of, outcome


def start(task: str, world: World, *more: str) -> subprocess.Popen[str]:
    """A process at a task; it waits for a line on its input before it begins."""
    command = [sys.executable, "-m", __name__, task, world.address, str(world.folder), *more]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def steps(world: World, number: int) -> None:
    """Steps from beginning to end, two entries each."""
    for _ in range(number):
        print(world.step(), flush=True)


def hold(world: World) -> None:
    """A step that goes on until it is killed."""
    intent, observer = intent_of(), world.observer()
    observer.opened(intent)
    print(intent.run.id, flush=True)
    time.sleep(600)


def forever(world: World) -> None:
    """Steps without end, telling of each entry that was appended."""
    while True:
        intent, observer = intent_of(), world.observer()
        observer.opened(intent)
        print(f"opened {intent.run.id}", flush=True)
        observer.completed(intent, outcome())
        print(f"completed {intent.run.id}", flush=True)


def begin_first(world: World) -> None:
    """Reads, writes and heads of a ledger that may have no tables yet."""
    print(world.ledger.size(), flush=True)


if __name__ == "__main__":
    task, address, folder = sys.argv[1:4]
    place = World(address, Path(folder))
    sys.stdin.readline()
    if task == "steps":
        steps(place, int(sys.argv[4]))
    elif task == "hold":
        hold(place)
    elif task == "forever":
        forever(place)
    else:
        begin_first(place)
