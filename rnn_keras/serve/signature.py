"""A signature of a SavedModel: from a request to its inputs, from its outputs to a response.

As in TensorFlow Serving, `instances` is a list of rows and `inputs` a value per input; a single
input or output is given without its name.
"""

import json
from typing import Any

import numpy as np
import tensorflow as tf

from rnn_keras.serve.errors import clean, invalid
from rnn_keras.serve.json_tensor import from_json, is_base64, to_json
from rnn_keras.serve.limits import Limits

Feeds = dict[str, np.ndarray]


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        ServingError: INVALID_ARGUMENT, it is no JSON, or no object.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        request = json.loads(body, object_pairs_hook=_object)
    except RecursionError:
        raise invalid("JSON Parse error: it is nested too deeply") from None
    except ValueError as error:  # also of UTF-8, and of numbers with thousands of digits
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(request, dict):
        raise invalid("the request must be a JSON object")
    return request


def parse_request(body: bytes) -> dict[str, Any]:
    """The JSON object of a request for predictions.

    Raises:
        ServingError: INVALID_ARGUMENT, it is no JSON, or not of the form
            `{"signature_name": ..., "instances" or "inputs": ...}`.
    """
    request = parse_object(body)
    if not isinstance(request.get("signature_name", ""), str):
        raise invalid("'signature_name' key must be a string value")
    if ("instances" in request) == ("inputs" in request):
        raise invalid(
            "expecting only one of 'inputs' or 'instances' keys to exist"
            if "inputs" in request
            else "Missing 'inputs' or 'instances' key"
        )
    return request


class Signature:
    """A function of a SavedModel.

    Args:
        name: its name.
        message: its `SignatureDef`.

    Attributes:
        inputs, outputs: a `tf.TensorSpec` by name, sorted by name.
        batchable: whether rows of several requests may share a call. Every input and output must
            have the batch first; an output with another open dimension could depend on the longest
            row of all requests, so such a signature runs alone.
    """

    def __init__(self, name: str, message):
        self.name = name
        self.inputs, self.outputs = (
            {key: _spec(tensors[key]) for key in sorted(tensors)}
            for tensors in (message.inputs, message.outputs)
        )
        self.batchable = all(
            _has_batch(spec) for spec in [*self.inputs.values(), *self.outputs.values()]
        ) and not any(None in spec.shape[1:] for spec in self.outputs.values())

    def example(self) -> Feeds:
        """One row of ones and empty strings; open dimensions have size 1."""
        return {
            name: np.full(
                [size or 1 for size in spec.shape] if spec.shape.rank is not None else [1],
                b"" if spec.dtype == tf.string else 1,
                spec.dtype.as_numpy_dtype,
            )
            for name, spec in self.inputs.items()
        }

    def feeds(self, request: dict[str, Any], limits: Limits) -> Feeds:
        """The inputs of a request.

        Args:
            request: the result of `parse_request`.
            limits: `max_rows` and `max_length` hold.

        Raises:
            ServingError: INVALID_ARGUMENT, naming the field, such as `instances[3].text`.
        """
        read = self._rows if "instances" in request else self._columns
        return {
            name: from_json(value, self.inputs[name], place, limits)
            for name, (value, place) in read(request).items()
        }

    def _rows(self, request):
        rows = request["instances"]
        if not isinstance(rows, list) or not rows:
            raise invalid("'instances' must be a list with at least one row")
        named = isinstance(rows[0], dict) and not is_base64(rows[0])
        if not named:
            (name,) = self._only_input("instances[0]")
            return {name: (rows, lambda at: f"instances{_index(at)}")}
        for i, row in enumerate(rows):
            self._check_names(row, f"instances[{i}]")
        return {
            name: (
                [row[name] for row in rows],
                lambda at, name=name: f"instances{_index(at[:1])}.{name}{_index(at[1:])}",
            )
            for name in self.inputs
        }

    def _columns(self, request):
        columns = request["inputs"]
        if not isinstance(columns, dict) or is_base64(columns):
            (name,) = self._only_input("inputs")
            return {name: (columns, lambda at: f"inputs{_index(at)}")}
        if missing := self.inputs.keys() - columns.keys():
            raise invalid(f"Missing named input: {min(missing)} in 'inputs' object.")
        return {
            name: (columns[name], lambda at, name=name: f"inputs.{name}{_index(at)}")
            for name in self.inputs
        }

    def _only_input(self, place):
        if len(self.inputs) != 1:
            raise invalid(f"{place} must be an object with the keys {', '.join(self.inputs)}")
        return self.inputs

    def _check_names(self, value, place):
        if not isinstance(value, dict) or value.keys() != self.inputs.keys():
            got = clean(", ".join(sorted(value))) if isinstance(value, dict) else "no object"
            raise invalid(
                f"{place} must be an object with the keys {', '.join(self.inputs)}, got {got}"
            )

    def answer(self, outputs: Feeds, *, rows: bool) -> bytes:
        """The outputs as JSON.

        Args:
            outputs: an array per output.
            rows: whether the request had `instances`; then the answer has a value per row.

        Raises:
            ServingError: INVALID_ARGUMENT, the outputs are no rows.
        """
        values = {name: to_json(name, array) for name, array in outputs.items()}
        if not rows:
            return _json({"outputs": values if len(values) > 1 else next(iter(values.values()))})
        sizes = {name: np.shape(array)[:1] for name, array in outputs.items()}
        if len(set(sizes.values())) != 1 or () in sizes.values():
            raise invalid(
                f"signature {self.name} does not return one row per input row: use 'inputs'"
            )
        if len(values) == 1:
            return _json({"predictions": next(iter(values.values()))})
        return _json({"predictions": [dict(zip(values, row)) for row in zip(*values.values())]})


def _object(pairs):
    found = {}
    for key, value in pairs:
        if key in found:
            raise invalid(f"JSON Parse error: the key {clean(key)} is repeated")
        found[key] = value
    return found


def _spec(info) -> tf.TensorSpec:
    return tf.TensorSpec(tf.TensorShape(info.tensor_shape), tf.as_dtype(info.dtype))


def _has_batch(spec: tf.TensorSpec) -> bool:
    return bool(spec.shape.rank) and spec.shape[0] is None


def _index(at) -> str:
    return "".join(f"[{i}]" for i in at)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
