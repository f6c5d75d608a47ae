"""Limits of requests."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TypeVar

from rnn_keras.serve.errors import ServingError

Result = TypeVar("Result")
Receive = Callable[[], Awaitable[Mapping]]


@dataclass(frozen=True)
class Limits:
    """Limits of a request, and of all requests together.

    Attributes:
        max_body: bytes of a request.
        max_rows: rows of a request.
        max_length: bytes of a string, and size of any dimension that the model leaves open.
        max_values: numbers and strings of a response.
        max_pending: requests that wait or run at the same time; further ones get 503.
        timeout: seconds until a request must have arrived, and again until its response.

    Raises:
        ValueError: one of them is not positive.
    """

    max_body: int = 4 * 2**20
    max_rows: int = 1024
    max_length: int = 2**16
    max_values: int = 2**20
    max_pending: int = 256
    timeout: float = 30.0

    def __post_init__(self):
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"{field.name} must be positive, got {getattr(self, field.name)}")


class Gate:
    """Counts active requests and refuses those above a limit; for one event loop."""

    def __init__(self, places: int):
        self.places = places
        self.inside = 0

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Context of an active request.

        Raises:
            ServingError: UNAVAILABLE, the limit is reached.
        """
        if self.inside >= self.places:
            raise ServingError("UNAVAILABLE", f"{self.places} requests are waiting, try again")
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


async def read_body(receive: Receive, declared: str | None, limits: Limits) -> bytes:
    """The body of a request.

    Args:
        receive: ASGI's, which returns the parts of the body.
        declared: its `Content-Length`, if there is one.
        limits: `max_body` and `timeout` hold.

    Raises:
        ServingError: PAYLOAD_TOO_LARGE, without reading on; REQUEST_TIMEOUT, it came too slowly;
            CANCELLED, the client disconnected.
    """
    too_large = ServingError(
        "PAYLOAD_TOO_LARGE", f"the request must not be longer than {limits.max_body} bytes"
    )
    if declared is not None and declared.isdigit() and int(declared) > limits.max_body:
        raise too_large
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(limits.timeout):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ServingError("CANCELLED", "the client has gone")
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > limits.max_body:
                    raise too_large
    except TimeoutError:
        raise ServingError(
            "REQUEST_TIMEOUT", f"the request did not arrive within {limits.timeout:g} s"
        ) from None
    return bytes(body)


async def await_answer(answer: Awaitable[Result], receive: Receive, limits: Limits) -> Result:
    """The result of `answer`, which is cancelled when the client disconnects or time runs out.

    Args:
        answer: the awaitable.
        receive: ASGI's, after the whole request: its next message is the client's disconnect.
        limits: `timeout` holds.

    Raises:
        ServingError: DEADLINE_EXCEEDED; CANCELLED, the client disconnected; an error of `answer`.
    """
    try:
        async with asyncio.timeout(limits.timeout) as limit:
            leaving = asyncio.create_task(_end_at_disconnect(receive, limit))
            try:
                return await answer
            finally:
                leaving.cancel()
    except TimeoutError:
        if leaving.done():
            raise ServingError("CANCELLED", "the client has gone") from None
        raise late(limits) from None


def late(limits: Limits) -> ServingError:
    """The error for a request whose time is up."""
    return ServingError("DEADLINE_EXCEEDED", f"no answer within {limits.timeout:g} s")


async def _end_at_disconnect(receive: Receive, limit: asyncio.Timeout) -> None:
    await disconnected(receive)
    limit.reschedule(0)  # in the past


async def disconnected(receive: Receive) -> None:
    """Waits for the client's disconnect, after the whole request."""
    while (await receive())["type"] != "http.disconnect":
        pass
