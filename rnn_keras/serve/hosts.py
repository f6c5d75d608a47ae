"""The host names that the server accepts.

A page of another site can let its own name resolve to this machine (DNS rebinding); its browser
then treats our responses as that site's own. The Host header still has that name.
"""

import ipaddress
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from fastapi.datastructures import Headers
from fastapi.responses import JSONResponse

from rnn_keras.serve.errors import clean

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d*)?")


class AllowedHosts:
    """ASGI middleware: a request with another Host header gets 403.

    A request without a Host header is accepted; a browser always sends one.

    Args:
        app: the application.
        allowed: names, or patterns such as `*.example.com` and `*`, without ports.
        any_address: whether every IP address is allowed; DNS rebinding needs a name.
    """

    def __init__(self, app, allowed: Iterable[str], any_address: bool = False):
        self.app = app
        self._allowed = [name.lower().strip("[]") for name in allowed]
        self._any_address = any_address

    async def __call__(self, scope, receive, send):
        host = Headers(scope=scope).get("host") if scope["type"] == "http" else None
        if host is None or self._allows(host):
            await self.app(scope, receive, send)
            return
        message = f"the host {clean(host)!r} is not allowed: start the server with --allowed-hosts"
        await JSONResponse({"error": message}, 403)(scope, receive, send)

    def _allows(self, host: str) -> bool:
        match = _HOST.fullmatch(host.lower())
        name = match[1].strip("[]") if match else ""
        if any(pattern == "*" or fnmatchcase(name, pattern) for pattern in self._allowed):
            return True
        return self._any_address and _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
