"""The LSTM and the GRU with layer normalization."""

import keras
from keras import ops

from rnn_keras.layers.arguments import positional_as_in_keras
from rnn_keras.layers.cell import TextbookCell
from rnn_keras.layers.layer import RecurrentLayer


def normalize(a, epsilon):
    r"""$(a - \mu) / \sqrt{\mathrm{var}(a) + \epsilon}$ over the last axis, in float32 at least.

    Source: Ba et al. 2016 (arXiv:1607.06450), equation 3.
    """
    dtype = a.dtype
    if keras.backend.standardize_dtype(dtype) in ("float16", "bfloat16"):
        a = ops.cast(a, "float32")
    centered = a - ops.mean(a, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centered), axis=-1, keepdims=True)
    return ops.cast(centered * ops.rsqrt(variance + epsilon), dtype)


def layer_norm_lstm_step(x, state, weights, affine, epsilon, sigma=ops.sigmoid, phi=ops.tanh):
    r"""One step of the LSTM with layer normalization, $\mathrm{LN}(a; \gamma) = \gamma \odot$
    `normalize(a)`.

    $$(a_i, a_f, a_c, a_o) = \mathrm{LN}(X_t W_x; \gamma_x) + \mathrm{LN}(H_{t-1} W_h; \gamma_h)
      + b$$
    $$C_t = \sigma(a_f) \odot C_{t-1} + \sigma(a_i) \odot \phi(a_c) \qquad
      H_t = \sigma(a_o) \odot \phi(\mathrm{LN}(C_t; \gamma_c) + \beta_c)$$

    Source: Ba et al. 2016 (arXiv:1607.06450), equations 20 to 22.

    Args:
        x: `(x_ifco,)`, the normalized projected input with the bias, `(batch, 4 * units)`.
        state: `(H, C)`, each `(batch, units)`.
        weights: `(W_ifco, gamma_h, gamma_c, beta_c)`, `(units, 4 * units)`, `(4 * units,)` and
            twice `(units,)`.
        affine: `affine(addend, operand, W) = addend + operand @ W`.
        epsilon: added to the variance.
        sigma: σ, applied to all gates side by side.
        phi: φ.

    Returns:
        `(H_t, C_t)`.
    """
    (x_ifco,), (H, C), (W_ifco, gamma_h, gamma_c, beta_c) = x, state, weights
    a_ifco = x_ifco + gamma_h * normalize(affine(0.0, H, W_ifco), epsilon)
    I, F, _, O = ops.split(sigma(a_ifco), 4, axis=-1)
    C_tilde = phi(ops.split(a_ifco, 4, axis=-1)[2])
    C = F * C + I * C_tilde
    return O * phi(gamma_c * normalize(C, epsilon) + beta_c), C


def layer_norm_gru_step(x, state, weights, affine, epsilon, sigma=ops.sigmoid, phi=ops.tanh):
    r"""One step of the GRU with layer normalization, the reset gate acting after the product.

    $$(Z_t, R_t) = \sigma(\mathrm{LN}(X_t W_{x,zr}; \gamma_x) + \mathrm{LN}(H_{t-1} W_{h,zr};
      \gamma_h) + b)$$
    $$\tilde H_t = \phi(\mathrm{LN}(X_t W_{xh}; \gamma_x) + b_h + R_t \odot (\mathrm{LN}(H_{t-1}
      W_{hh}; \gamma_h) + b_{hh})) \qquad H_t = Z_t \odot H_{t-1} + (1 - Z_t) \odot \tilde H_t$$

    `Z = 1` keeps the old state. Source: Ba et al. 2016 (arXiv:1607.06450), equations 23 to 25.

    Args:
        x: `(x_zr, x_h)`, the normalized projected inputs with the bias, `(batch, 2 * units)` and
            `(batch, units)`.
        state: `(H,)`, `(batch, units)`.
        weights: `(W_zr, W_hh, gamma_zr, gamma_hh, b_hh)`, `(units, 2 * units)`, `(units, units)`,
            `(2 * units,)` and twice `(units,)`.
        affine: `affine(addend, operand, W) = addend + operand @ W`.
        epsilon: added to the variance.
        sigma: σ, applied to both gates side by side.
        phi: φ.

    Returns:
        `(H_t,)`.
    """
    (x_zr, x_h), (H,), (W_zr, W_hh, gamma_zr, gamma_hh, b_hh) = x, state, weights
    a_zr = x_zr + gamma_zr * normalize(affine(0.0, H, W_zr), epsilon)
    Z, R = ops.split(sigma(a_zr), 2, axis=-1)
    H_tilde = phi(x_h + R * (gamma_hh * normalize(affine(0.0, H, W_hh), epsilon) + b_hh))
    return (Z * H + (1 - Z) * H_tilde,)


