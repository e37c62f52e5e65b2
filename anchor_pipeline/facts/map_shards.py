"""Apply a function to many shards: the one seam through which all measuring goes over cores.

Here the cores are processes of this machine, started afresh (nothing is forked, and the caller's script is not run
again in them). Another engine can take this function's place: function and items are pickled, results come in the
order of the items, and what is written is in the store.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Any, TypeVar

from anchor_pipeline.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

_SERVE = "from anchor_pipeline.facts.map_shards import serve; serve()"
_PATIENCE = 10
"""Seconds that a process has to tidy up before it is killed."""


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_shards(function: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None) -> list[Result]:
    """`function` of every item, in their order, computed by `workers` processes (as many as there are cores).

    With one worker, or one item, it is computed in this process. Otherwise `function`, items and results go through
    pickle: a function of a module, or a `functools.partial` of one. The first error ends the whole, and is raised
    here. Raises Unavailable if a process is killed.
    """
    used = min(usable_cores() if workers is None else max(1, workers), len(items))
    if used <= 1:
        return [function(item) for item in items]
    return _Pool(pickle.dumps(function), items).run(used)


class _Pool:
    """Processes, and a thread for each that hands it items and takes its results."""

    def __init__(self, function: bytes, items: Sequence[Any]) -> None:
        self._function, self._items = function, items
        self._results: list[Any] = [None] * len(items)
        self._waiting = iter(range(len(items)))
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    def run(self, workers: int) -> list[Any]:
        threads = []
        try:
            for _ in range(workers):
                process = subprocess.Popen(
                    [sys.executable, "-c", _SERVE],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path)},
                )
                self._processes.append(process)
                threads.append(threading.Thread(target=self._hand_out, args=[process], daemon=True))
                threads[-1].start()
            for thread in threads:
                thread.join()
        finally:
            self._stop()
        if self._error is not None:
            raise self._error
        return self._results

    def _hand_out(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _send(process.stdin, self._function)
            while (index := self._next()) is not None:
                _send(process.stdin, pickle.dumps(self._items[index]))
                answer = _receive(process.stdout)
                if answer is None:
                    raise EOFError
                worked, value = pickle.loads(answer)
                if not worked:
                    raise value
                self._results[index] = value
        except (EOFError, BrokenPipeError):
            code = process.wait()
            how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            self._fail(
                Unavailable(
                    f"a process that measures shards was {how}, perhaps for want of memory; build again, with more "
                    "memory or fewer cores (taskset): what is measured already stays"
                )
            )
        except BaseException as error:
            self._fail(error)
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()

    def _next(self) -> int | None:
        with self._lock:
            return None if self._error is not None else next(self._waiting, None)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._error = self._error or error
        # The others would go on with what nobody waits for.
        for process in self._processes:
            process.terminate()

    def _stop(self) -> None:
        for process in self._processes:
            if self._error is None and process.poll() is None and sys.exc_info()[0] is not None:
                process.terminate()
        for process in self._processes:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def serve() -> None:
    """What a process does: take a function and items from its input, and answer with results, until there is no more.

    It ends with its input, so that none stays behind when the process that started it is killed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # tidies up on the way out
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed must not get among the answers
    first = _receive(requests)
    if first is None:
        return
    function: Any = None
    while (item := _receive(requests)) is not None:
        try:
            function = function or pickle.loads(first)
            answer = pickle.dumps((True, function(pickle.loads(item))))
        except Exception as error:
            answer = _failure(error)
        _send(answers, answer)


def _failure(error: Exception) -> bytes:
    """An answer that raises `error`, or says what it was if it does not survive pickling."""
    try:
        answer = pickle.dumps((False, error))
        again = pickle.loads(answer)[1]
        if type(again) is type(error) and str(again) == str(error):
            return answer
    except Exception as unpicklable:
        error.add_note(f"(sent as text: {unpicklable})")
    return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))


def _send(stream: IO[bytes], data: bytes) -> None:
    stream.write(len(data).to_bytes(8, "little"))
    stream.write(data)
    stream.flush()


def _receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end of the stream."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    data = stream.read(int.from_bytes(head, "little"))
    return data if len(data) == int.from_bytes(head, "little") else None
