"""Tensors as JSON: exact both ways, and every refusal names the element."""

import base64
import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rnn_keras.serve.errors import ServingError
from rnn_keras.serve.json_tensor import from_json, to_json
from rnn_keras.serve.limits import Limits

DTYPES = ["float32", "float64", "int8", "int32", "uint8", "int64", "uint64", "bool"]


def read(value, spec, **limits):
    return from_json(value, spec, lambda at: "x" + "".join(f"[{i}]" for i in at), Limits(**limits))


@given(st.data())
def test_numbers_survive_the_trip_exactly(data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(arrays.array_shapes(max_dims=3, max_side=4))
    finite = {"allow_nan": False, "allow_infinity": False} if dtype.kind == "f" else {}
    array = data.draw(arrays.arrays(dtype, shape, elements=arrays.from_dtype(dtype, **finite)))
    text = json.dumps(to_json("y", array))
    spec = tf.TensorSpec([None] * array.ndim, dtype)
    back = read(json.loads(text), spec)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, array)


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_bytes_survive_the_trip(values):
    array = np.empty(len(values), object)
    array[:] = values
    back = read(to_json("some_bytes", array), tf.TensorSpec([None], tf.string))
    assert back.tolist() == values


def test_float32_is_written_as_short_as_tensorflow_serving_does():
    assert json.dumps(to_json("y", np.float32([0.2, 9e6, -1.5, 1 / 3]))) == (
        "[0.2, 9000000.0, -1.5, 0.33333334]"
    )
    assert json.dumps(to_json("y", np.float32([np.nan, -np.inf]))) == "[NaN, -Infinity]"


def test_text_is_utf8_whatever_the_model_says():
    assert to_json("y", np.array([b"d\xc3\xa9j\xc3\xa0", b"\xff"], object)) == ["déjà", "�"]


ROWS = tf.TensorSpec([None, 2], tf.float32)


@pytest.mark.parametrize(
    ("value", "spec", "message"),
    [
        ([[1.0, float("nan")]], ROWS, r"x\[0\]\[1\] must be a finite number .*, got nan"),
        ([[1.0, 1e39]], ROWS, r"x\[0\]\[1\] must be a finite number that a float32 can hold"),
        ([[1.0, 2**24]], ROWS, r"x\[0\]\[1\] must be a finite number"),
        ([[1.0, True]], ROWS, r"x\[0\]\[1\] .* got True"),
        ([[1.0, "2"]], ROWS, r"x\[0\]\[1\] .* got '2'"),
        ([[1.0, None]], ROWS, r"x\[0\]\[1\] .* got None"),
        ([[1.0, {"b64": "AA=="}]], ROWS, r"x\[0\]\[1\]"),
        ([[1.0, 2.0], [1.0]], ROWS, r"x\[1\] must be a list of 2 .*, got a list of 1"),
        ([[1.0, 2.0], 3.0], ROWS, r"x\[1\] must be a list of 2 .*, got a value"),
        ([[1.0, [2.0]]], ROWS, r"x\[0\]\[1\] .* got \[2.0\]"),
        ([1.0, 2.0], ROWS, r"x must have the shape \[\?,2\], got \[2\]"),
        ([[1.0, 2.0, 3.0]], ROWS, r"x must have the shape \[\?,2\], got \[1,3\]"),
        ([], tf.TensorSpec([None], tf.string), r"x is empty"),
        ([1.0], tf.TensorSpec([None], tf.int32), r"x\[0\] must be an integer from -2147483648"),
        ([2**31], tf.TensorSpec([None], tf.int32), r"x\[0\] must be an integer"),
        ([1], tf.TensorSpec([None], tf.bool), r"x\[0\] must be true or false"),
        ([1], tf.TensorSpec([None], tf.complex64), r"a complex64, which JSON cannot express"),
        (["\ud800"], tf.TensorSpec([None], tf.string), r"x\[0\] must be a string"),
        ([{"b64": "?"}], tf.TensorSpec([None], tf.string), r"x\[0\] must be a string"),
        ([{"b64": "AA==", "c": 1}], tf.TensorSpec([None], tf.string), r"x\[0\] must be a string"),
        (["a" * 101], tf.TensorSpec([None], tf.string), r"x\[0\] .* at most 100 bytes"),
        (["a"] * 11, tf.TensorSpec([None], tf.string), r"x .* at most 10 values along axis 0"),
        ([[1] * 101], tf.TensorSpec([None, None], tf.int32), r"at most 100 values along axis 1"),
        (eval("[" * 50 + "]" * 50), tf.TensorSpec(None, tf.int32), r"nested deeper than 16"),
    ],
)  # fmt: skip
def test_refusals_name_the_element(value, spec, message):
    with pytest.raises(ServingError, match=message) as refusal:
        read(value, spec, max_rows=10, max_length=100)
    assert refusal.value.status == 400
    assert len(str(refusal.value)) < 200


def test_base64_is_decoded():
    text = base64.b64encode(b"\x00\xff").decode()
    spec = tf.TensorSpec([None], tf.string)
    assert read(["é", {"b64": text}], spec).tolist() == ["é".encode(), b"\x00\xff"]
