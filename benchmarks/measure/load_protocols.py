"""Load generators for gRPC and for streams of text, as `measure.load` is one for HTTP."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc
import numpy as np

from benchmarks.measure.load import Answers

PREDICT = "/tensorflow.serving.PredictionService/Predict"
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]  # not shared with other channels


async def generate_grpc(
    port: int, requests: Sequence[bytes], connections: int, *, seconds: float
) -> Answers:
    """Load a gRPC server on the loopback address.

    Args:
        port: the port of the server.
        requests: serialized `PredictRequest`s; they are sent in turn, again and again.
        connections: number of channels, each with a connection of its own.
        seconds: duration.
    """
    answers, turns, began = Answers(), itertools.cycle(requests), time.perf_counter()

    async def client():
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", OWN_CONNECTION) as channel:
            predict = channel.unary_unary(PREDICT)  # of bytes
            while (sent := time.perf_counter()) - began < seconds:
                try:
                    await predict(next(turns), timeout=60, wait_for_ready=True)
                    answers.statuses[200] += 1
                except grpc.aio.AioRpcError as error:
                    answers.statuses[error.code().name] += 1
                answers.seconds.append(time.perf_counter() - sent)

    await asyncio.gather(*(client() for _ in range(connections)))
    answers.wall = time.perf_counter() - began
    return answers


@dataclass
class Streams:
    """The characters of streams.

    Attributes:
        firsts: seconds from each request to its first character.
        gaps: seconds between two characters.
        errors: number of streams that did not end as they should.
        wall: seconds in all.
    """

    firsts: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    errors: int = 0
    wall: float = 0.0

    def figures(self) -> dict[str, float]:
        """Characters per second, median and 99th percentile of the waits, number of streams."""
        first, first99 = np.percentile(self.firsts, (50, 99)).tolist()
        p50, p99 = np.percentile(self.gaps, (50, 99)).tolist()
        return {
            "characters_per_second": (len(self.firsts) + len(self.gaps)) / self.wall,
            "first_p50_ms": 1e3 * first,
            "first_p99_ms": 1e3 * first99,
            "p50_ms": 1e3 * p50,
            "p99_ms": 1e3 * p99,
            "requests": len(self.firsts),
            "errors": self.errors,
        }


async def generate_streams(
    port: int, requests: Sequence[bytes], users: int, *, seconds: float
) -> Streams:
    """Load a server with streams: each user starts the next one when one has ended.

    Args:
        port: the port of the server.
        requests: results of `load.post`, for `:stream`.
        users: number of parallel streams.
        seconds: duration; the last streams are read to their ends.
    """
    found, turns, began = Streams(), itertools.cycle(requests), time.perf_counter()

    async def stream():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(next(turns))
        last, waits, received = time.perf_counter(), [], b""
        while b"event: end" not in received and (part := await reader.read(2**16)):
            now, count = time.perf_counter(), part.count(b'data: {"text"')
            waits += count * [(now - last) / max(count, 1)]
            last, received = (now if count else last), received[-20:] + part
        writer.close()
        found.firsts += waits[:1]
        found.gaps += waits[1:]
        found.errors += b"event: end" not in received

    async def user():
        while time.perf_counter() - began < seconds:
            await stream()

    await asyncio.gather(*(user() for _ in range(users)))
    found.wall = time.perf_counter() - began
    return found
