"""Every layer on JAX, in a process of its own: the values and gradients of TensorFlow."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from rnn_keras.layers import use_plan
from tests.layers.cases import ALL, CELLS, normal, randomise, values_and_gradients

PROJECT = Path(__file__).resolve().parents[2]
BATCH, TIME, INPUTS, UNITS = 3, 4, 2, 5
# No row starts with a masked step: Keras's loop on JAX then returns the initial state there.
MASK = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [1, 0, 0, 0]], bool)
REFERENCE = ("gru", "lstm", "peephole_lstm")  # the cells that run Keras's loop, too

pytestmark = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")


def run_on_jax(*arguments):
    """Standard output of Python with these arguments and Keras on JAX."""
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def on_tensorflow(case):
    """Inputs and weights, and the results and gradients in float64."""
    layer = case.layer(UNITS, return_sequences=True, return_state=True, dtype="float64")
    randomise(layer, INPUTS)
    X, state = normal(1, BATCH, TIME, INPUTS), case.state(BATCH, UNITS)
    with use_plan("reference"):  # needs no compilation
        results, gradients = values_and_gradients(layer, X, state, MASK)
    arrays = {
        "X": X,
        "state": state,
        "weights": layer.get_weights(),
        "factors": [normal(7 + i, *r.shape) for i, r in enumerate(results)],
    }
    arrays = {name: as_float32(value) for name, value in arrays.items()}
    return arrays | {"mask": MASK, "expected": [*results, *gradients]}


def as_float32(value):
    if isinstance(value, list):
        return [np.asarray(a, "float32") for a in value]
    return np.asarray(value, "float32")


@pytest.mark.slow
def test_values_and_gradients(tmp_path):
    cases = {}
    for case in ALL + CELLS:
        plans = ("fused", "reference") if case.name in REFERENCE else ("fused",)
        cases[case.name] = (case.ours.__name__, case.options, plans, on_tensorflow(case))
    np.savez(tmp_path / "cases.npz", cases=np.array(cases, object))
    found = json.loads(run_on_jax("-m", "tests.layers.jax_program", str(tmp_path / "cases.npz")))
    worst = {name: max(by_plan.values()) for name, by_plan in found["differences"].items()}
    assert len(worst) == len(ALL + CELLS) and max(worst.values()) < 1e-5, worst
    assert not found["tensorflow"]  # not imported


def test_fit_and_what_needs_tensorflow():
    program = """
import keras, numpy as np
from rnn_keras import export, layers
x = np.random.default_rng(0).normal(size=(64, 5, 1)).astype("float32")
deep = layers.DeepRNN([layers.GRU(4, zoneout=0.1)], return_sequences=True)
both = layers.Bidirectional(layers.LSTM(6, recurrent_dropout=0.1, weight_drop=0.1))
model = keras.Sequential([deep, both])
model.add(keras.layers.Dense(1, activation="sigmoid"))
model.compile(keras.optimizers.Adam(0.05), "bce")
losses = model.fit(x, x[:, 0] > 0, batch_size=16, epochs=8, verbose=0).history["loss"]
assert losses[-1] < 0.8 * losses[0], losses
with layers.record_gates() as seen:
    layers.GRU(2, name="gru")(x)
assert seen["gru"]["Z"].shape == (64, 5, 2)
for call in (lambda: layers.viterbi(layers.CRF(2)(x * np.ones(2))),
             lambda: export.litert(model, "model.tflite")):
    try:
        call()
    except (NotImplementedError, ValueError) as error:
        print(error)
"""
    errors = run_on_jax("-c", program).splitlines()
    assert len(errors) == 2 and all("KERAS_BACKEND=tensorflow" in line for line in errors)
