"""The routes: TensorFlow Serving's REST API, health, metrics, and their description."""

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from rnn_keras.serve import metrics
from rnn_keras.serve.access import AccessLog
from rnn_keras.serve.batching import Runner
from rnn_keras.serve.errors import ServingError, invalid
from rnn_keras.serve.limits import Gate, Limits, read_body
from rnn_keras.serve.models import Model, ModelStore, not_found
from rnn_keras.serve.openapi import DESCRIPTION, ERRORS, PREDICT, READY, describe
from rnn_keras.serve.signature import parse_request
from rnn_keras.serve.status import metadata_message, status_message

logger = logging.getLogger(__name__)

DEFAULT_SIGNATURE = "serving_default"
LARGE = 2**16  # bytes of JSON that take longer to read than other requests should wait

Name = Annotated[str, Path(description="A model.", pattern="^[^/:]+$")]
Version = Annotated[str, Path(description="A version, an integer.", pattern="^[0-9]+$")]


def create_app(
    store: ModelStore,
    runner: Runner,
    limits: Limits,
    *,
    poll_seconds: float = 2.0,
    access_log: bool = True,
) -> FastAPI:
    """The ASGI application.

    Args:
        store: the models; those that are loaded answer.
        runner: what runs them.
        limits: how much a client may ask for.
        poll_seconds: how often to look for new versions.
        access_log: whether every request is a line in the log `rnn_keras.serve.access`.
    """

    @asynccontextmanager
    async def lifespan(_):
        async with store.watched(poll_seconds):
            yield
        runner.close()

    app = FastAPI(
        title="rnn_keras.serve",
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        responses=ERRORS,
    )
    app.openapi = lambda: describe(app, store)
    gate = Gate(limits.max_pending)

    async def answer(request: Request, model: Model, version: int | None) -> bytes:
        with gate.entered():
            metrics.pending.set(gate.inside)
            if request.headers.get("content-encoding", "identity") != "identity":
                raise ServingError("UNSUPPORTED_MEDIA_TYPE", "the request must not be compressed")
            body = await read_body(request.stream(), request.headers.get("content-length"), limits)
            with model.use(version) as servable:

                def read():
                    wanted = parse_request(body)
                    name = wanted.get("signature_name") or DEFAULT_SIGNATURE
                    if (signature := servable.signatures.get(name)) is None:
                        raise invalid(
                            f'Serving signature name: "{name[:100]}" not found in signature def; '
                            f"there are {', '.join(sorted(servable.signatures))}"
                        )
                    return signature, signature.feeds(wanted, limits), "instances" in wanted

                signature, feeds, rows = (
                    read() if len(body) < LARGE else await asyncio.to_thread(read)
                )
                outputs = await runner.run(model.name, servable, signature, feeds)
                return signature.answer(outputs, rows=rows)

    async def predict(request: Request, name: str, version: str | None) -> Response:
        number = _version(version)
        if (model := store.get(name)) is None:
            raise not_found(name, number)
        with metrics.request(name):
            try:
                async with asyncio.timeout(limits.timeout):
                    content = await answer(request, model, number)
            except TimeoutError:
                raise ServingError(
                    "DEADLINE_EXCEEDED", f"no answer within {limits.timeout:g} s"
                ) from None
        return Response(content, media_type="application/json")

    @app.post("/v1/models/{name}:predict", openapi_extra=PREDICT, summary="Predict")
    async def predict_latest(request: Request, name: Name):
        return await predict(request, name, None)

    @app.post(
        "/v1/models/{name}/versions/{version}:predict",
        openapi_extra=PREDICT,
        summary="Predict with a version",
    )
    async def predict_version(request: Request, name: Name, version: Version):
        return await predict(request, name, version)

    @app.get("/v1/models/{name}", summary="State of all versions")
    async def status(name: Name):
        return status_message(name, store.get(name), None)

    @app.get("/v1/models/{name}/versions/{version}", summary="State of a version")
    async def status_of_version(name: Name, version: Version):
        return status_message(name, store.get(name), _version(version))

    @app.get("/v1/models/{name}/metadata", summary="Signatures")
    async def metadata(name: Name):
        return metadata_message(name, store.get(name), None)

    @app.get("/v1/models/{name}/versions/{version}/metadata", summary="Signatures of a version")
    async def metadata_of_version(name: Name, version: Version):
        return metadata_message(name, store.get(name), _version(version))

    @app.get("/healthz", summary="Whether the process answers")
    async def healthz():
        return {"status": "ok"}

    @app.get("/readyz", summary="Whether every model answers", responses=READY)
    async def readyz():
        missing = sorted(store.missing)
        return JSONResponse(
            {"status": "loading", "missing": missing} if missing else {"status": "ok"},
            503 if missing else 200,
        )

    @app.get(metrics.PATH, summary="Metrics for Prometheus", response_class=Response)
    async def prometheus():
        metrics.pending.set(gate.inside)
        return Response(generate_latest(metrics.REGISTRY), media_type=CONTENT_TYPE_LATEST)

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def no_route(request: Request, error):
        if request.url.path.startswith("/v1/"):
            raise_as = invalid(f"Malformed request: {request.method} {request.url.path[:200]}")
        else:
            raise_as = ServingError("NOT_FOUND", "Not Found")
        return _error_response(raise_as)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error):
        return _error_response(
            invalid(f"Malformed request: {request.method} {request.url.path[:200]}")
        )

    @app.exception_handler(ServingError)
    async def refused(request: Request, error: ServingError):
        if error.status == 500:
            logger.error("%s: %s", request.url.path, error, exc_info=error)
        return _error_response(error)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception):
        logger.error("%s", request.url.path, exc_info=error)
        return _error_response(ServingError("INTERNAL", "the server failed; its log says why"))

    if access_log:
        app.add_middleware(AccessLog)
    return app


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    if len(text) > 19 or int(text) >= 2**63:
        raise invalid(f"Failed to convert version: {text[:40]} to numeric.")
    return int(text)


def _error_response(error: ServingError) -> JSONResponse:
    return JSONResponse({"error": str(error)}, error.status, headers=error.headers)
