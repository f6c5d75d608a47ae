"""One set of functions with every recurrent layer, stacked, masked, with states in the open."""

import keras
import numpy as np
import tensorflow as tf

from rnn_keras import layers

UNITS, INPUTS = 5, 3
LAYERS = {
    "vanilla": lambda **o: layers.VanillaRNN(UNITS, **o),
    "gru": lambda **o: layers.GRU(UNITS, reset_after=False, **o),
    "gru_reset_after": lambda **o: layers.GRU(UNITS, reset_after=True, **o),
    "lstm": lambda **o: layers.LSTM(UNITS, **o),
}
STATES = {"vanilla": 2, "gru": 2, "gru_reset_after": 2, "lstm": 4}


def build(name, sequences=True):
    """A two-layer model `[X, mask, *states] -> [H, *states]` with weights of size 1."""
    X, mask = keras.Input((None, INPUTS)), keras.Input((None,), dtype="bool")
    states = [keras.Input((UNITS,)) for _ in range(STATES[name])]
    deep = layers.DeepRNN(
        [LAYERS[name](), LAYERS[name]()], return_sequences=sequences, return_state=True
    )
    model = keras.Model([X, mask, *states], list(deep(X, initial_state=states, mask=mask)))
    rng = np.random.default_rng(len(name))
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    return model


def function(model):
    """The model as a signature `(x, mask, s0, ...) -> {"H", "s0", ...}`."""

    def run(*inputs):
        H, *states = model(list(inputs), training=False)
        return {"H": H, **{f"s{i}": state for i, state in enumerate(states)}}

    specs = [
        tf.TensorSpec([None, None, INPUTS], tf.float32, "x"),
        tf.TensorSpec([None, None], tf.bool, "mask"),
        *(tf.TensorSpec([None, UNITS], tf.float32, f"s{i}") for i in range(len(model.inputs) - 2)),
    ]
    return tf.function(run, input_signature=specs, autograph=False)


def inputs(model, batch, time, seed=0):
    """Random inputs; the rows are of different length."""
    rng = np.random.default_rng(seed)
    lengths = np.maximum(time - np.arange(batch), 1)
    return {
        "x": rng.normal(size=(batch, time, INPUTS)).astype("float32"),
        "mask": np.arange(time) < lengths[:, None],
        **{
            f"s{i}": rng.normal(size=(batch, UNITS)).astype("float32")
            for i in range(len(model.inputs) - 2)
        },
    }


def linear(W):
    """The signature `x -> {"y": x W}` for a variable `W`."""
    return tf.function(
        lambda x: {"y": x @ W},
        input_signature=[tf.TensorSpec([None, W.shape[0]], tf.float32, "x")],
        autograph=False,
    )
