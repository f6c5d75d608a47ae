"""The minimal gated unit."""

import keras
from keras import ops

from rnn_keras.layers.layer import RecurrentLayer
from rnn_keras.layers.packed import PackedCell


def mgu_step(x, state, weights, affine, sigma=ops.sigmoid, phi=ops.tanh):
    r"""One step of the minimal gated unit: a GRU whose one gate is both reset and update gate.

    $$F_t = \sigma(X_t W_{xf} + H_{t-1} W_{hf} + b_f)$$
    $$\tilde H_t = \phi(X_t W_{xh} + (F_t \odot H_{t-1}) W_{hh} + b_h)$$
    $$H_t = (1 - F_t) \odot H_{t-1} + F_t \odot \tilde H_t$$

    `F = 0` keeps the old state. Source: Zhou et al. 2016 (arXiv:1603.09420).

    Args:
        x: `(x_f, x_h)`, the projected inputs, each `(batch, units)`.
        state: `(H,)`, `(batch, units)`.
        weights: `(W_hf, W_hh)`, each `(units, units)`.
        affine: `affine(addend, operand, W) = addend + operand @ W`.
        sigma: σ.
        phi: φ.

    Returns:
        `(H_t,)`.
    """
    (x_f, x_h), (H,), (W_hf, W_hh) = x, state, weights
    F = sigma(affine(x_f, H, W_hf))
    H_tilde = phi(affine(x_h, F * H, W_hh))
    return ((1 - F) * H + F * H_tilde,)


@keras.saving.register_keras_serializable(package="rnn_keras")
class MGUCell(PackedCell):
    """One step of `MGU`; weights and options are those of `PackedCell`, gates in the order F, H."""

    blocks = (1, 1)
    gate_names, candidate_names = ("F",), ("H_tilde",)

    def step(self, x, state, weights, affine):
        """`mgu_step` with this cell's activations."""
        return mgu_step(x, state, weights, affine, self.sigma, self.activation)


@keras.saving.register_keras_serializable(package="rnn_keras")
class MGU(RecurrentLayer):
    """The minimal gated unit, with two thirds of the weights of a GRU; see `mgu_step`.

    Arguments, call arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = MGU(4, return_sequences=True)
    >>> layer(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference: Zhou et al., *Minimal Gated Unit for Recurrent Neural Networks*, 2016.
    """

    cell_class = MGUCell
