"""Ids that no vocabulary has, as every runtime must read them."""

import numpy as np
import tensorflow as tf


def check_outside_ids(call, inputs, name, size, unknown_id):
    """Asserts that `call` reads an id outside `[0, size)` as `<unk>`, and all others as they are.

    Args:
        call: from arrays by name to a dictionary of outputs.
        inputs: its inputs.
        name: the one with the ids, `(batch,)` or `(batch, time)`; those of its last row and of its
            second step are replaced.
        size: size of the vocabulary.
        unknown_id: the id of `<unk>`.
    """

    def answer(token):
        ids = inputs[name].copy()
        ids[(-1, 1)[: ids.ndim]] = token
        return {key: np.asarray(value) for key, value in call(**{**inputs, name: ids}).items()}

    unknown, last = answer(unknown_id), answer(size - 1)
    assert any(not np.array_equal(unknown[key], last[key]) for key in unknown)
    for outside in (-1, -size, size, 2**31 - 1, -(2**31)):
        for key, value in answer(outside).items():
            np.testing.assert_array_equal(value, unknown[key], f"{key}, id {outside}")


def signature(function):
    """A signature of a SavedModel, called with arrays."""
    return lambda **arrays: function(**{name: tf.constant(a) for name, a in arrays.items()})


def in_order(function):
    """A `tf.function` whose inputs have no keywords, called with arrays by name."""
    return lambda **arrays: function(*(arrays[spec.name] for spec in function.input_signature))
