"""The layers under test, each beside its oracle and the Keras built-in that it replaces."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from rnn_keras import layers
from tests import oracle


@dataclass(frozen=True)
class Case:
    name: str
    ours: type
    keras: type | None
    equations: Callable
    gates: int
    states: int = 1
    options: dict = field(default_factory=dict)

    def layer(self, units, **options):
        return self.ours(units, **self.options, **options)

    def cell(self, units, **options):
        return getattr(layers, f"{self.ours.__name__}Cell")(units, **self.options, **options)

    def builtin(self, units, **options):
        # Named, since Keras defaults to reset_after=True; cuDNN would answer on a GPU only.
        gated = {} if self.keras is keras.layers.SimpleRNN else {"use_cudnn": False}
        return self.keras(units, **self.options, **gated, **options)

    def oracle(self, weights, X, state=()):
        """Outputs (batch, time, units) and final states in float64."""
        weights = [np.asarray(w, np.float64) for w in weights]
        if not self.gates:  # the oracle takes the weights as they are
            return self.equations(X, weights, *state)
        return self.equations(X, *oracle.unpack(weights[:3], self.gates), *weights[3:], *state)

    def state(self, batch, units, scale=0.5):
        """A non-zero initial state as NumPy arrays."""
        sizes = [self.options.get("size", units), *[units] * (self.states - 1)]
        state = [scale * normal(i, batch, size) for i, size in enumerate(sizes)]
        if self.name == "slstm":  # a sum of positive terms
            state[2] = np.abs(state[2]) + 1
        return state


VANILLA = Case("vanilla", layers.VanillaRNN, keras.layers.SimpleRNN, oracle.vanilla_rnn, 1)
GRU = Case("gru", layers.GRU, keras.layers.GRU, oracle.gru, 3, options={"reset_after": False})
GRU_RESET_AFTER = Case(
    "gru_reset_after",
    layers.GRU,
    keras.layers.GRU,
    oracle.gru_reset_after,
    3,
    options={"reset_after": True},
)
LSTM = Case("lstm", layers.LSTM, keras.layers.LSTM, oracle.lstm, 4, states=2)
ALL = [VANILLA, GRU, GRU_RESET_AFTER, LSTM]
CELLS = [  # that Keras does not have
    Case("mgu", layers.MGU, None, oracle.mgu, 2),
    Case("peephole_lstm", layers.PeepholeLSTM, None, oracle.peephole_lstm, 4, states=2),
    Case("layer_norm_lstm", layers.LayerNormLSTM, None, oracle.layer_norm_lstm, 0, states=2),
    Case("layer_norm_gru", layers.LayerNormGRU, None, oracle.layer_norm_gru, 0),
    Case(
        "projected_lstm",
        layers.ProjectedLSTM,
        None,
        oracle.projected_lstm,
        4,
        states=2,
        options={"size": 2},
    ),
    Case("slstm", layers.SLSTM, None, oracle.slstm, 4, states=4),
    Case("min_gru", layers.MinGRU, None, oracle.min_gru, 0),
    Case("min_lstm", layers.MinLSTM, None, oracle.min_lstm, 0),
]
VARIANTS = [
    Case(
        f"vanilla_{name}",
        layers.VanillaRNN,
        keras.layers.SimpleRNN,
        partial(oracle.vanilla_rnn, phi=phi),
        1,
        options={"activation": name},
    )
    for name, phi in [("relu", oracle.relu), ("sigmoid", oracle.sigmoid)]
]


def normal(seed, *shape):
    return np.random.default_rng((seed, *shape)).normal(size=shape)


def randomise(layer, inputs, scale=0.5):
    """Builds `layer` for `inputs` features, biases random too: zeros would hide a wrong one."""
    layer.build((None, None, inputs))
    layer.set_weights([scale * normal(i, *w.shape) for i, w in enumerate(layer.get_weights())])
    return layer


def values_and_gradients(layer, x, state=None, mask=None, training=False):
    """`layer`'s results, and the gradients of one scalar that every result entry enters.

    Gradients are those with respect to the inputs, the initial state and each weight, in order.
    """
    x = tf.convert_to_tensor(x, layer.compute_dtype)
    state = [tf.convert_to_tensor(s, layer.compute_dtype) for s in state or ()]
    with tf.GradientTape() as tape:
        tape.watch((x, state))
        results = layer(x, initial_state=state or None, mask=mask, training=training)
        results = keras.tree.flatten(results)
        loss = tf.add_n(
            [
                tf.reduce_sum(tf.cast(r, "float64") * normal(7 + i, *r.shape))
                for i, r in enumerate(results)
            ]
        )
    weights = [w.value for w in layer.trainable_weights]
    gradients = tape.gradient(loss, [x, *state, *weights])
    return [r.numpy() for r in results], [g.numpy() for g in gradients]


def parametrise(cases, quick=None):
    """`@parametrise(ALL)`: the test once per case, as its argument `case`.

    With `quick`, a part of the cases, the others are left to `make test-all`.
    """
    import pytest

    marks = [[] if quick is None or case in quick else [pytest.mark.slow] for case in cases]
    params = [pytest.param(c, id=c.name, marks=m) for c, m in zip(cases, marks, strict=True)]
    return pytest.mark.parametrize("case", params)
