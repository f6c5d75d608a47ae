"""The sLSTM: exponential input gates, with a normalizer and a stabilizer."""

import keras
from keras import ops

from rnn_keras.layers.arguments import positional_as_in_keras
from rnn_keras.layers.layer import RecurrentLayer
from rnn_keras.layers.packed import PackedCell

TINY = 1e-30  # in place of a normalizer that underflows


def slstm_step(x, state, weights, affine, phi=ops.tanh):
    r"""One step of the sLSTM.

    $$I_t = \exp(\tilde I_t) \qquad F_t = \sigma(\tilde F_t) \qquad O_t = \sigma(\tilde O_t)$$
    $$C_t = F_t \odot C_{t-1} + I_t \odot \phi(\tilde Z_t) \qquad
      N_t = F_t \odot N_{t-1} + I_t \qquad H_t = O_t \odot C_t / N_t$$

    with $\tilde I_t = X_t W_{xi} + H_{t-1} W_{hi} + b_i$ and so on. C and N are kept divided by
    $\exp(M_t)$, which H does not change, so that the exponential cannot overflow:

    $$M_t = \max(\log F_t + M_{t-1}, \tilde I_t)$$

    Source: Beck et al. 2024 (arXiv:2405.04517), equations 8 to 17, with one head.

    Args:
        x: `(x_ifzo,)`, the projected input, `(batch, 4 * units)`, in the order I, F, Z, O.
        state: `(H, C, N, M)`, each `(batch, units)`.
        weights: `(W_ifzo,)`, `(units, 4 * units)`, in the same order.
        affine: `affine(addend, operand, W) = addend + operand @ W`.
        phi: φ.

    Returns:
        `(H_t, C_t, N_t, M_t)`.
    """
    (x_ifzo,), (H, C, N, M), (W_ifzo,) = x, state, weights
    log_I, a_f, a_z, a_o = ops.split(affine(x_ifzo, H, W_ifzo), 4, axis=-1)
    log_F = ops.log_sigmoid(a_f) + M
    M = ops.maximum(log_F, log_I)
    I, F = ops.exp(log_I - M), ops.exp(log_F - M)
    C, N = F * C + I * phi(a_z), F * N + I
    return ops.sigmoid(a_o) * C / ops.maximum(N, TINY), C, N, M


@keras.saving.register_keras_serializable(package="rnn_keras")
class SLSTMCell(PackedCell):
    """One step of `SLSTM`; weights and options are those of `PackedCell`, order I, F, Z, O."""

    blocks = (4,)
    state_names = ("H", "C", "N", "M")
    candidate_names = ("Z",)

    @positional_as_in_keras
    def __init__(self, units, *, zoneout=0.0, **options):
        if zoneout:
            raise ValueError("SLSTM has no `zoneout`, as its states belong together: leave it out.")
        super().__init__(units, **options)

    def step(self, x, state, weights, affine):
        """`slstm_step` with this cell's activation."""
        return slstm_step(x, state, weights, affine, self.activation)


@keras.saving.register_keras_serializable(package="rnn_keras")
class SLSTM(RecurrentLayer):
    """The scalar LSTM of xLSTM, whose exponential input gate can overwrite what it stored.

    Equations: see `slstm_step`. The states are `[H, C, N, M]`. Computes in float32 or float64: the
    normalizer underflows in float16. Arguments, call arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = SLSTM(4, return_sequences=True)
    >>> layer(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference: Beck et al., *xLSTM: Extended Long Short-Term Memory*, 2024.
    """

    cell_class = SLSTMCell
