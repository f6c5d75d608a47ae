"""The loops that are exported compute what Keras's own loop computes."""

import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.layers import use_plan
from tests.export import models


@pytest.mark.parametrize("sequences", [True, False])
@pytest.mark.parametrize("name", models.LAYERS)
@pytest.mark.parametrize("plan", ["graph", "litert"])
def test_equals_the_reference(plan, name, sequences):
    model = models.build(name, sequences)
    given = models.inputs(model, batch=3, time=4)
    given["mask"][2] = False  # a row of which nothing is valid keeps its states
    values = [tf.constant(value) for value in given.values()]
    with use_plan("reference"):
        expected = model(values)
    with use_plan(plan):
        actual = model(values)
    for want, got in zip(expected, actual, strict=True):
        np.testing.assert_allclose(got, want, atol=2e-6)
    np.testing.assert_array_equal(actual[1][2], given["s0"][2])
