"""The access log."""

import logging
import time

logger = logging.getLogger(__name__)


class AccessLog:
    """ASGI middleware: a line for every request.

    `127.0.0.1:51234 "POST /v1/models/sentiment:predict" 200 3.1 ms`; only the start of the path, as
    sent and still encoded, so that no request can forge lines.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 499  # the client disconnected before the response

        async def record_status(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, record_status)
        finally:
            host, port = scope.get("client") or ("-", "-")
            path = (scope.get("raw_path") or b"")[:200].decode("ascii", "backslashreplace")
            milliseconds = 1e3 * (time.perf_counter() - start)
            logger.info(
                '%s:%s "%s %s" %d %.1f ms', host, port, scope["method"], path, status, milliseconds
            )
