"""The gated recurrent unit."""

import keras
from keras import ops

from rnn_keras.layers.arguments import positional_as_in_keras
from rnn_keras.layers.cell import TextbookCell
from rnn_keras.layers.layer import RecurrentLayer


def gru_step(x, state, weights, affine, sigma=ops.sigmoid, phi=ops.tanh):
    r"""One step of the GRU, the reset gate acting before the recurrent product.

    $$Z_t = \sigma(X_t W_{xz} + H_{t-1} W_{hz} + b_z) \qquad
      R_t = \sigma(X_t W_{xr} + H_{t-1} W_{hr} + b_r)$$
    $$\tilde H_t = \phi(X_t W_{xh} + (R_t \odot H_{t-1}) W_{hh} + b_h)$$
    $$H_t = Z_t \odot H_{t-1} + (1 - Z_t) \odot \tilde H_t$$

    `Z = 1` keeps the old state. Source: Cho et al. 2014 (arXiv:1406.1078v3); Dive into Deep
    Learning, section 10.2.

    Args:
        x: `(x_zr, x_h)`, the projected inputs, `(batch, 2 * units)` and `(batch, units)`.
        state: `(H,)`, `(batch, units)`.
        weights: `(W_zr, W_hh)`, `(units, 2 * units)` and `(units, units)`; Z before R.
        affine: `affine(addend, operand, W) = addend + operand @ W`.
        sigma: σ, applied to both gates side by side.
        phi: φ, tanh in the textbooks.

    Returns:
        `(H_t,)`.
    """
    (x_zr, x_h), (H,), (W_zr, W_hh) = x, state, weights
    Z, R = ops.split(sigma(affine(x_zr, H, W_zr)), 2, axis=-1)
    H_tilde = phi(affine(x_h, R * H, W_hh))
    return (Z * H + (1 - Z) * H_tilde,)


def gru_reset_after_step(x, state, weights, affine, sigma=ops.sigmoid, phi=ops.tanh):
    r"""One step of the GRU variant of cuDNN and PyTorch, the reset gate acting after the product.

    $$\tilde H_t = \phi(X_t W_{xh} + b_h + R_t \odot (H_{t-1} W_{hh} + b_{hh}))$$

    and everything else as in `gru_step`, each product with a bias of its own.
    Source: Cho et al. 2014 (arXiv:1406.1078v1).

    Args:
        x: `(x_z, x_r, x_h)`, the projected inputs, each `(batch, units)`.
        state: `(H,)`, `(batch, units)`.
        weights: `(W, b)`, `(units, 3 * units)` and `(3 * units,)`, in the order Z, R, H; b may
            be left out.
        affine: `affine(addend, operand, W) = addend + operand @ W`.
        sigma: σ.
        phi: φ.

    Returns:
        `(H_t,)`.
    """
    (x_z, x_r, x_h), (H,), (W, *b) = x, state, weights
    h_z, h_r, h_h = ops.split(affine(b[0] if b else 0.0, H, W), 3, axis=-1)
    Z, R = sigma(x_z + h_z), sigma(x_r + h_r)
    H_tilde = phi(x_h + R * h_h)
    return (Z * H + (1 - Z) * H_tilde,)


@keras.saving.register_keras_serializable(package="rnn_keras")
class GRUCell(TextbookCell, keras.layers.GRUCell):
    """One step of `GRU`, with the options and weights of `keras.layers.GRUCell`.

    Args:
        units: positive integer.
        reset_after: False (default) for `gru_step`, True for `gru_reset_after_step`.
        **options: those of `keras.layers.GRUCell`.
    """

    gate_names, candidate_names = ("Z", "R"), ("H_tilde",)

    @positional_as_in_keras
    def __init__(self, units, *, reset_after=False, **options):
        super().__init__(units, reset_after=reset_after, **options)

    def step(self, x, state, weights, affine):
        """`gru_step` or `gru_reset_after_step` with this cell's activations."""
        equation = gru_reset_after_step if self.reset_after else gru_step
        return equation(x, state, weights, affine, self.sigma, self.activation)

    @property
    def input_bias(self):
        """`(3 * units,)`; with `reset_after` the first row of `bias`."""
        return self.bias[0] if self.use_bias and self.reset_after else self.bias

    def split_projection(self, x):
        """`(x_zr, x_h)`, or with `reset_after` `(x_z, x_r, x_h)`."""
        return tuple(ops.split(x, 3 if self.reset_after else [2 * self.units], axis=-1))

    def split_weights(self):
        """`(W_zr, W_hh)`, or with `reset_after` `(W, b)`, where b is the second row of `bias`."""
        W = ops.convert_to_tensor(self.recurrent_kernel)
        if not self.reset_after:
            return tuple(ops.split(W, [2 * self.units], axis=-1))
        return (W, ops.convert_to_tensor(self.bias)[1]) if self.use_bias else (W,)


@keras.saving.register_keras_serializable(package="rnn_keras")
class GRU(RecurrentLayer):
    r"""The gated recurrent unit; drop-in for `keras.layers.GRU(reset_after=False)`.

    $$Z_t = \sigma(X_t W_{xz} + H_{t-1} W_{hz} + b_z) \qquad
      R_t = \sigma(X_t W_{xr} + H_{t-1} W_{hr} + b_r)$$
    $$\tilde H_t = \tanh(X_t W_{xh} + (R_t \odot H_{t-1}) W_{hh} + b_h) \qquad
      H_t = Z_t \odot H_{t-1} + (1 - Z_t) \odot \tilde H_t$$

    `reset_after=True` gives the variant of cuDNN and PyTorch. Note that Keras's default is True,
    and that of the textbook GRU, and so the one here, is False. Arguments, call arguments and
    errors: see `RecurrentLayer`.

    Example:

    >>> layer = GRU(4, return_state=True)
    >>> output, state = layer(keras.ops.ones((2, 3, 5)))
    >>> output.shape, state.shape
    (TensorShape([2, 4]), TensorShape([2, 4]))

    Reference: Cho et al., *Learning Phrase Representations using RNN Encoder-Decoder*, 2014.
    """

    cell_class = GRUCell
