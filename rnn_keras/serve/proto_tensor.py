"""A tensor as TensorFlow's message: the values of gRPC requests and responses."""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DataType

from rnn_keras.serve.errors import clean, invalid
from rnn_keras.serve.json_tensor import check_shape
from rnn_keras.serve.limits import Limits
from rnn_keras.serve.signature import Feeds, Signature


def read_inputs(inputs: Mapping[str, TensorProto], signature: Signature, limits: Limits) -> Feeds:
    """The inputs of a gRPC request; the rules are those of a JSON request.

    Raises:
        ServingError: INVALID_ARGUMENT, naming the input, such as `inputs.text`.
    """
    if inputs.keys() != signature.inputs.keys():
        got = clean(", ".join(sorted(inputs))) or "none"
        raise invalid(f"inputs must have the keys {', '.join(signature.inputs)}, got {got}")
    return {
        name: _array(inputs[name], spec, f"inputs.{name}", limits)
        for name, spec in signature.inputs.items()
    }


def _array(message, spec, name, limits):
    if message.dtype != spec.dtype.as_datatype_enum:
        wanted = DataType.Name(spec.dtype.as_datatype_enum)
        known = message.dtype in DataType.values()
        got = DataType.Name(message.dtype) if known else message.dtype
        raise invalid(f"{name} must have the type {wanted}, got {got}")
    shape = [dim.size for dim in message.tensor_shape.dim]
    if message.tensor_shape.unknown_rank or min(shape, default=0) < 0:
        raise invalid(f"{name} must have a known shape")
    check_shape(shape, spec, name, limits)
    # A message may give one value for a whole tensor, of any size.
    size, itemsize = math.prod(shape), np.dtype(spec.dtype.as_numpy_dtype).itemsize
    if size * itemsize > limits.max_body:
        raise invalid(f"{name} must have at most {limits.max_body} bytes, got {size * itemsize}")
    try:
        array = tf.make_ndarray(message)
    except (TypeError, ValueError):
        raise invalid(f"{name} does not have the {size} values of its shape") from None
    if spec.dtype == tf.string:
        wrong = np.reshape([len(text) > limits.max_length for text in array.flat], shape)
        wanted = f"a string of at most {limits.max_length} bytes"
    elif spec.dtype.is_floating:
        wrong, wanted = ~np.isfinite(array), "a finite number"
    else:
        return array
    if wrong.any():
        at = "".join(f"[{i}]" for i in np.argwhere(wrong)[0])
        raise invalid(f"{name}{at} must be {wanted}")
    return array


def write_outputs(
    outputs: Feeds, signature: Signature, messages: Mapping[str, TensorProto]
) -> None:
    """Fills the messages of a response with the outputs."""
    for name, array in outputs.items():
        dtype = signature.outputs[name].dtype
        messages[name].CopyFrom(tf.make_tensor_proto(array, dtype))
