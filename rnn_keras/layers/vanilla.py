"""The vanilla RNN."""

import keras

from rnn_keras.layers.cell import TextbookCell
from rnn_keras.layers.layer import RecurrentLayer


def rnn_step(x, state, weights, affine, phi=keras.ops.tanh):
    r"""One step of the vanilla RNN.

    $$H_t = \phi(X_t W_{xh} + H_{t-1} W_{hh} + b_h)$$

    Source: Elman 1990; Dive into Deep Learning, section 9.4.

    Args:
        x: `(x_h,)`, with `x_h = X_t W_xh + b_h`, `(batch, units)`.
        state: `(H,)`, `(batch, units)`.
        weights: `(W_hh,)`, `(units, units)`.
        affine: `affine(addend, operand, W) = addend + operand @ W`.
        phi: φ.

    Returns:
        `(H_t,)`.
    """
    (x_h,), (H,), (W_hh,) = x, state, weights
    return (phi(affine(x_h, H, W_hh)),)


@keras.saving.register_keras_serializable(package="rnn_keras")
class VanillaRNNCell(TextbookCell, keras.layers.SimpleRNNCell):
    """One step of `VanillaRNN`, with the options and weights of `keras.layers.SimpleRNNCell`."""

    def step(self, x, state, weights, affine):
        """`rnn_step` with this cell's activation."""
        return rnn_step(x, state, weights, affine, self.activation)


@keras.saving.register_keras_serializable(package="rnn_keras")
class VanillaRNN(RecurrentLayer):
    r"""The vanilla recurrent network; drop-in for `keras.layers.SimpleRNN`.

    $$H_t = \phi(X_t W_{xh} + H_{t-1} W_{hh} + b_h)$$

    φ is tanh by default; "sigmoid" and "relu" are common variants. Arguments, call
    arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = VanillaRNN(4, return_sequences=True)
    >>> layer(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference: Elman, *Finding Structure in Time*, 1990.
    """

    cell_class = VanillaRNNCell
