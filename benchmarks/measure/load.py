"""A load generator for HTTP: each connection sends its next request after the last response.

It supports only the part of HTTP/1.1 that keeps it cheap compared with the server: requests are
prepared in advance, and only the status and the length of a response are read.
"""

import asyncio
import itertools
import math
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.measure.runtime import new_process

HEAD = re.compile(rb"HTTP/1\.1 (\d+).*?\r\ncontent-length: *(\d+)\r\n.*?\r\n\r\n", re.S | re.I)
LOST = 0  # instead of a status: the connection broke before the response


@dataclass
class Answers:
    """The responses to a load.

    Attributes:
        statuses: number of responses by HTTP status; `LOST` counts missing ones.
        seconds: latency of each response, in the order of arrival.
        wall: seconds from the first request to the last response.
    """

    statuses: Counter = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0

    def figures(self) -> dict[str, float]:
        """Rate, latency (median and 99th percentile), and the number of responses but for 200."""
        p50, p99 = np.percentile(self.seconds, (50, 99)).tolist()
        count = self.statuses.total()
        return {
            "requests_per_second": count / self.wall,
            "p50_ms": 1e3 * p50,
            "p99_ms": 1e3 * p99,
            "requests": count,
            "errors": count - self.statuses[200],
        }


def post(path: str, body: bytes) -> bytes:
    """A request as bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self, requests, answers, more):
        self.requests, self.answers, self.more = requests, answers, more
        self.closed = asyncio.get_running_loop().create_future()
        self.waiting = False
        self.received = b""

    def connection_made(self, transport):
        self.transport = transport
        self.send()

    def send(self):
        if not self.more():
            self.transport.close()
            return
        self.waiting, self.sent = True, time.perf_counter()
        self.transport.write(next(self.requests))

    def data_received(self, data):
        self.received += data
        head = HEAD.match(self.received)
        if head is None or len(self.received) < head.end() + int(head[2]):
            return
        self.answers.seconds.append(time.perf_counter() - self.sent)
        self.answers.statuses[int(head[1])] += 1
        self.received, self.waiting = b"", False
        self.send()

    def connection_lost(self, error):
        if self.waiting:
            self.answers.statuses[LOST] += 1
        self.closed.set_result(None)


async def generate(
    port: int,
    requests: Sequence[bytes],
    connections: int,
    *,
    seconds: float = math.inf,
    count: int | None = None,
) -> Answers:
    """Load a server on the loopback address.

    Args:
        port: the port of the server.
        requests: results of `post`; they are sent in turn, again and again.
        connections: number of parallel connections. A broken one is opened anew until the load
            ends, so that a server may restart.
        seconds: duration.
        count: number of requests; None for any.
    """
    answers, turns, loop = Answers(), itertools.cycle(requests), asyncio.get_running_loop()
    left = itertools.repeat(True) if count is None else itertools.repeat(True, count)
    began = time.perf_counter()

    def in_time():
        return time.perf_counter() - began < seconds

    def more():
        return in_time() and next(left, False)

    async def connection():
        while in_time() and answers.statuses.total() != count:
            try:
                _, protocol = await loop.create_connection(
                    lambda: _Connection(turns, answers, more), "127.0.0.1", port
                )
                await protocol.closed
                if not protocol.waiting:
                    return
            except OSError:
                await asyncio.sleep(0.02)

    await asyncio.gather(*(connection() for _ in range(connections)))
    answers.wall = time.perf_counter() - began
    return answers


def _generate(load, arguments, options):
    return asyncio.run(load(*arguments, **options))


def in_a_process(*arguments, load=generate, **options):
    """`generate`, or another load, in a separate process, so that it shares no lock with this."""
    with new_process() as process:
        return process.submit(_generate, load, arguments, options).result()
