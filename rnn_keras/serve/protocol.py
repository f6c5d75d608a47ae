"""uvicorn's HTTP protocol, with limits on connections and on the head of a request."""

import asyncio
from collections import OrderedDict

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 2**16
# What a connection waits for, in the order in which connections are closed.
FIRST_REQUEST, NEXT_REQUEST, SLOW_CLIENT = range(3)


class Connections:
    """The open connections of a server, with a limit.

    A connection above the limit closes the one that has waited longest: first of those that
    never sent a request, then of kept-alive ones, then of those whose client is still sending a
    body or reading a response. A connection whose request is being processed is never closed;
    `max_pending` keeps their number below the limit, so there is always one to close.

    Args:
        limit: maximum number of open connections.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._open: set[BoundedProtocol] = set()
        # OrderedDict, because taking the first key of a dict is not O(1) after deletions.
        self._waiting = tuple(OrderedDict() for _ in range(3))

    def add(self, connection: "BoundedProtocol") -> None:
        """Add a new connection, and close another one above the limit."""
        oldest = None
        if len(self._open) >= self._limit:
            # The new one itself, if all others are being processed.
            oldest = next((next(iter(queue)) for queue in self._waiting if queue), connection)
        self._open.add(connection)
        self.update(connection, FIRST_REQUEST)
        if oldest:
            self.remove(oldest)
            oldest.transport.abort()

    def remove(self, connection: "BoundedProtocol") -> None:
        """Remove a closed connection."""
        self._open.discard(connection)
        self.update(connection, None)

    def update(self, connection: "BoundedProtocol", waits_for: int | None) -> None:
        """Record what a connection waits for; None while its request is processed."""
        for kind, queue in enumerate(self._waiting):
            if kind != waits_for:
                queue.pop(connection, None)
            elif connection in self._open:
                queue.setdefault(connection)


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose next request does not begin, or whose response is not read.

    uvicorn waits without limit for the end of the headers, and keeps what has arrived; its own
    limit between requests (`timeout_keep_alive`) ends with the first byte. It also waits without
    limit for a client that does not read.

    Args:
        timeout: seconds until the head of a request must have arrived, after the connection or
            after a response; more than `MAX_HEAD` bytes without its end are too many. In the same
            time a client must have read some of its response.
        open_connections: the connections of the server, shared by all.
        kwargs: arguments of uvicorn's protocol.
    """

    def __init__(self, *, timeout: float, open_connections: Connections, **kwargs):
        super().__init__(**kwargs)
        self._timeout = timeout
        self._open_connections = open_connections
        self._expected: asyncio.TimerHandle | None = None  # until the head is complete
        self._head_bytes = 0
        self._in_body = False  # also of a request that was refused before its end

    def connection_made(self, transport):
        """A head is expected."""
        super().connection_made(transport)
        self._expect_head()
        self._open_connections.add(self)

    def data_received(self, data):
        """Counts data that neither begins in a body nor ends a head."""
        expected = None if self._in_body else self._expected
        super().data_received(data)
        if expected and expected is self._expected:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD:
                self.transport.close()

    def on_headers_complete(self):
        """The head is complete."""
        self._expect_nothing()
        self._in_body = True
        super().on_headers_complete()
        self._note_state()

    def on_message_complete(self):
        """The body, if any, is complete."""
        self._in_body = False
        super().on_message_complete()
        self._note_state()

    def on_response_complete(self):
        """The next head is expected, unless it arrived before this response."""
        if not self.pipeline:
            self._expect_head()
        super().on_response_complete()
        self._note_state()

    def pause_writing(self):
        """The client reads more slowly than the server writes."""
        super().pause_writing()
        if not self._expected:
            self._arm_timer()
        self._note_state()

    def resume_writing(self):
        """The client has read almost everything."""
        super().resume_writing()
        if self.cycle and not self.cycle.response_complete:
            self._expect_nothing()
        self._note_state()

    def connection_lost(self, exc):
        """Nothing is expected any more."""
        self._expect_nothing()
        super().connection_lost(exc)
        self._open_connections.remove(self)

    def _note_state(self):
        if self.cycle is None:
            waits_for = FIRST_REQUEST
        elif self._in_body or self.flow.write_paused:
            waits_for = SLOW_CLIENT
        else:
            waits_for = NEXT_REQUEST if self.cycle.response_complete else None
        self._open_connections.update(self, waits_for)

    def _expect_head(self):
        self._expect_nothing()
        self._head_bytes = 0
        self._arm_timer()

    def _arm_timer(self):
        unread = self.transport.get_write_buffer_size()
        self._expected = self.loop.call_later(self._timeout, self._end, unread)

    def _end(self, unread):
        # A large response may take longer while it is being read. `close` would wait for it.
        if 0 < self.transport.get_write_buffer_size() < unread:
            self._arm_timer()
        else:
            self.transport.abort()

    def _expect_nothing(self):
        if self._expected:
            self._expected.cancel()
            self._expected = None
