"""MinGRU and MinLSTM: gates that do not read the state, so a step has no product."""

from typing import Any

import keras
from keras import ops

from rnn_keras.layers.arguments import positional_as_in_keras
from rnn_keras.layers.layer import RecurrentLayer
from rnn_keras.layers.packed import PackedCell
from rnn_keras.layers.types import Activation, Shape, Tensors


def min_gru_step(x, state, weights, affine, sigma=ops.sigmoid, phi=lambda a: a):
    r"""One step of the minGRU.

    $$Z_t = \sigma(X_t W_{xz} + b_z) \qquad \tilde H_t = \phi(X_t W_{xh} + b_h) \qquad
      H_t = (1 - Z_t) \odot H_{t-1} + Z_t \odot \tilde H_t$$

    `Z = 0` keeps the old state. Source: Feng et al. 2024 (arXiv:2410.01201), section 3.1.

    Args:
        x: `(x_zh,)`, the projected input, `(batch, 2 * units)`, in the order Z, H.
        state: `(H,)`, `(batch, units)`.
        weights: `()`.
        affine: not used.
        sigma: σ.
        phi: φ, the identity in the paper.

    Returns:
        `(H_t,)`.
    """
    (x_zh,), (H,) = x, state
    a_z, a_h = ops.split(x_zh, 2, axis=-1)
    Z = sigma(a_z)
    return ((1 - Z) * H + Z * phi(a_h),)


def min_lstm_step(x, state, weights, affine, sigma=ops.sigmoid, phi=lambda a: a):
    r"""One step of the minLSTM.

    $$F_t = \sigma(X_t W_{xf} + b_f) \qquad I_t = \sigma(X_t W_{xi} + b_i) \qquad
      \tilde H_t = \phi(X_t W_{xh} + b_h)$$
    $$H_t = \frac{F_t}{F_t + I_t} \odot H_{t-1} + \frac{I_t}{F_t + I_t} \odot \tilde H_t$$

    Source: Feng et al. 2024 (arXiv:2410.01201), section 3.2.

    Args:
        x: `(x_ifh,)`, the projected input, `(batch, 3 * units)`, in the order I, F, H.
        state: `(H,)`, `(batch, units)`.
        weights: `()`.
        affine: not used.
        sigma: σ, applied to both gates side by side.
        phi: φ, the identity in the paper.

    Returns:
        `(H_t,)`.
    """
    (x_ifh,), (H,) = x, state
    units = H.shape[-1]
    a_if, a_h = ops.split(x_ifh, [2 * units], axis=-1)
    I, F = ops.split(sigma(a_if), 2, axis=-1)
    return ((F * H + I * phi(a_h)) / (F + I),)


class _MinimalCell(PackedCell):
    """What both cells share: no recurrent weights, and no activation by default."""

    @positional_as_in_keras
    def __init__(self, units: int, *, activation: Activation = "linear", **options: Any) -> None:
        if options.get("recurrent_dropout"):
            raise ValueError("there are no recurrent weights: leave `recurrent_dropout` out.")
        super().__init__(units, activation=activation, **options)

    def build(self, input_shape: Shape) -> None:
        columns = sum(self.blocks) * self.units
        self.kernel = self._add_weight("kernel", (input_shape[-1], columns))
        self.bias = self._add_weight("bias", (columns,)) if self.use_bias else None
        self.built = True

    def split_weights(self) -> Tensors:
        """`()`."""
        return ()


@keras.saving.register_keras_serializable(package="rnn_keras")
class MinGRUCell(_MinimalCell):
    """One step of `MinGRU`. Weights: `kernel` `(inputs, 2 * units)` and `bias`, order Z, H."""

    blocks = (2,)
    gate_names, candidate_names = ("Z",), ("H_tilde",)

    def step(self, x, state, weights, affine):
        """`min_gru_step` with this cell's activations."""
        return min_gru_step(x, state, weights, affine, self.sigma, self.activation)


@keras.saving.register_keras_serializable(package="rnn_keras")
class MinLSTMCell(_MinimalCell):
    """One step of `MinLSTM`. Weights: `kernel` `(inputs, 3 * units)` and `bias`, order I, F, H."""

    blocks = (3,)
    gate_names, candidate_names = ("I", "F"), ("H_tilde",)

    def step(self, x, state, weights, affine):
        """`min_lstm_step` with this cell's activations."""
        return min_lstm_step(x, state, weights, affine, self.sigma, self.activation)


class _MinimalLayer(RecurrentLayer):
    @positional_as_in_keras
    def __init__(self, units: int, activation: Activation = "linear", **options: Any) -> None:
        super().__init__(units, activation=activation, **options)


@keras.saving.register_keras_serializable(package="rnn_keras")
class MinGRU(_MinimalLayer):
    """A GRU without recurrent weights: fast on long sequences, as a step has no product.

    Equations: see `min_gru_step`; `activation` is "linear" by default. Other arguments, call
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

    Equations: see `min_lstm_step`; `activation` is "linear" by default. Other arguments, call
    arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = MinLSTM(4, return_sequences=True)
    >>> layer(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference: Feng et al., *Were RNNs All We Needed?*, 2024.
    """

    cell_class = MinLSTMCell
