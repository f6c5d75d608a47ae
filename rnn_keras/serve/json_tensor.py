"""A tensor as JSON, by the rules of TensorFlow Serving (util/json_tensor.cc).

Bytes are `{"b64": ...}`, and numbers are never converted with a loss. Unlike there, NaN and
infinity are refused in a request.
"""

import base64
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from rnn_keras.serve.errors import invalid
from rnn_keras.serve.limits import Limits

MAX_RANK = 16


def from_json(
    value: Any, spec: tf.TensorSpec, place: Callable[[tuple], str], limits: Limits
) -> np.ndarray:
    """A nested list as an array.

    Args:
        value: the list, or a scalar.
        spec: the required shape and dtype.
        place: returns the name of an element by its index, for messages: `instances[3].ids[0]`.
        limits: `max_rows` holds for the first dimension and `max_length` for the others where
            `spec` leaves them open, and `max_length` for strings.

    Raises:
        ServingError: INVALID_ARGUMENT, the value does not match; the message names the element.
    """
    leaves, shape = _flatten(value, place)
    check_shape(shape, spec, place(()), limits)
    read, wanted = _reader(spec.dtype, limits.max_length)
    values = [read(leaf) for leaf in leaves]
    if None in values:
        i = values.index(None)
        got = repr(leaves[i])
        got = got if len(got) <= 40 else f"{got[:40]}..."
        raise invalid(f"{place(np.unravel_index(i, shape))} must be {wanted}, got {got}")
    return np.array(values, spec.dtype.as_numpy_dtype).reshape(shape)


def check_shape(shape: Sequence[int], spec: tf.TensorSpec, name: str, limits: Limits) -> None:
    """Checks the shape of an input.

    Raises:
        ServingError: INVALID_ARGUMENT, it is not that of `spec`, is empty, or exceeds `limits`.
    """
    if not spec.shape.is_compatible_with(shape):
        raise invalid(f"{name} must have the shape {_shape(spec.shape)}, got {_shape(shape)}")
    if 0 in shape:
        raise invalid(f"{name} is empty: its shape is {_shape(shape)}")
    for axis, size in enumerate(shape):
        largest = limits.max_length if axis else limits.max_rows
        if (spec.shape.rank is None or spec.shape[axis] is None) and size > largest:
            raise invalid(f"{name} must have at most {largest} values along axis {axis}")


def _flatten(value, place):
    """The leaves of a nested list, and its shape."""
    level, shape = [value], ()
    while level and isinstance(level[0], list):
        size = len(level[0])
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            sizes = [len(item) if isinstance(item, list) else None for item in level]
            i = next(i for i, other in enumerate(sizes) if other != size)
            got = "a value" if sizes[i] is None else f"a list of {sizes[i]}"
            here = place(np.unravel_index(i, shape))
            raise invalid(f"{here} must be a list of {size} as its neighbours are, got {got}")
        level = list(itertools.chain.from_iterable(level))
        shape += (size,)
        if len(shape) > MAX_RANK:
            raise invalid(f"{place(())} must not be nested deeper than {MAX_RANK} lists")
    return level, shape


@functools.cache
def _reader(dtype: tf.DType, max_length: int) -> tuple[Callable[[Any], Any], str]:
    """A function that returns the value of a leaf or None, and a description of valid leaves."""
    if dtype == tf.string:
        return (
            lambda leaf: _text(leaf, max_length),
            f'a string of at most {max_length} bytes, or {{"b64": ...}}',
        )
    if dtype == tf.bool:
        return (lambda leaf: leaf if isinstance(leaf, bool) else None), "true or false"
    if dtype.is_integer:
        low, high = dtype.min, dtype.max
        return (
            lambda leaf: leaf if type(leaf) is int and low <= leaf <= high else None,
            f"an integer from {low} to {high}",
        )
    if dtype in (tf.float32, tf.float64):
        exact = 2 ** (np.finfo(dtype.as_numpy_dtype).nmant + 1) - 1
        largest = {int: exact, float: float(dtype.max)}
        return (
            # Comparisons with NaN are False.
            lambda leaf: (
                leaf if type(leaf) in largest and abs(leaf) <= largest[type(leaf)] else None
            ),
            f"a finite number that a {dtype.name} can hold",
        )
    return (lambda leaf: None), f"a {dtype.name}, which JSON cannot express"


def _text(leaf, max_length):
    try:
        if isinstance(leaf, str):
            text = leaf.encode()
        else:
            text = base64.b64decode(leaf["b64"], validate=True) if is_base64(leaf) else None
    except ValueError:  # half of a surrogate pair, or no base64
        return None
    return text if text is not None and len(text) <= max_length else None


def is_base64(value: Any) -> bool:
    """Whether `value` is `{"b64": "..."}`, a scalar."""
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _shape(shape) -> str:
    """`[?,60,5]`."""
    return f"[{','.join('?' if size is None else str(size) for size in shape)}]"


def to_json(name: str, array: np.ndarray) -> Any:
    """A tensor as JSON: nested lists, or a value for a scalar.

    Bytes are base64 if the tensor's name ends in `_bytes`, and text in UTF-8 otherwise.
    """
    if array.dtype == object:
        spell = _spell_bytes if name.endswith("_bytes") else _spell_text
        array = np.array(list(map(spell, array.flat)), object).reshape(array.shape)
    elif array.dtype.kind == "f" and array.dtype != np.float64:
        # The shortest decimal of this float32, instead of all digits of its float64. One by one, as
        # a large array at once would block the other threads.
        array = np.array([float(str(value)) for value in array.flat]).reshape(array.shape)
    return array.tolist()


def _spell_text(value: bytes) -> str:
    return value.decode(errors="replace")


def _spell_bytes(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode()}
