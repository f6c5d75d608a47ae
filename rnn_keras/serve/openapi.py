"""The OpenAPI description of the REST API, with the served models."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rnn_keras.serve.json_tensor import to_json
from rnn_keras.serve.models import ModelStore
from rnn_keras.serve.signature import Signature

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
    found["paths"] = predict | found["paths"]
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
    refusals = {
        **{str(code): error for code, error in ERRORS.items()},
        "408": {"description": "The request came too slowly.", "content": _BODY},
        "413": {"description": "The request is too long.", "content": _BODY},
        "415": {"description": "The request is compressed.", "content": _BODY},
        "503": {"description": "Too many requests wait.", "content": _BODY},
        "504": {"description": "The model took too long.", "content": _BODY},
    }
    predictions = {
        "description": "The predictions.",
        "content": {"application/json": {"schema": _ANSWER}},
    }
    return {
        "summary": "Predict with a version" if versioned else "Predict",
        "operationId": "predict_version" if versioned else "predict",
        "parameters": [dict(_NAME), *([_VERSION] if versioned else [])],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _REQUEST, "examples": examples}},
        },
        "responses": {"200": predictions, **refusals},
    }


def _example(signature: Signature) -> dict[str, Any]:
    inputs = {name: to_json(name, array) for name, array in signature.example().items()}
    return {"signature_name": signature.name, "inputs": inputs}
