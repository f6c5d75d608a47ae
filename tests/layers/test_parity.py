"""After `set_weights`, these layers and Keras's built-in ones are interchangeable."""

import keras
import numpy as np
import pytest

from tests.layers.cases import ALL, LSTM, normal, parametrise, randomise, values_and_gradients
from tests.variants import variants

BATCH, TIME, INPUTS, UNITS = 4, 5, 3, 6
HOLES = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], bool)
SEQUENCES, MASK = {"return_sequences": True}, {"mask": HOLES}
CALLS = {  # options of the layer, arguments of the call, whether it starts from a given state
    "last": ({}, {}, False),
    "sequences": (SEQUENCES, {}, True),
    "mask": (SEQUENCES, MASK, True),
    "mask_last": ({}, MASK, True),
    "mask_from_zero": (SEQUENCES, MASK, False),
    "mask_zeroed": ({**SEQUENCES, "zero_output_for_mask": True}, MASK, True),
    "backwards": ({**SEQUENCES, "go_backwards": True}, MASK, True),
    "unroll": ({**SEQUENCES, "unroll": True}, MASK, True),
    "no_bias": ({"use_bias": False}, {}, True),
    "dropout": ({"dropout": 0.4, "seed": 3}, {"training": True}, False),
    "recurrent_dropout": (
        {**SEQUENCES, "dropout": 0.2, "recurrent_dropout": 0.4, "seed": 3},
        {"training": True},
        False,
    ),
}


def pair(case, **options):
    """Ours and Keras's layer with the same random weights."""
    ours, builtin = case.layer(UNITS, **options), case.builtin(UNITS, **options)
    randomise(ours, INPUTS)
    builtin.build((BATCH, TIME, INPUTS))
    builtin.set_weights(ours.get_weights())
    return ours, builtin


@pytest.mark.parametrize(
    "call", variants(CALLS.keys(), ["last", "mask", "backwards", "dropout", "recurrent_dropout"])
)
@parametrise(ALL, quick=[LSTM])
def test_values_and_gradients_equal_the_builtin(case, call):
    options, arguments, with_state = CALLS[call]
    ours, builtin = pair(case, return_state=True, **options)
    state = case.state(BATCH, UNITS) if with_state else None
    x = normal(1, BATCH, TIME, INPUTS)
    got = values_and_gradients(ours, x, state, **arguments)
    expected = values_and_gradients(builtin, x, state, **arguments)
    for ours_all, builtin_all in zip(got, expected, strict=True):
        for a, b in zip(ours_all, builtin_all, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@parametrise(ALL)
def test_weights_have_the_same_names_shapes_and_order(case):
    def described(layer):
        return [(w.name, tuple(w.shape), w.trainable) for w in layer.weights]

    ours, builtin = pair(case)
    assert described(ours) == described(builtin)


@parametrise(ALL)
def test_initial_weights_equal_the_builtin(case):
    """The same initializers, drawn in the same order (`unit_forget_bias` included)."""
    weights = []
    for make in (case.layer, case.builtin):
        keras.utils.set_random_seed(1)
        layer = make(UNITS)
        layer.build((BATCH, TIME, INPUTS))
        weights.append(layer.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)


@parametrise(ALL)
def test_stateful_carries_and_resets_like_the_builtin(case):
    x = normal(1, BATCH, TIME, INPUTS).astype("float32")
    runs = []
    for make in (case.layer, case.builtin):
        layer = make(UNITS, stateful=True)
        layer.build((BATCH, TIME, INPUTS))
        layer.set_weights(randomise(case.layer(UNITS), INPUTS).get_weights())
        carried = [layer(x).numpy() for _ in range(2)]
        layer.reset_state()
        runs.append([*carried, layer(x).numpy()])
    ours, builtin = runs
    np.testing.assert_allclose(ours, builtin, rtol=0, atol=1e-5)
    assert np.abs(ours[0] - ours[1]).max() > 1e-3
    np.testing.assert_array_equal(ours[0], ours[2])


@parametrise(ALL)
def test_symbolic_shapes_and_masks_equal_the_builtin(case):
    for options in ({}, {"return_sequences": True}, {"return_sequences": True, "dtype": "float16"}):
        symbolic = keras.Input((None, INPUTS), dtype="float32")
        ours, builtin = pair(case, return_state=True, **options)
        for a, b in zip(ours(symbolic), builtin(symbolic), strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
        mask = np.ones((BATCH, TIME), bool)
        assert ours.compute_mask(None, mask) == builtin.compute_mask(None, mask)


@parametrise(ALL)
def test_regularizers_and_constraints_are_the_builtins(case):
    penalties = []
    for make in (case.layer, case.builtin):
        layer = make(
            UNITS,
            kernel_regularizer="l2",
            recurrent_regularizer="l1",
            bias_regularizer="l2",
            kernel_constraint="non_neg",
            recurrent_constraint="unit_norm",
            bias_constraint="max_norm",
        )
        layer.build((BATCH, TIME, INPUTS))
        layer.set_weights(randomise(case.layer(UNITS), INPUTS).get_weights())
        penalties.append([float(loss) for loss in layer.losses])
        constraints = [type(w.constraint).__name__ for w in layer.weights]
        assert constraints == ["NonNeg", "UnitNorm", "MaxNorm"]
    assert len(penalties[0]) == 3
    np.testing.assert_allclose(penalties[0], penalties[1], rtol=1e-5)


@parametrise(ALL)
def test_activity_regularizer_acts_on_the_output(case):
    """Against its definition: Keras's SimpleRNN accepts the argument and drops it."""
    layer = randomise(case.layer(UNITS, activity_regularizer="l2"), INPUTS)
    outputs = np.asarray(layer(normal(1, BATCH, TIME, INPUTS)))
    np.testing.assert_allclose(layer.losses, [0.01 * np.sum(outputs**2) / BATCH], rtol=1e-5)
