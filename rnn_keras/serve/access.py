"""Request ids, and the access log."""

import logging
import re
import time
import uuid

logger = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"
_VALID_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


def request_id(given: str | None) -> str:
    """The id of a request: that of the client, or a new one if there is none or an invalid one."""
    return given if given and _VALID_ID.fullmatch(given) else uuid.uuid4().hex


class AccessLog:
    """ASGI middleware: an `X-Request-Id` in every response, and a line for every request.

    `127.0.0.1:51234 "POST /v1/models/sentiment:predict" 200 3.1 ms ID`; only the start of the path,
    as sent and still encoded, so that no request can forge lines.

    Args:
        app: the application.
        enabled: whether lines are written.
    """

    def __init__(self, app, enabled: bool = True):
        self.app, self._enabled = app, enabled

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 499  # the client disconnected before the response
        identity = request_id(
            dict(scope["headers"]).get(REQUEST_ID.encode(), b"").decode("latin-1")
        )

        async def record_status(message):
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (REQUEST_ID.encode(), identity.encode()),
                ]
            await send(message)

        try:
            await self.app(scope, receive, record_status)
        finally:
            if self._enabled:
                host, port = scope.get("client") or ("-", "-")
                path = (scope.get("raw_path") or b"")[:200].decode("ascii", "backslashreplace")
                request = f'{host}:{port} "{scope["method"]} {path}"'
                log(request, status, start, identity)


def log(request: str, status: int | str, start: float, identity: str) -> None:
    """Writes a line.

    Args:
        request: the client's address, method and path.
        status: of the response.
        start: when it came, `time.perf_counter()`.
        identity: its id.
    """
    logger.info("%s %s %.1f ms %s", request, status, 1e3 * (time.perf_counter() - start), identity)
