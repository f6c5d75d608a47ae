"""Two halves of a batch side by side compute what the whole batch does."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.layers import Bidirectional, halves, loops
from tests.layers.cases import ALL, GRU, LSTM, VANILLA, VARIANTS, normal, parametrise, randomise

TIME, INPUTS, UNITS = 4, 2, 3


@pytest.fixture
def runs(monkeypatch):
    """Makes halves pay for any size, and records the batch sizes that are run by halves."""
    monkeypatch.setattr(halves, "WORTHWHILE", 0)
    monkeypatch.setattr(halves, "_cores", lambda: 2)
    batches, run = [], halves.run_split

    def recording(function, arguments):
        batches.append(arguments[0].shape[0])
        return run(function, arguments)

    monkeypatch.setattr(loops, "run_split", recording)
    return batches


def step(layer, batch, **options):
    """Outputs, final states and gradients by a function of plain graph operations."""
    X, mask = normal(1, batch, TIME, INPUTS), np.ones((batch, TIME), bool)
    mask[0, 1:] = mask[-1, :2] = False

    def train(X, mask):
        with tf.GradientTape() as tape:
            tape.watch(X)
            results = layer(X, mask=mask, training=True)
            loss = tf.add_n([tf.reduce_sum(tf.sin(a)) for a in results])
        return [*results, *tape.gradient(loss, [X, *layer.trainable_variables])]

    specs = [tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in (X, mask)]
    function = tf.function(train, input_signature=specs, autograph=False, **options)
    return [np.asarray(a) for a in function(X, mask)]


@pytest.mark.parametrize("batch", [1, 5], ids=["one_row", "odd"])
@parametrise(ALL + VARIANTS, quick=[LSTM])
def test_halves_equal_the_whole(case, batch, runs, monkeypatch):
    layer = case.layer(UNITS, return_sequences=True, return_state=True, dtype="float64")
    randomise(layer, INPUTS)
    by_halves = step(layer, batch)
    assert runs == [None]
    with halves.no_split():
        whole = step(layer, batch)
    assert runs == [None]
    for a, b in zip(by_halves, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


DROPOUTS = {
    "mask_per_gate": {"dropout": 0.5, "implementation": 1},
    "one_mask": {"dropout": 0.5, "implementation": 2},
    "recurrent": {"recurrent_dropout": 0.5},
    "zoneout": {"zoneout": 0.3},
}


@pytest.mark.slow
@pytest.mark.parametrize("options", DROPOUTS.values(), ids=DROPOUTS)
def test_dropout_has_the_same_masks(options, runs):
    results = []
    for context in (halves.no_split, contextlib.nullcontext):
        layer = GRU.layer(UNITS, seed=3, return_state=True, **options)
        randomise(layer, INPUTS)
        with context():
            results.append(step(layer, 5))
    assert runs == [None]
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


def test_halves_only_where_they_run_at_the_same_time(runs):
    layer = VANILLA.layer(UNITS, return_state=True)
    layer(normal(1, 5, TIME, INPUTS))  # eager: one after the other
    step(layer, 5, jit_compile=True)  # one compiled function: one after the other
    both = Bidirectional(VANILLA.layer(UNITS, return_state=True))
    step(both, 5)  # its directions run side by side already
    assert runs == []
    step(layer, 5)
    assert runs == [None]
