"""Checks whether an export computes the same as its model."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from rnn_keras.layers import use_plan

Functions = Mapping[str, tf.types.experimental.PolymorphicFunction]  # by signature name
Inputs = Mapping[str, npt.ArrayLike]  # by name
Examples = Mapping[str, Sequence[Inputs]]  # by signature name

# (batch, length) of the examples; all but the first need resizing. If a model does not run on so
# few steps, the lengths are doubled up to this many times.
EXAMPLE_SHAPES = ((1, 5), (3, 8))
DOUBLINGS = 10


class ExportError(RuntimeError):
    """An export did not succeed. Older files are unchanged."""


def random_examples(
    function: tf.types.experimental.PolymorphicFunction, seed: int = 0, below: int = 2
) -> list[dict[str, np.ndarray]]:
    """Random inputs of a function at two batch sizes and two lengths.

    Args:
        function: a `tf.function` with an `input_signature` of named specs. Its first unknown
            dimension is the batch, the others are lengths, doubled until the function runs.
        seed: seed of the generator.
        below: integers are in `[0, below)`.

    Returns:
        A list of dictionaries of arrays: floats normal, booleans and integers uniform.

    Raises:
        ValueError: for an input of another type, or a function that runs at no length; give
            examples of your own then.
    """
    specs = function.input_signature
    doublings = DOUBLINGS if any(None in spec.shape[1:] for spec in specs) else 0
    for factor in (2**i for i in range(doublings + 1)):
        rng = np.random.default_rng(seed)
        examples = [
            {spec.name: _random(spec, batch, length * factor, below, rng) for spec in specs}
            for batch, length in EXAMPLE_SHAPES
        ]
        try:
            expected_outputs({"": function}, {"": examples})
        except (ValueError, tf.errors.OpError) as error:
            failure = error
        else:
            return examples
    raise ValueError(
        f"the model runs on no random example of up to {EXAMPLE_SHAPES[-1][1] * factor} steps: "
        f"give `examples` (--examples FILE.npz). {one_line(failure)}"
    ) from failure


def _random(spec, batch, length, below, rng):
    sizes = [length if size is None else size for size in spec.shape]
    if sizes and spec.shape[0] is None:
        sizes[0] = batch
    if spec.dtype.is_floating:
        values = rng.normal(size=sizes)
    elif spec.dtype.is_integer or spec.dtype.is_bool:
        values = rng.integers(0, 2 if spec.dtype.is_bool else below, sizes)
    else:
        raise ValueError(
            f"`{spec.name}` is of type {spec.dtype.name}, for which there are no random "
            "values: give `examples`."
        )
    return np.asarray(values, spec.dtype.as_numpy_dtype)


def one_line(error):
    """The first 200 characters of an error, without Keras's colours and its list of arguments."""
    words = re.sub(r"\x1b\[\d+m", "", str(error)).partition("Arguments received")[0]
    return " ".join(words.split())[:200]


def by_signature(examples):
    """Examples as lists by signature name; a dictionary of arrays is one of "serving_default"."""
    examples = dict(examples or {})
    if all(isinstance(one, (list, tuple)) for one in examples.values()) and all(
        isinstance(inputs, Mapping) for one in examples.values() for inputs in one
    ):
        return examples
    return {"serving_default": [examples]}


def checked_examples(examples, functions):
    """Examples in the types of the inputs of their functions.

    Args:
        examples: lists of dictionaries of arrays by function name.
        functions: `tf.function`s by name; examples of others are passed through.

    Raises:
        ValueError: a name is unknown or missing, or an array has another shape or kind of type; the
            message names it.
    """
    checked = dict(examples)
    for name in examples.keys() & functions.keys():
        if not examples[name]:
            raise ValueError(f"`examples` of {name} are empty: give at least one.")
        specs = functions[name].input_signature
        checked[name] = [_check_example(example, specs) for example in examples[name]]
    return checked


