"""HTTP as uvicorn speaks it, with a limit on the head of a request."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 2**16


class BoundedHeadProtocol(HttpToolsProtocol):
    """Closes a connection whose next request does not begin.

    uvicorn waits for ever for the end of the headers, and keeps what has come of them; its own
    limit between requests (`timeout_keep_alive`) holds until the first byte.

    Args:
        timeout: seconds until the head of a request must have arrived, after the connection or
            after an answer; more than `MAX_HEAD` bytes without its end are too many.
        kwargs: uvicorn's.
    """

    def __init__(self, *, timeout: float, **kwargs):
        super().__init__(**kwargs)
        self._timeout = timeout
        self._expected: asyncio.TimerHandle | None = None  # until the head is there
        self._head_bytes = 0
        self._in_body = False  # also of a request that was refused before its end

    def connection_made(self, transport):
        """A head is expected."""
        super().connection_made(transport)
        self._expect_head()

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

    def on_message_complete(self):
        """The body, if any, is there."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self):
        """The next head is expected, unless it came before this answer."""
        if not self.pipeline:
            self._expect_head()
        super().on_response_complete()

    def connection_lost(self, exc):
        """Nothing is expected."""
        self._expect_nothing()
        super().connection_lost(exc)

    def _expect_head(self):
        self._expect_nothing()
        self._head_bytes = 0
        self._expected = self.loop.call_later(self._timeout, self.transport.close)

    def _expect_nothing(self):
        if self._expected:
            self._expected.cancel()
            self._expected = None