class _LayerNormCell(TextbookCell):
    """What both cells share: the option `epsilon`, and the normalization of the projection."""

    @positional_as_in_keras
    def __init__(self, units, *, epsilon=1e-3, **options):
        super().__init__(units, **options)
        self.epsilon = epsilon

    def build(self, input_shape):
        super().build(input_shape)
        columns = self.kernel.shape[-1]
        self.kernel_scale = self._scale("kernel_scale", columns)
        self.recurrent_scale = self._scale("recurrent_scale", columns)

    def _scale(self, name, size, value="ones"):
        return self.add_weight(shape=(size,), initializer=value, name=name)

    def finish_projection(self, x):
        """The normalized projection with its scale and bias."""
        scales = self.split_projection(ops.convert_to_tensor(self.kernel_scale))
        return super().finish_projection(
            tuple(scale * normalize(a, self.epsilon) for scale, a in zip(scales, x))
        )

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="rnn_keras")
class LayerNormLSTMCell(_LayerNormCell, keras.layers.LSTMCell):
    """One step of `LayerNormLSTM`.

    Weights: those of `LSTMCell`, then `kernel_scale` and `recurrent_scale` `(4 * units,)`,
    `state_scale` and `state_shift` `(units,)`.
    """

    gate_names, candidate_names = ("I", "F", "_", "O"), ("C_tilde",)
    state_names = ("H", "C")

    def build(self, input_shape):
        super().build(input_shape)
        self.state_scale = self._scale("state_scale", self.units)
        self.state_shift = self._scale("state_shift", self.units, "zeros")

    def split_weights(self):
        """`(W_ifco, gamma_h, gamma_c, beta_c)`."""
        scales = self.recurrent_scale, self.state_scale, self.state_shift
        return (*super().split_weights(), *map(ops.convert_to_tensor, scales))

    def step(self, x, state, weights, affine):
        """`layer_norm_lstm_step` with this cell's activations."""
        functions = self.epsilon, self.sigma, self.activation
        return layer_norm_lstm_step(x, state, weights, affine, *functions)


@keras.saving.register_keras_serializable(package="rnn_keras")
class LayerNormGRUCell(_LayerNormCell, keras.layers.GRUCell):
    """One step of `LayerNormGRU`.

    Weights: those of `GRUCell` with `reset_after=False`, then `kernel_scale` and `recurrent_scale`
    `(3 * units,)`, and `candidate_bias` `(units,)`, which the reset gate multiplies.
    """

    gate_names, candidate_names = ("Z", "R"), ("H_tilde",)

    @positional_as_in_keras
    def __init__(self, units, *, reset_after=False, **options):
        if reset_after:
            raise ValueError("LayerNormGRU has one form: leave `reset_after` out.")
        super().__init__(units, reset_after=False, **options)

    def build(self, input_shape):
        super().build(input_shape)
        self.candidate_bias = self._scale("candidate_bias", self.units, "zeros")

    def split_projection(self, x):
        """`(x_zr, x_h)`."""
        return tuple(ops.split(x, [2 * self.units], axis=-1))

    def split_weights(self):
        """`(W_zr, W_hh, gamma_zr, gamma_hh, b_hh)`."""
        weights = (self.recurrent_kernel, self.recurrent_scale)
        split = [self.split_projection(ops.convert_to_tensor(weight)) for weight in weights]
        return (*split[0], *split[1], ops.convert_to_tensor(self.candidate_bias))

    def step(self, x, state, weights, affine):
        """`layer_norm_gru_step` with this cell's activations."""
        functions = self.epsilon, self.sigma, self.activation
        return layer_norm_gru_step(x, state, weights, affine, *functions)


@keras.saving.register_keras_serializable(package="rnn_keras")
class LayerNormLSTM(RecurrentLayer):
    """The LSTM with layer normalization, which trains with larger steps and fewer epochs.

    Equations: see `layer_norm_lstm_step`. The option `epsilon` (1e-3) is added to the variances.
    Other arguments, call arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = LayerNormLSTM(4, return_sequences=True)
    >>> layer(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference: Ba et al., *Layer Normalization*, 2016.
    """

    cell_class = LayerNormLSTMCell


@keras.saving.register_keras_serializable(package="rnn_keras")
class LayerNormGRU(RecurrentLayer):
    """The GRU with layer normalization.

    Equations: see `layer_norm_gru_step`. The option `epsilon` (1e-3) is added to the variances.
    Other arguments, call arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = LayerNormGRU(4, return_sequences=True)
    >>> layer(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference: Ba et al., *Layer Normalization*, 2016.
    """

    cell_class = LayerNormGRUCell