def _check_example(example, specs):
    names = [spec.name for spec in specs]
    if example.keys() != set(names):
        raise ValueError(
            f"`examples` must have the inputs {', '.join(names)}, got {', '.join(example)}."
        )
    rows = len(np.atleast_1d(example[names[0]]))
    checked = {}
    for spec in specs:
        array = np.asarray(example[spec.name])
        shape = tf.TensorShape([rows, *spec.shape[1:]])
        if not rows or not shape.is_compatible_with(array.shape):
            raise ValueError(
                f"`examples`: {spec.name} must be of shape {tuple(shape)} with at least one row, "
                f"got {array.shape}."
            )
        is_text = spec.dtype == tf.string
        if not (
            array.dtype.kind in "SUO"
            if is_text
            else np.can_cast(array.dtype, spec.dtype.as_numpy_dtype, "same_kind")
        ):
            raise ValueError(
                f"`examples`: {spec.name} must be of type {spec.dtype.name}, got {array.dtype}."
            )
        checked[spec.name] = array if is_text else array.astype(spec.dtype.as_numpy_dtype)
    return checked


def with_random_examples(functions, examples):
    """The given examples by function name, and random ones for the other functions."""
    given = dict(examples or {})
    if unknown := given.keys() - functions.keys():
        raise ValueError(f"`examples` are for functions there are not: {', '.join(unknown)}.")
    return {
        name: given[name] if name in given else random_examples(function)
        for name, function in functions.items()
    }


def save_examples(file, examples):
    """Writes examples as arrays `signature/example/argument`, for the scripts of subprocesses."""
    arrays = {
        f"{name}/{i}/{argument}": value
        for name, inputs_of in examples.items()
        for i, example in enumerate(inputs_of)
        for argument, value in example.items()
    }
    np.savez(file, **arrays)


def expected_outputs(functions, examples, expected=None):
    """The given expected outputs, and those of the other functions on Keras's own time loop.

    Args:
        functions: `tf.function`s by name.
        examples: lists of dictionaries of arrays by function name.
        expected: lists of dictionaries of arrays by function name.

    Returns:
        Lists of dictionaries of arrays by function name.
    """
    expected = expected or {}
    with use_plan("reference"):
        return expected | {
            name: [
                to_numpy(
                    function.python_function(
                        *(
                            tf.convert_to_tensor(example[spec.name], spec.dtype)
                            for spec in function.input_signature
                        )
                    )
                )
                for example in examples[name]
            ]
            for name, function in functions.items()
            if name not in expected
        }


def to_numpy(outputs):
    """A dictionary of tensors as arrays; strings as fixed-width bytes, which files can hold."""
    arrays = {name: np.asarray(value) for name, value in outputs.items()}
    return {n: a.astype("S") if a.dtype.kind == "O" else a for n, a in arrays.items()}


def max_differences(expected, actual, tolerance):
    """The largest absolute difference of each signature.

    Args:
        expected: lists of dictionaries of arrays by signature name.
        actual: the outputs of the export.
        tolerance: largest difference allowed, in units of the largest expected value where that
            is above 1. Integers and strings must be equal.

    Returns:
        Floats by signature name.

    Raises:
        ExportError: a difference is larger, a value is not finite, or the outputs do not match
            in number, name, shape or type.
    """
    largest = {}
    for name in expected:
        differences = [0.0]
        for want, got in zip(expected[name], actual[name], strict=True):
            if want.keys() != got.keys():
                raise ExportError(f"{name} returns {sorted(got)} instead of {sorted(want)}")
            differences += [
                _difference(f"{name}: {output}", want[output], got[output], tolerance)
                for output in want
            ]
        largest[name] = max(differences)
    return largest


def _difference(what, want, got, tolerance):
    if want.shape != got.shape:
        raise ExportError(f"{what} has shape {got.shape} instead of {want.shape}")
    if want.dtype.kind != got.dtype.kind:
        raise ExportError(f"{what} is of type {got.dtype} instead of {want.dtype}")
    if want.dtype.kind != "f":
        if not np.array_equal(want, got):
            at = tuple(np.argwhere(want != got)[0])
            raise ExportError(
                f"{what} differs from the model's, first at {list(map(int, at))}: "
                f"{got[at]} instead of {want[at]}"
            )
        return 0.0
    if want.size == 0:
        return 0.0
    if not (np.isfinite(want).all() and np.isfinite(got).all()):
        raise ExportError(f"{what} has values that are not finite")
    difference = float(np.max(np.abs(want.astype("float64") - got)))
    scale = max(1.0, float(np.max(np.abs(want))))
    if difference > tolerance * scale:
        raise ExportError(
            f"{what} differs from the model's by {difference:.2g}, "
            f"more than {tolerance:g} of {scale:.3g} allowed"
        )
    return difference
