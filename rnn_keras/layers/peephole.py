"""The LSTM with peephole connections."""

import keras
from keras import ops

from rnn_keras.layers.cell import TextbookCell
from rnn_keras.layers.layer import RecurrentLayer


def peephole_lstm_step(x, state, weights, affine, sigma=ops.sigmoid, phi=ops.tanh):
    r"""One step of the LSTM whose gates read the cell state.

    $$I_t = \sigma(X_t W_{xi} + H_{t-1} W_{hi} + p_i \odot C_{t-1} + b_i) \qquad
      F_t = \sigma(X_t W_{xf} + H_{t-1} W_{hf} + p_f \odot C_{t-1} + b_f)$$
    $$\tilde C_t = \phi(X_t W_{xc} + H_{t-1} W_{hc} + b_c) \qquad
      C_t = F_t \odot C_{t-1} + I_t \odot \tilde C_t$$
    $$O_t = \sigma(X_t W_{xo} + H_{t-1} W_{ho} + p_o \odot C_t + b_o) \qquad
      H_t = O_t \odot \phi(C_t)$$

    Source: Gers & Schmidhuber 2000; Graves 2013 (arXiv:1308.0850), equations 7 to 11.

    Args:
        x: `(x_ifco,)`, the projected input, `(batch, 4 * units)`, in the order I, F, C, O.
        state: `(H, C)`, each `(batch, units)`.
        weights: `(W_ifco, p_ifo)`, `(units, 4 * units)` and `(3 * units,)`.
        affine: `affine(addend, operand, W) = addend + operand @ W`.
        sigma: σ.
        phi: φ.

    Returns:
        `(H_t, C_t)`.
    """
    (x_ifco,), (H, C), (W_ifco, p_ifo) = x, state, weights
    a_i, a_f, a_c, a_o = ops.split(affine(x_ifco, H, W_ifco), 4, axis=-1)
    p_i, p_f, p_o = ops.split(p_ifo, 3, axis=-1)
    I, F, C_tilde = sigma(a_i + p_i * C), sigma(a_f + p_f * C), phi(a_c)
    C = F * C + I * C_tilde
    O = sigma(a_o + p_o * C)
    return O * phi(C), C


@keras.saving.register_keras_serializable(package="rnn_keras")
class PeepholeLSTMCell(TextbookCell, keras.layers.LSTMCell):
    """One step of `PeepholeLSTM`: an `LSTMCell` with one more weight, `peephole`, `(3 * units,)`.

    The peepholes of I, F and O, in this order, start at zero.
    """

    gate_names, candidate_names = ("I", "F", "O"), ("C_tilde",)
    state_names = ("H", "C")

    def build(self, input_shape):
        super().build(input_shape)
        self.peephole = self.add_weight(
            shape=(3 * self.units,), initializer="zeros", name="peephole"
        )

    def split_weights(self):
        """`(W_ifco, p_ifo)`."""
        return (*super().split_weights(), ops.convert_to_tensor(self.peephole))

    def step(self, x, state, weights, affine):
        """`peephole_lstm_step` with this cell's activations."""
        return peephole_lstm_step(x, state, weights, affine, self.sigma, self.activation)


@keras.saving.register_keras_serializable(package="rnn_keras")
class PeepholeLSTM(RecurrentLayer):
    """The LSTM whose gates read the cell state as well, which helps to time events.

    Equations: see `peephole_lstm_step`. Arguments, call arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = PeepholeLSTM(4, return_sequences=True)
    >>> layer(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference: Gers & Schmidhuber, *Recurrent Nets that Time and Count*, 2000.
    """

    cell_class = PeepholeLSTMCell
