"""Streams of generated text: server-sent events, a character each."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import numpy as np
from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from rnn_keras.serve import metrics
from rnn_keras.serve.errors import ServingError, clean, invalid
from rnn_keras.serve.limits import disconnected, late
from rnn_keras.serve.models import Model
from rnn_keras.serve.predict import Predict, find_model, read_content
from rnn_keras.serve.sampled_step import OPTIONS, SampledStep
from rnn_keras.serve.servable import Servable
from rnn_keras.serve.signature import parse_object

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect the events
]
START = {"type": "http.response.start", "status": 200, "headers": HEADERS}


def _temperature(value: float) -> float:
    if 0 < value < 1e-3:
        raise ValueError("must be 0 (greedy), or a number of at least 0.001")
    return value


def _text(value: str) -> str:
    value.encode()  # half of a surrogate pair is a ValueError
    return value


class StreamRequest(BaseModel):
    """The JSON of a request for a stream; `length` is the number of characters to generate."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: Annotated[str, AfterValidator(_text)] = ""
    length: int = Field(200, ge=1)
    temperature: Annotated[float, AfterValidator(_temperature)] = Field(0.8, ge=0, le=1e6)
    top_k: int = Field(0, ge=0, lt=2**31)
    top_p: float = Field(1.0, gt=0, le=1)
    seed: int = Field(0, ge=-(2**31), lt=2**31)


class Stream:
    """The endpoint `/v1/models/NAME[/versions/V]:stream`, an ASGI application.

    Each character is a request to the `Runner`, so all streams of a model share the calls of its
    step, those that still read their prompt too. A stream counts as one pending request.

    Args:
        predict: the endpoint for predictions, with which it shares models, batches and limits.
    """

    def __init__(self, predict: Predict):
        self._predict = predict

    async def __call__(self, scope, receive, send):
        request, started = Request(scope), False
        model, version = find_model(self._predict.store, request)
        try:
            with metrics.request(model.name, "REST", "Stream"):
                body = await read_content(request, receive, self._predict.limits)
                with self._predict.place(), model.use(version) as servable:
                    step, wanted = self._read(body, servable)
                    left = asyncio.create_task(disconnected(receive))
                    try:
                        async for text in self._generate(model, servable, step, wanted, left.done):
                            if not started:
                                started = True
                                await send(dict(START))
                            await send(_event({"text": text}))
                    finally:
                        left.cancel()
            last = _event({"length": wanted.length}, "end")
        except ServingError as error:
            if not started:
                raise
            last = _event({"error": str(error)}, "error")
        await send(last | {"more_body": False})

    def _read(self, body: bytes, servable: Servable) -> tuple[SampledStep, StreamRequest]:
        """The step of the model, and the request.

        Raises:
            ServingError: INVALID_ARGUMENT.
        """
        if servable.sampled_step is None:
            raise invalid("the model generates no stream: it has no step, or no characters")
        try:
            wanted = StreamRequest.model_validate(parse_object(body))
        except ValidationError as error:
            first = error.errors()[0]
            place = clean(".".join(map(str, first["loc"])))
            raise invalid(f"{place}: {first['msg']}") from None
        largest = self._predict.limits.max_length
        for name, size in (("prompt", len(wanted.prompt.encode())), ("length", wanted.length)):
            if size > largest:
                raise invalid(f"{name} must be at most {largest}, got {size}")
        return servable.sampled_step, wanted

    async def _generate(
        self,
        model: Model,
        servable: Servable,
        step: SampledStep,
        wanted: StreamRequest,
        left: Callable[[], bool],
    ) -> AsyncIterator[str]:
        """The characters.

        Raises:
            ServingError: the first or a further character takes longer than `timeout`; the client
                disconnected; or the model fails.
        """
        ids = step.encode(wanted.prompt)
        row = step.zero_states | {
            name: np.array([getattr(wanted, name)], dtype.as_numpy_dtype)
            for name, dtype in OPTIONS.items()
            if name != "t"
        }
        runner, seconds = self._predict.runner, self._predict.limits.timeout
        clock = asyncio.get_running_loop().time
        deadline = clock() + seconds
        token = ids[:1]
        for t in range(1 - len(ids), wanted.length):
            if left():
                raise ServingError("CANCELLED", "the client has gone")
            row |= {"ids": token, "t": np.array([t], "int32")}
            try:
                async with asyncio.timeout_at(deadline):
                    outputs = await runner.run(model.name, servable, step.signature, row)
            except TimeoutError:
                raise late(self._predict.limits) from None
            drawn = outputs.pop("tokens")
            row |= outputs
            token = drawn if t >= 0 else ids[t : t + 1 or None]
            if t >= 0:
                yield step.vocabulary.tokens[token[0]]
                deadline = clock() + seconds


def _event(data: dict[str, Any], kind: str = "") -> dict[str, Any]:
    name = f"event: {kind}\n" if kind else ""
    text = f"{name}data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
    return {"type": "http.response.body", "body": text.encode(), "more_body": True}
