"""A load generator for HTTP: each connection sends its next request after the last response.

It supports only the part of HTTP/1.1 that keeps it cheap compared with the server: requests are
prepared in advance, and only the status and the length of a response are read.
"""

import asyncio
import itertools
import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

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

    @property
    def errors(self) -> int:
        """The number of responses whose status is not 200."""
        return self.statuses.total() - self.statuses[200]

    @property
    def rate(self) -> float:
        """Responses per second."""
        return len(self.seconds) / self.wall

    def percentile(self, percent: float) -> float:
        """The latency in seconds that `percent` percent of the responses do not exceed."""
        return float(np.percentile(self.seconds, percent))


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
    port: int, requests: Sequence[bytes], connections: int, *, seconds=None, count=None
) -> Answers:
    """Load a server on the loopback address.

    Args:
        port: the port of the server.
        requests: results of `post`; they are sent in turn, again and again.
        connections: number of parallel connections. A broken one is opened anew until the load
            ends, so that a server may restart.
        seconds: duration, or None.
        count: number of requests, or None.
    """
    answers, turns, loop = Answers(), itertools.cycle(requests), asyncio.get_running_loop()
    left = itertools.count() if count is None else iter(range(count))
    began = time.perf_counter()

    def more():
        in_time = seconds is None or time.perf_counter() - began < seconds
        return in_time and next(left, None) is not None

    def unfinished():
        if seconds is not None and time.perf_counter() - began >= seconds:
            return False
        return count is None or answers.statuses.total() < count

    async def connection():
        while unfinished():
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


def _process(pipe, arguments, options):
    pipe.send(asyncio.run(generate(*arguments, **options)))


def in_a_process(*arguments, **options) -> Answers:
    """`generate` in a separate process, so that it shares no lock with the caller."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_process, args=(there, arguments, options))
    process.start()
    there.close()
    try:
        return here.recv()
    finally:
        process.join()
