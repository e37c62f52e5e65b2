"""A released mix as a torch dataset: the same rows in the same order with any number of workers, resumed exactly.

torch is imported when a dataset is made, not before; it is no dependency of the package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from anchor_pipeline.errors import UsageError
from anchor_pipeline.mix.read import Mix


def torch_dataset(
    mix: Mix,
    *,
    rank: int | None = None,
    world_size: int | None = None,
    start: int = 0,
    batch_size: int = 1,
    columns: Sequence[str] | None = None,
) -> Any:
    """The rows of one rank as dicts, for a DataLoader.

        dataset = torch_dataset(mix, batch_size=32)
        loader = DataLoader(dataset, batch_size=32, num_workers=4, collate_fn=list)

    Args:
        mix: from `open_mix`.
        rank: which reader this is; that of torch.distributed where it runs, otherwise 0.
        world_size: how many readers there are; likewise, otherwise 1.
        start: position to start from, see `Mix.position`.
        batch_size: the one given to the DataLoader. Its workers take turns of so many rows, so that the batches
            come in the order of the mix however many workers there are.
        columns: those to read; all by default.

    Returns:
        An IterableDataset with `state_dict()`, `load_state_dict()` and `set_start(position)`. Without workers the
        state follows the rows handed over; with workers it does so inside each of them, where torchdata's
        StatefulDataLoader keeps it. With a plain DataLoader and workers, resume with
        `start=mix.position(rows, world_size, start)`, `rows` being what this rank has been given.

    """
    if rank is None or world_size is None:
        rank, world_size = _distributed(rank, world_size)
    if batch_size < 1 or not 0 <= rank < world_size:
        raise UsageError(f"batch_size={batch_size}, rank={rank}, world_size={world_size}: expected a rank of the world")
    return _make(mix, rank, world_size, start, batch_size, None if columns is None else list(columns))


class MixRows:
    """The behaviour of the dataset; torch's base class is mixed in when it is made."""

    def __init__(
        self, mix: Mix, rank: int, world_size: int, start: int, batch_size: int, columns: list[str] | None
    ) -> None:
        self._arguments = (mix, rank, world_size, start, batch_size, columns)
        self._start = start
        self._given = 0
        self._resume = 0
        self._workers = 0

    def __reduce__(self) -> tuple[Any, ...]:
        mix, rank, world_size, _, batch_size, columns = self._arguments
        return (
            _make,
            (mix, rank, world_size, self._start, batch_size, columns),
            {"_resume": self._resume, "_workers": self._workers},
        )

    def __iter__(self) -> Iterator[dict[str, Any]]:
        mix, rank, world_size, _, batch_size, columns = self._arguments
        worker = import_module("torch.utils.data").get_worker_info()
        number, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        if self._resume and self._workers not in (0, workers):
            raise UsageError(
                f"the state is of a worker of {self._workers}, now there are {workers}: resume with as many, or with "
                "start=mix.position(rows, world_size, start)"
            )
        self._workers = workers
        self._given = skip = self._resume
        self._resume = 0
        for block, batch in enumerate(mix.batches(rank, world_size, self._start, batch_size, columns)):
            if block % workers != number:
                continue
            rows = batch.slice(min(skip, batch.num_rows)).to_pylist()
            skip -= batch.num_rows - len(rows)
            for row in rows:
                self._given += 1
                yield row

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on after the row handed over last."""
        mix, rank, world_size, *_ = self._arguments
        return {
            "mix": mix.manifest.digest,
            "rank": rank,
            "world_size": world_size,
            "start": self._start,
            "given": self._given,
            "workers": self._workers,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; UsageError if the state is of another mix or reader."""
        mix, rank, world_size, *_ = self._arguments
        expected = {"mix": mix.manifest.digest, "rank": rank, "world_size": world_size}
        other = {name: state.get(name) for name, value in expected.items() if state.get(name) != value}
        if other:
            raise UsageError(
                f"the state is of {other}, this dataset of {expected}: resume on the same mix and reader, or with "
                "start=mix.position(rows, world_size, start)"
            )
        self._start, self._workers = int(state["start"]), int(state["workers"])
        self._resume = int(state["given"])

    def set_start(self, position: int) -> None:
        """Begin the next passes at a position; 0 for a whole pass after a resumed one."""
        self._start, self._resume = position, 0


def _make(*arguments: Any) -> Any:
    # The class is made here, so that importing this module does not import torch; pickling calls this again.
    base = import_module("torch.utils.data").IterableDataset
    return type("MixDataset", (MixRows, base), {})(*arguments)


def _distributed(rank: int | None, world_size: int | None) -> tuple[int, int]:
    distributed = import_module("torch.distributed")
    if distributed.is_available() and distributed.is_initialized():
        rank = distributed.get_rank() if rank is None else rank
        world_size = distributed.get_world_size() if world_size is None else world_size
    return rank or 0, world_size or 1
