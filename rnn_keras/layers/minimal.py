"""MinGRU and MinLSTM, whose gates do not read the state.

So all gates are computed at once, before the loop, and a step is `H = A * H + B`.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from rnn_keras.layers.arguments import positional_as_in_keras
from rnn_keras.layers.layer import RecurrentLayer
from rnn_keras.layers.packed import PackedCell
from rnn_keras.layers.types import Activation, Affine, Shape, Tensors


def min_gru_gates(x, sigma=ops.sigmoid, phi=lambda a: a):
    r"""The minGRU, $H_t = A_t \odot H_{t-1} + B_t$ with $A_t = 1 - Z_t$ and
    $B_t = Z_t \odot \tilde H_t$:

    $$Z_t = \sigma(X_t W_{xz} + b_z) \qquad \tilde H_t = \phi(X_t W_{xh} + b_h)$$

    `Z = 0` keeps the old state. Source: Feng et al. 2024 (arXiv:2410.01201), section 3.1.

    Args:
        x: the projected inputs, `(..., 2 * units)`, in the order Z, H.
        sigma: σ.
        phi: φ, the identity in the paper.

    Returns:
        `(A, B)`, each `(..., units)`.
    """
    a_z, a_h = ops.split(x, 2, axis=-1)
    Z = sigma(a_z)
    return 1 - Z, Z * phi(a_h)


def min_lstm_gates(x, sigma=ops.sigmoid, phi=lambda a: a):
    r"""The minLSTM, $H_t = A_t \odot H_{t-1} + B_t$ with $A_t = F_t / (F_t + I_t)$ and
    $B_t = I_t / (F_t + I_t) \odot \tilde H_t$:

    $$I_t = \sigma(X_t W_{xi} + b_i) \qquad F_t = \sigma(X_t W_{xf} + b_f) \qquad
      \tilde H_t = \phi(X_t W_{xh} + b_h)$$

    Source: Feng et al. 2024 (arXiv:2410.01201), section 3.2.

    Args:
        x: the projected inputs, `(..., 3 * units)`, in the order I, F, H.
        sigma: σ.
        phi: φ, the identity in the paper.

    Returns:
        `(A, B)`, each `(..., units)`.
    """
    a_i, a_f, a_h = ops.split(x, 3, axis=-1)
    I, F = sigma(a_i), sigma(a_f)
    return F / (F + I), I / (F + I) * phi(a_h)


class _MinimalCell(PackedCell):
    """What both cells share: no recurrent weights, and no activation by default.

    Attributes:
        gates: the equation of the gates, `min_gru_gates` or `min_lstm_gates`.
    """

    gates: Callable[..., Tensors]

    @positional_as_in_keras
    def __init__(self, units: int, *, activation: Activation = "linear", **options: Any) -> None:
        for name in ("recurrent_dropout", "weight_drop"):
            if options.get(name):
                raise ValueError(f"there are no recurrent weights: leave `{name}` out.")
        super().__init__(units, activation=activation, **options)

    def build(self, input_shape: Shape) -> None:
        columns = sum(self.blocks) * self.units
        self.kernel = self._add_weight("kernel", (input_shape[-1], columns))
        self.bias = self._add_weight("bias", (columns,)) if self.use_bias else None
        self.built = True

    def split_weights(self) -> Tensors:
        """`()`."""
        return ()

    def finish_projection(self, x: Tensors) -> Tensors:
        """`(A, B)` of all time steps."""
        (x,) = super().finish_projection(x)
        return type(self).gates(x, self.recurrent_activation, self.activation)

    def step(self, x: Tensors, state: Tensors, weights: Tensors, affine: Affine) -> Tensors:
        """`H = A * H + B`."""
        (A, B), (H,) = x, state
        return (A * H + B,)


@keras.saving.register_keras_serializable(package="rnn_keras")
class MinGRUCell(_MinimalCell):
    """One step of `MinGRU`. Weights: `kernel` `(inputs, 2 * units)` and `bias`, order Z, H."""

    blocks = (2,)
    gates = staticmethod(min_gru_gates)


@keras.saving.register_keras_serializable(package="rnn_keras")
class MinLSTMCell(_MinimalCell):
    """One step of `MinLSTM`. Weights: `kernel` `(inputs, 3 * units)` and `bias`, order I, F, H."""

    blocks = (3,)
    gates = staticmethod(min_lstm_gates)


class _MinimalLayer(RecurrentLayer):
    @positional_as_in_keras
    def __init__(self, units: int, activation: Activation = "linear", **options: Any) -> None:
        super().__init__(units, activation=activation, **options)


@keras.saving.register_keras_serializable(package="rnn_keras")
class MinGRU(_MinimalLayer):
    """A GRU without recurrent weights: fast on long sequences, as a step is `A * H + B`.

    Equations: see `min_gru_gates`; `activation` is "linear" by default. Other arguments, call
    arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = MinGRU(4, return_sequences=True)
    >>> layer(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference: Feng et al., *Were RNNs All We Needed?*, 2024.
    """

    cell_class = MinGRUCell


@keras.saving.register_keras_serializable(package="rnn_keras")
class MinLSTM(_MinimalLayer):
    """An LSTM without recurrent weights, whose gates sum to 1.

    Equations: see `min_lstm_gates`; `activation` is "linear" by default. Other arguments, call
    arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = MinLSTM(4, return_sequences=True)
    >>> layer(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference: Feng et al., *Were RNNs All We Needed?*, 2024.
    """

    cell_class = MinLSTMCell
