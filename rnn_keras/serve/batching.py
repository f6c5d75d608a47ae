"""Calls of the models in a small pool of threads, with several requests per call."""

import asyncio
import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from rnn_keras.serve import metrics
from rnn_keras.serve.errors import ServingError
from rnn_keras.serve.servable import Servable
from rnn_keras.serve.signature import Feeds, Signature

# Fraction of the last call's time to wait for its clients to send their next requests, and the
# maximum in seconds, enough for a client on the same network.
PATIENCE, LONGEST_WAIT = 0.5, 0.02


@dataclass
class _Waiting:
    feeds: Feeds
    rows: int
    answer: asyncio.Future


@dataclass
class _Queue:
    waiting: list[_Waiting] = field(default_factory=list)
    wanted: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def rows(self) -> int:
        return sum(waiting.rows for waiting in self.waiting)

    def notice(self) -> None:
        if self.rows >= self.wanted:
            self.enough.set()


class Runner:
    """Runs signatures; belongs to one event loop.

    A batch consists of the requests that came during the batch before it, and of those that come
    soon after: until as many rows wait as were in flight at its end, but at most half of the
    time that the model took for it, and at most 20 ms. So clients that send their next request at
    once share whole batches, and a single request does not wait. Requests share a call only if it
    is for the same signature (`Signature.batchable`) and their rows have the same shapes. If the
    call fails, or exceeds the time of a shared call, each runs alone: a bad request fails no other.

    Args:
        threads: number of parallel calls.
        batch_rows: maximum rows in a call; a larger request runs alone, 1 batches nothing.
    """

    def __init__(self, threads: int = 2, batch_rows: int = 32):
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="model")
        self._batch_rows = batch_rows
        self._queues: dict[tuple, _Queue] = {}
        self._tasks: set[asyncio.Task] = set()

    async def run(
        self, model: str, servable: Servable, signature: Signature, feeds: Feeds
    ) -> dict[str, np.ndarray]:
        """The outputs of a signature for one request, an array by name.

        Args:
            model: the model's name, for the metrics.
            servable: a version of it, which the caller keeps open.
            signature: one of its signatures.
            feeds: the result of `signature.feeds`.

        Raises:
            ServingError: the model rejects the values, or took too long.
        """
        if not signature.batchable or self._batch_rows == 1:
            return (await self._call(model, servable, signature, feeds))[0]
        sizes = {len(array) for array in feeds.values()}
        rows = sizes.pop()
        if sizes or rows >= self._batch_rows:  # the model itself rejects unequal sizes
            return (await self._call(model, servable, signature, feeds))[0]
        shapes = tuple(array.shape[1:] for array in feeds.values())
        key = (model, servable, signature, shapes)
        if (queue := self._queues.get(key)) is None:
            queue = self._queues[key] = _Queue()
            task = asyncio.create_task(self._drain(key, queue))
            self._tasks.add(task)  # the loop keeps only a weak reference
            task.add_done_callback(self._tasks.discard)
        waiting = _Waiting(feeds, rows, asyncio.get_running_loop().create_future())
        queue.waiting.append(waiting)
        queue.notice()
        return await waiting.answer

    async def _drain(self, key, queue):
        """Run the waiting requests, batch by batch, until there are none."""
        while batch := self._take(queue):
            seconds = await self._run_batch(key, batch)
            rows_in_flight = sum(waiting.rows for waiting in batch) + queue.rows
            queue.wanted = min(rows_in_flight, self._batch_rows)
            queue.enough.clear()
            queue.notice()
            if len(batch) + len(queue.waiting) > 1:
                with contextlib.suppress(TimeoutError):  # then the batch stays smaller
                    wait = min(PATIENCE * seconds, LONGEST_WAIT)
                    await asyncio.wait_for(queue.enough.wait(), wait)
        del self._queues[key]

    def _take(self, queue) -> list[_Waiting]:
        """The next batch, without requests that were cancelled or timed out."""
        batch, rows = [], 0
        while queue.waiting and rows + queue.waiting[0].rows <= self._batch_rows:
            waiting = queue.waiting.pop(0)
            if not waiting.answer.done():
                batch.append(waiting)
                rows += waiting.rows
        return batch

    async def _run_batch(self, key, batch) -> float:
        """Run a batch and set its results; the seconds that the model took, 0 if it failed."""
        model, servable, signature, _ = key
        metrics.batch_rows(model, sum(waiting.rows for waiting in batch))
        try:
            feeds = {
                name: np.concatenate([waiting.feeds[name] for waiting in batch])
                for name in signature.inputs
            }
            outputs, seconds = await self._call(
                model, servable, signature, feeds, shared=len(batch) > 1
            )
            parts = _split(outputs, [waiting.rows for waiting in batch])
        except Exception as error:  # after any error every request needs a result
            if len(batch) > 1 and isinstance(error, ServingError):
                # In parallel, so that a slow one does not delay the others again.
                await asyncio.gather(
                    *(self._run_batch(key, [one]) for one in batch if not one.answer.done())
                )
            else:
                for waiting in batch:
                    _settle(waiting, error)
            return 0.0
        for waiting, part in zip(batch, parts):
            _settle(waiting, part)
        return seconds

    async def _call(self, model, servable, signature, feeds, shared=False):
        """The outputs, and the seconds that the model took."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._pool, metrics.timed_runtime, model, servable.run, signature, feeds, shared
        )

    def close(self) -> None:
        """Shut the threads down."""
        self._pool.shutdown(wait=False)


def _split(outputs: Feeds, rows: list[int]) -> list[Feeds]:
    """The rows of each request.

    Raises:
        ServingError: INTERNAL, an output does not have one row per row of the inputs.
    """
    if len(rows) == 1:
        return [outputs]
    if any(len(array) != sum(rows) for array in outputs.values()):
        raise ServingError("INTERNAL", "the model does not return one row per input row")
    return [
        {name: array[end - size : end] for name, array in outputs.items()}
        for end, size in zip(itertools.accumulate(rows), rows)
    ]


def _settle(waiting: _Waiting, result) -> None:
    if waiting.answer.done():
        return
    if isinstance(result, Exception):
        waiting.answer.set_exception(result)
    else:
        waiting.answer.set_result(result)
