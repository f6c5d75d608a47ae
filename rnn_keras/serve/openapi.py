"""The OpenAPI description of the REST API, with the served models."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rnn_keras.serve.json_tensor import to_json
from rnn_keras.serve.models import ModelStore
from rnn_keras.serve.signature import Signature
from rnn_keras.serve.streaming import StreamRequest

DESCRIPTION = (
    "The REST API of TensorFlow Serving. A request with `instances`, a list of rows, gets "
    "`predictions`; one with `inputs`, all rows by input, gets `outputs`. A single input or output "
    'is given without its name. Bytes are `{"b64": "..."}`.'
)

ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
_BODY = {"application/json": {"schema": ERROR}}
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request is wrong; the message names the field.", "content": _BODY},
    404: {"description": "No such model or version.", "content": _BODY},
}
READY: dict[int | str, dict[str, Any]] = {503: {"description": "A model is not served yet."}}

_REQUEST = {
    "type": "object",
    "properties": {
        "signature_name": {"type": "string"},
        "instances": {"type": "array", "minItems": 1, "items": {}},
        "inputs": {},
    },
    "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
}
_ANSWER = {
    "type": "object",
    "properties": {"predictions": {"type": "array", "items": {}}, "outputs": {}},
}
PREDICT_PATHS = ("/v1/models/{name}:predict", "/v1/models/{name}/versions/{version}:predict")
STREAM_PATHS = ("/v1/models/{name}:stream", "/v1/models/{name}/versions/{version}:stream")
_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "A model.",
    "schema": {"type": "string"},
}
_VERSION = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "A version.",
    "schema": {"type": "string", "pattern": "^[0-9]+$"},
}


def describe(app: FastAPI, store: ModelStore) -> dict[str, Any]:
    """The OpenAPI description of `app`, with the models' names, and an example per signature."""
    found = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    predict = {path: {"post": _predict(store, "{version}" in path)} for path in PREDICT_PATHS}
    stream = {path: {"post": _stream(store, "{version}" in path)} for path in STREAM_PATHS}
    found["paths"] = predict | stream | found["paths"]
    for operations in found["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "name":
                    parameter["schema"] = {"type": "string", "enum": sorted(store)}
    return found


def _predict(store: ModelStore, versioned: bool) -> dict[str, Any]:
    examples = {
        f"{name} {signature.name}": {"value": _example(signature)}
        for name, model in store.items()
        if model.servable
        for signature in model.servable.signatures.values()
    }
    predictions = {
        "description": "The predictions.",
        "content": {"application/json": {"schema": _ANSWER}},
    }
    return _operation("Predict", versioned, _REQUEST, examples, predictions)


def _stream(store: ModelStore, versioned: bool) -> dict[str, Any]:
    examples = {
        name: {"value": {"prompt": "", "length": 10, "temperature": 0.8, "seed": 0}}
        for name, model in store.items()
        if model.servable and model.servable.sampled_step
    }
    events = {
        "description": "The characters as server-sent events.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    schema = StreamRequest.model_json_schema()
    return _operation("Stream text", versioned, schema, examples, events)


def _operation(summary, versioned, schema, examples, answer):
    refusals = {
        **{str(code): error for code, error in ERRORS.items()},
        "408": {"description": "The request came too slowly.", "content": _BODY},
        "413": {"description": "The request is too long.", "content": _BODY},
        "415": {"description": "The request is compressed.", "content": _BODY},
        "503": {"description": "Too many requests wait.", "content": _BODY},
        "504": {"description": "The model took too long.", "content": _BODY},
    }
    identity = summary.lower().replace(" ", "_")
    return {
        "summary": f"{summary} with a version" if versioned else summary,
        "operationId": f"{identity}_version" if versioned else identity,
        "parameters": [dict(_NAME), *([_VERSION] if versioned else [])],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "examples": examples}},
        },
        "responses": {"200": answer, **refusals},
    }


def _example(signature: Signature) -> dict[str, Any]:
    inputs = {name: to_json(name, array) for name, array in signature.example().items()}
    return {"signature_name": signature.name, "inputs": inputs}
