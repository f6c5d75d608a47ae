"""The routes: TensorFlow Serving's REST API, health, metrics, and their description."""

import logging
from collections.abc import Collection
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from rnn_keras.serve import metrics
from rnn_keras.serve.access import AccessLog
from rnn_keras.serve.batching import Runner
from rnn_keras.serve.errors import ServingError, clean, invalid
from rnn_keras.serve.hosts import AllowedHosts
from rnn_keras.serve.limits import Limits
from rnn_keras.serve.models import ModelStore
from rnn_keras.serve.openapi import (
    DESCRIPTION,
    ERRORS,
    PREDICT_PATHS,
    READY,
    STREAM_PATHS,
    describe,
)
from rnn_keras.serve.page import page
from rnn_keras.serve.predict import Predict, parse_version
from rnn_keras.serve.status import list_message, metadata_message, status_message
from rnn_keras.serve.streaming import Stream

logger = logging.getLogger(__name__)

Name = Annotated[str, Path(description="A model.", pattern="^[^/:]+$")]
Version = Annotated[str, Path(description="A version, an integer.", pattern="^[0-9]+$")]


def create_app(
    store: ModelStore,
    runner: Runner,
    limits: Limits,
    *,
    poll_seconds: float = 2.0,
    access_log: bool = True,
    allowed_hosts: Collection[str] = ("*",),
    any_address: bool = False,
) -> FastAPI:
    """The ASGI application.

    Args:
        store: the models.
        runner: runs the models.
        limits: limits of a request.
        poll_seconds: seconds between two searches for new versions.
        access_log: whether every request is logged to `rnn_keras.serve.access`.
        allowed_hosts, any_address: as for `AllowedHosts`.
    """

    @asynccontextmanager
    async def lifespan(_):
        async with store.watch(poll_seconds):
            yield
        runner.close()

    app = FastAPI(
        title="rnn_keras.serve",
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # FastAPI's pages load scripts from the internet
        redoc_url=None,
        responses=ERRORS,
        # Spans are exported if OTEL_EXPORTER_OTLP_ENDPOINT is set.
        telemetry={"auto_configure": True, "metrics": False, "logs": False},
    )
    app.openapi = lambda: describe(app, store)
    predict = app.state.predict = Predict(store, runner, limits)
    for path in PREDICT_PATHS:
        app.add_route(path, predict, methods=["POST"])
    for path in STREAM_PATHS:
        app.add_route(path, Stream(predict), methods=["POST"])

    @app.get("/v1/models", summary="All models, with the states of their versions")
    async def models():
        return list_message(store)

    @app.get("/v1/models/{name}", summary="State of all versions")
    async def status(name: Name):
        return status_message(name, store.get(name), None)

    @app.get("/v1/models/{name}/versions/{version}", summary="State of a version")
    async def status_of_version(name: Name, version: Version):
        return status_message(name, store.get(name), parse_version(version))

    @app.get("/v1/models/{name}/metadata", summary="Signatures")
    async def metadata(name: Name):
        return metadata_message(name, store.get(name), None)

    @app.get("/v1/models/{name}/versions/{version}/metadata", summary="Signatures of a version")
    async def metadata_of_version(name: Name, version: Version):
        return metadata_message(name, store.get(name), parse_version(version))

    @app.head("/healthz", include_in_schema=False)
    @app.get("/healthz", summary="Whether the process answers")
    async def healthz():
        return {"status": "ok"}

    @app.head("/readyz", include_in_schema=False)
    @app.get("/readyz", summary="Whether every model answers", responses=READY)
    async def readyz():
        missing = sorted(store.missing)
        return JSONResponse(
            {"status": "loading", "missing": missing} if missing else {"status": "ok"},
            503 if missing else 200,
        )

    @app.get(metrics.PATH, summary="Metrics for Prometheus", response_class=Response)
    async def prometheus():
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/docs", include_in_schema=False)
    async def docs():
        return HTMLResponse(page(app.openapi()))

    @app.exception_handler(404)
    @app.exception_handler(405)
    async def no_route(request: Request, error):
        if request.scope["path"].startswith("/v1/"):
            return _malformed(request)
        return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error):
        return _malformed(request)

    @app.exception_handler(ServingError)
    async def refused(request: Request, error: ServingError):
        if error.status == 500:
            logger.error("%s: %s", request.scope["path"], error, exc_info=error)
        return _error_response(error)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception):
        # Starlette raises it again, for uvicorn to log.
        return _error_response(ServingError("INTERNAL", "the server failed; its log says why"))

    app.add_middleware(AllowedHosts, allowed=allowed_hosts, any_address=any_address)
    app.add_middleware(AccessLog, enabled=access_log)
    return app


def _malformed(request: Request) -> JSONResponse:
    # TensorFlow Serving's message, for any part of an address that does not match.
    return _error_response(
        invalid(f"Malformed request: {request.method} {clean(request.scope['path'])}")
    )


def _error_response(error: ServingError) -> JSONResponse:
    return JSONResponse({"error": str(error)}, error.status, headers=error.headers)
