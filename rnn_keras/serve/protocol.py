"""HTTP as uvicorn speaks it, with limits on connections and on the head of a request."""

import asyncio
from collections import OrderedDict

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 2**16
# What a connection waits for; the order in which connections are closed when room is needed.
FIRST_REQUEST, NEXT_REQUEST, SLOW_CLIENT = range(3)


class Connections:
    """The open connections of a server, with a limit.

    One more than the limit closes the connection that has waited longest: first among those that
    never sent a request, then among kept-alive ones, then among those whose client is still
    sending a body or reading an answer. A connection whose request the server works on is never
    closed; `max_pending` bounds their number below the limit, so there is always one to close.

    Args:
        limit: connections that may be open.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._open: set[BoundedProtocol] = set()
        # OrderedDict, because taking the first key of a dict is not O(1) after deletions.
        self._waiting = tuple(OrderedDict() for _ in range(3))

    def add(self, connection: "BoundedProtocol") -> None:
        """Count a new connection, and close another if there are too many."""
        oldest = None
        if len(self._open) >= self._limit:
            # The new one itself, if all are worked for.
            oldest = next((next(iter(queue)) for queue in self._waiting if queue), connection)
        self._open.add(connection)
        self.update(connection, FIRST_REQUEST)
        if oldest:
            self.remove(oldest)
            oldest.transport.abort()

    def remove(self, connection: "BoundedProtocol") -> None:
        """Count a connection no more."""
        self._open.discard(connection)
        self.update(connection, None)

    def update(self, connection: "BoundedProtocol", waits_for: int | None) -> None:
        """Note what a connection waits for from now on; None while the server works for it."""
        for kind, queue in enumerate(self._waiting):
            if kind != waits_for:
                queue.pop(connection, None)
            elif connection in self._open:
                queue.setdefault(connection)


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose next request does not begin, or whose answer is not read.

    uvicorn waits for ever for the end of the headers, and keeps what has come of them; its own
    limit between requests (`timeout_keep_alive`) holds until the first byte. It waits for ever for
    a client that does not read.

    Args:
        timeout: seconds until the head of a request must have arrived, after the connection or
            after an answer; more than `MAX_HEAD` bytes without its end are too many. In the same
            time a client must have read some of its answer.
        open_connections: those of the server, shared by all.
        kwargs: uvicorn's.
    """

    def __init__(self, *, timeout: float, open_connections: Connections, **kwargs):
        super().__init__(**kwargs)
        self._timeout = timeout
        self._open_connections = open_connections
        self._expected: asyncio.TimerHandle | None = None  # until the head is there
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
        """The head is there."""
        self._expect_nothing()
        self._in_body = True
        super().on_headers_complete()
        self._note_state()

    def on_message_complete(self):
        """The body, if any, is there."""
        self._in_body = False
        super().on_message_complete()
        self._note_state()

    def on_response_complete(self):
        """The next head is expected, unless it came before this answer."""
        if not self.pipeline:
            self._expect_head()
        super().on_response_complete()
        self._note_state()

    def pause_writing(self):
        """The client does not read as fast as it is answered."""
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
        """Nothing is expected."""
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
        # A large answer may take longer, as long as it is being read. `close` would wait for it.
        if 0 < self.transport.get_write_buffer_size() < unread:
            self._arm_timer()
        else:
            self.transport.abort()

    def _expect_nothing(self):
        if self._expected:
            self._expected.cancel()
            self._expected = None
