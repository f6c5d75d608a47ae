"""The long short-term memory."""

import keras
from keras import ops

from rnn_keras.layers.cell import TextbookCell
from rnn_keras.layers.layer import RecurrentLayer


def lstm_step(x, state, weights, affine, sigma=ops.sigmoid, phi=ops.tanh):
    r"""One step of the LSTM.

    $$I_t = \sigma(X_t W_{xi} + H_{t-1} W_{hi} + b_i) \qquad
      F_t = \sigma(X_t W_{xf} + H_{t-1} W_{hf} + b_f) \qquad
      O_t = \sigma(X_t W_{xo} + H_{t-1} W_{ho} + b_o)$$
    $$\tilde C_t = \phi(X_t W_{xc} + H_{t-1} W_{hc} + b_c)$$
    $$C_t = F_t \odot C_{t-1} + I_t \odot \tilde C_t \qquad H_t = O_t \odot \phi(C_t)$$

    Source: Hochreiter & Schmidhuber 1997, Gers et al. 2000; Dive into Deep Learning, 10.1.

    Args:
        x: `(x_ifco,)`, the projected input, `(batch, 4 * units)`, in the order I, F, C, O.
        state: `(H, C)`, each `(batch, units)`.
        weights: `(W_ifco,)`, `(units, 4 * units)`, in the same order.
        affine: `affine(addend, operand, W) = addend + operand @ W`.
        sigma: σ, applied to all gates side by side.
        phi: φ, tanh in the textbooks.

    Returns:
        `(H_t, C_t)`.
    """
    (x_ifco,), (H, C), (W_ifco,) = x, state, weights
    a_ifco = affine(x_ifco, H, W_ifco)
    I, F, _, O = ops.split(sigma(a_ifco), 4, axis=-1)  # one call for all is faster than three
    units = C.shape[-1]  # not another split, whose unused parts LiteRT's int8 leaves as floats
    C_tilde = phi(a_ifco[..., 2 * units : 3 * units])
    C = F * C + I * C_tilde
    return O * phi(C), C


@keras.saving.register_keras_serializable(package="rnn_keras")
class LSTMCell(TextbookCell, keras.layers.LSTMCell):
    """One step of `LSTM`, with the options and weights of `keras.layers.LSTMCell`."""

    gate_names, candidate_names = ("I", "F", "_", "O"), ("C_tilde",)
    state_names = ("H", "C")

    def step(self, x, state, weights, affine):
        """`lstm_step` with this cell's activations."""
        return lstm_step(x, state, weights, affine, self.sigma, self.activation)


@keras.saving.register_keras_serializable(package="rnn_keras")
class LSTM(RecurrentLayer):
    r"""The long short-term memory; drop-in for `keras.layers.LSTM`.

    $$I_t, F_t, O_t = \sigma(X_t W_{x\cdot} + H_{t-1} W_{h\cdot} + b_\cdot) \qquad
      \tilde C_t = \tanh(X_t W_{xc} + H_{t-1} W_{hc} + b_c)$$
    $$C_t = F_t \odot C_{t-1} + I_t \odot \tilde C_t \qquad H_t = O_t \odot \tanh(C_t)$$

    The forget gate's bias starts at 1 (`unit_forget_bias`). The states are `[H, C]`. Arguments,
    call arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = LSTM(4, return_state=True)
    >>> output, H, C = layer(keras.ops.ones((2, 3, 5)))
    >>> H.shape, C.shape
    (TensorShape([2, 4]), TensorShape([2, 4]))

    Reference: Hochreiter & Schmidhuber, *Long Short-Term Memory*, 1997.
    """

    cell_class = LSTMCell
