"""Predictions: from the body of a request to the body of the response."""

import asyncio
import gzip
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request, Response

from rnn_keras.serve import metrics
from rnn_keras.serve.batching import Runner
from rnn_keras.serve.errors import ServingError, clean, invalid
from rnn_keras.serve.limits import Gate, Limits, Receive, await_answer, read_body
from rnn_keras.serve.models import Model, ModelStore, not_found
from rnn_keras.serve.servable import Servable
from rnn_keras.serve.signature import Feeds, Signature, parse_request

DEFAULT_SIGNATURE = "serving_default"
# Reading more bytes of JSON, or writing more values, takes too long in the event loop, where other
# requests would wait.
LARGE, MANY = 2**16, 2**12
COMPRESSED = 2**10  # least bytes of a response that is compressed on request


class Predict:
    """The endpoint `/v1/models/NAME[/versions/V]:predict`, an ASGI application.

    Not a route of FastAPI, whose overhead per call is larger than everything done here.

    Args:
        store: the models.
        runner: runs the models.
        limits: limits of a request.
    """

    def __init__(self, store: ModelStore, runner: Runner, limits: Limits):
        self.store, self.runner, self.limits = store, runner, limits
        self.gate = Gate(limits.max_pending)

    async def __call__(self, scope, receive, send):
        request = Request(scope)
        model, version = find_model(self.store, request)
        with metrics.request(model.name, "REST"):
            body = await read_content(request, receive, self.limits)
            with self.place():
                answer = self.answer(body, model, version)
                content = await await_answer(answer, receive, self.limits)
        headers = {"vary": "Accept-Encoding"}
        if len(content) >= COMPRESSED and "gzip" in request.headers.get("accept-encoding", ""):
            content = await asyncio.to_thread(gzip.compress, content, compresslevel=1)
            headers["content-encoding"] = "gzip"
        await Response(content, headers=headers, media_type="application/json")(
            scope, receive, send
        )

    @contextmanager
    def place(self) -> Iterator[None]:
        """Context of a pending request of any protocol.

        Raises:
            ServingError: UNAVAILABLE, there are `max_pending`.
        """
        with self.gate.enter(), metrics.pending.track_inprogress():
            yield

    async def answer(self, body: bytes, model: Model, version: int | None) -> bytes:
        """The response to a request, as JSON.

        Raises:
            ServingError: the request is invalid, or the model cannot answer.
        """
        with model.use(version) as servable:
            if len(body) < LARGE:
                signature, feeds, rows = self.read(body, servable)
            else:
                signature, feeds, rows = await asyncio.to_thread(self.read, body, servable)
            outputs = await self.run(model, servable, signature, feeds)
            if sum(array.size for array in outputs.values()) < MANY:
                return signature.answer(outputs, rows=rows)
            return await asyncio.to_thread(signature.answer, outputs, rows=rows)

    async def run(
        self, model: Model, servable: Servable, signature: Signature, feeds: Feeds
    ) -> Feeds:
        """The outputs of a signature.

        Raises:
            ServingError: the model cannot answer, or its answer is larger than `max_values`.
        """
        outputs = await self.runner.run(model.name, servable, signature, feeds)
        values = sum(array.size for array in outputs.values())
        if values > self.limits.max_values:
            raise invalid(
                f"the answer would have {values} values, and may have at most "
                f"{self.limits.max_values}: ask for fewer or shorter rows"
            )
        return outputs

    def read(self, body: bytes, servable: Servable) -> tuple[Signature, Feeds, bool]:
        """The signature of a request, its inputs, and whether they are rows.

        Raises:
            ServingError: INVALID_ARGUMENT.
        """
        wanted = parse_request(body)
        signature = find_signature(servable, wanted.get("signature_name"))
        return signature, signature.feeds(wanted, self.limits), "instances" in wanted


def find_signature(servable: Servable, name: str | None) -> Signature:
    """A signature by its name, or the default one for an empty name.

    Raises:
        ServingError: INVALID_ARGUMENT, there is none.
    """
    name = name or DEFAULT_SIGNATURE
    if (signature := servable.signatures.get(name)) is None:
        raise invalid(
            f'Serving signature name: "{clean(name)}" not found in signature def; '
            f"there are {', '.join(sorted(servable.signatures))}"
        )
    return signature


def find_model(store: ModelStore, request: Request) -> tuple[Model, int | None]:
    """The model and the version in an address.

    Raises:
        ServingError: NOT_FOUND, there is no such model; INVALID_ARGUMENT, it is no version.
    """
    name = request.path_params["name"]
    version = parse_version(request.path_params.get("version"))
    if (model := store.get(name)) is None:
        raise not_found(name, version)
    return model, version


async def read_content(request: Request, receive: Receive, limits: Limits) -> bytes:
    """The body of a request.

    Raises:
        ServingError: UNSUPPORTED_MEDIA_TYPE, it is compressed; or as for `read_body`.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ServingError("UNSUPPORTED_MEDIA_TYPE", "the request must not be compressed")
    return await read_body(receive, request.headers.get("content-length"), limits)


def parse_version(text: str | None) -> int | None:
    """The version in an address; None for the latest: no version, or 0 as in a gRPC request.

    Raises:
        ServingError: INVALID_ARGUMENT, it is no valid version number.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**63):
        raise invalid(f"Failed to convert version: {text[:40]} to numeric.")
    return int(text) or None
