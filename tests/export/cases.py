"""Keras models of every recurrent layer, built in and own, in every way they are used."""

import keras
import numpy as np

from rnn_keras import layers as own

INPUTS, UNITS, TOKENS = 8, 32, 7

# By name: the layer, its cell, what it is wrapped in.
KINDS = {
    "lstm": (keras.layers.LSTM, keras.layers.LSTMCell, {}),
    "gru": (keras.layers.GRU, keras.layers.GRUCell, {"reset_after": False}),
    "gru_reset_after": (keras.layers.GRU, keras.layers.GRUCell, {"reset_after": True}),
    "rnn": (keras.layers.SimpleRNN, keras.layers.SimpleRNNCell, {}),
    "own_lstm": (own.LSTM, None, {}),
    "own_gru": (own.GRU, None, {}),
    "own_gru_reset_after": (own.GRU, None, {"reset_after": True}),
    "own_vanilla": (own.VanillaRNN, None, {}),
}


def _last(recurrent, stack, stateful):
    x = keras.Input((None, INPUTS), name="x")
    return x, keras.layers.Dense(2, name="y")(recurrent(name="r")(x))


def _sequences(recurrent, stack, stateful):
    x = keras.Input((None, INPUTS), name="x")
    dense = keras.layers.TimeDistributed(keras.layers.Dense(2, activation="tanh"), name="y")
    return x, dense(recurrent(name="r", return_sequences=True)(x))


def _bidirectional(recurrent, stack, stateful):
    x = keras.Input((None, INPUTS), name="x")
    both = keras.layers.Bidirectional(recurrent(return_sequences=True))
    return x, keras.layers.Bidirectional(recurrent(), name="y", merge_mode="sum")(both(x))


def _masked(recurrent, stack, stateful):
    ids = keras.Input((None,), dtype="int32", name="x")
    x = keras.layers.Embedding(TOKENS, INPUTS, mask_zero=True)(ids)
    return ids, recurrent(name="y")(recurrent(name="r", return_sequences=True)(x))


def _stacked(recurrent, stack, stateful):
    x = keras.Input((None, INPUTS), name="x")
    return x, keras.layers.Dense(2, name="y")(stack()(x))


def _stateful(recurrent, stack, stateful):
    x = keras.Input((None, INPUTS), batch_size=2 if stateful else None, name="x")
    return x, recurrent(name="y", return_sequences=True, stateful=stateful)(x)


FORMS = {
    form.__name__[1:]: form
    for form in (_last, _sequences, _bidirectional, _masked, _stacked, _stateful)
}


def build(kind, form, stateful=True):
    """A model from the input `x` to the output `y`, with weights that keep signals at size 1.

    The form "stateful" with `stateful` False is the same model for any batch.
    """
    layer, cell, options = KINDS[kind]

    def recurrent(**more):
        return layer(UNITS, **options, **more)

    def stack():
        if cell is None:
            return own.DeepRNN([recurrent(), recurrent()], return_sequences=True)
        cells = [cell(UNITS, **options), cell(UNITS, **options)]
        return keras.layers.RNN(cells, return_sequences=True)

    model = keras.Model(*FORMS[form](recurrent, stack, stateful))
    rng = np.random.default_rng(len(kind))
    model.set_weights([rng.normal(size=w.shape) / w.shape[0] ** 0.5 for w in model.weights])
    return model


def signatures(form):
    """Those that a model of this form has."""
    return ("serving_default",) if form == "bidirectional" else ("serving_default", "step")


def inputs(form, batch, length):
    """Random `x`; masked rows end, begin, and are interrupted by padding."""
    rng = np.random.default_rng(batch + length)
    if form == "masked":
        return rng.integers(0, TOKENS, (batch, length), np.int32)
    return rng.normal(size=(batch, length, INPUTS)).astype("float32")
