"""A load generator for HTTP: connections that each send the next request once the last is answered.

It knows just enough of HTTP/1.1 to cost little beside the server: requests are made beforehand,
and of an answer only the status and the length are read.
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
LOST = 0  # in place of a status: the connection broke before the answer


@dataclass
class Answers:
    """What came of a load.

    Attributes:
        statuses: how many answers had each HTTP status; `LOST` counts those that never came.
        seconds: of each answer, in the order of their coming.
        wall: seconds from the first request to the last answer.
    """

    statuses: Counter = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0

    @property
    def errors(self) -> int:
        """The answers that are not 200."""
        return self.statuses.total() - self.statuses[200]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.seconds) / self.wall

    def percentile(self, percent: float) -> float:
        """Seconds within which so many percent of the answers came."""
        return float(np.percentile(self.seconds, percent))


def post(path: str, body: bytes) -> bytes:
    """A request as it goes over the wire."""
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
        port: where it listens.
        requests: what `post` returned; they are sent in turn, again and again.
        connections: at the same time. One that breaks is opened anew, which is tried for as
            long as the load lasts, so that a server may restart.
        seconds: for how long, or None.
        count: how many requests, or None.
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
    """`generate` in a process of its own, so that it shares no lock with who calls."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_process, args=(there, arguments, options))
    process.start()
    there.close()
    try:
        return here.recv()
    finally:
        process.join()
