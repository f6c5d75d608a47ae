"""The LSTM with a projected hidden state."""

import keras
from keras import ops

from rnn_keras.layers.arguments import positional_as_in_keras
from rnn_keras.layers.layer import RecurrentLayer
from rnn_keras.layers.lstm import lstm_step
from rnn_keras.layers.packed import PackedCell


def projected_lstm_step(x, state, weights, affine, sigma=ops.sigmoid, phi=ops.tanh):
    r"""One step of the LSTM whose hidden state is projected to fewer dimensions.

    The gates and $C_t$ are those of `lstm_step`, and

    $$H_t = (O_t \odot \phi(C_t)) W_{hr}$$

    Source: Sak et al. 2014 (arXiv:1402.1128), without its second projection; PyTorch's `proj_size`.

    Args:
        x: `(x_ifco,)`, the projected input, `(batch, 4 * units)`, in the order I, F, C, O.
        state: `(H, C)`, `(batch, size)` and `(batch, units)`.
        weights: `(W_ifco, W_hr)`, `(size, 4 * units)` and `(units, size)`.
        affine: `affine(addend, operand, W) = addend + operand @ W`.
        sigma: σ, applied to all gates side by side.
        phi: φ.

    Returns:
        `(H_t, C_t)`.
    """
    *gates, W_hr = weights
    H, C = lstm_step(x, state, gates, affine, sigma, phi)
    return affine(0.0, H, W_hr), C


@keras.saving.register_keras_serializable(package="rnn_keras")
class ProjectedLSTMCell(PackedCell):
    """One step of `ProjectedLSTM`.

    Weights: `kernel` `(inputs, 4 * units)`, `recurrent_kernel` `(size, 4 * units)`, `bias`
    `(4 * units,)`, and `projection` `(units, size)`; gates in the order I, F, C, O.

    Args:
        units: size of the cell state C.
        size: size of the hidden state H, which is the output.
        **options: those of `PackedCell`, except `recurrent_dropout` and `weight_drop`.
    """

    blocks = (4,)
    state_names = ("H", "C")
    gate_names, candidate_names = ("I", "F", "_", "O"), ("C_tilde",)

    @positional_as_in_keras
    def __init__(self, units, *, size, **options):
        for name in ("recurrent_dropout", "weight_drop"):
            if options.get(name):
                raise ValueError(f"ProjectedLSTM has no `{name}`: leave it out.")
        super().__init__(units, **options)
        if not 0 < size < self.units:
            raise ValueError(f"`size` must be from 1 to units - 1 = {self.units - 1}, got {size}.")
        self.size = self.output_size = size
        self.state_size = [size, self.units]

    def build(self, input_shape):
        super().build(input_shape)
        self.projection = self.add_weight(
            shape=(self.units, self.size), initializer=self.kernel_initializer, name="projection"
        )

    def split_weights(self):
        """`(W_ifco, W_hr)`."""
        return (*super().split_weights(), ops.convert_to_tensor(self.projection))

    def step(self, x, state, weights, affine):
        """`projected_lstm_step` with this cell's activations."""
        return projected_lstm_step(x, state, weights, affine, self.sigma, self.activation)

    def get_config(self):
        return {**super().get_config(), "size": self.size}


@keras.saving.register_keras_serializable(package="rnn_keras")
class ProjectedLSTM(RecurrentLayer):
    """The LSTM with a hidden state smaller than its cell state, and so with fewer weights.

    `ProjectedLSTM(units, size=n)`; equations: see `projected_lstm_step`. The states are `[H, C]`,
    `(batch, size)` and `(batch, units)`, and the output has `size` features. Other arguments, call
    arguments and errors: see `RecurrentLayer`.

    Example:

    >>> layer = ProjectedLSTM(8, size=4, return_sequences=True)
    >>> layer(keras.ops.ones((2, 3, 5))).shape
    TensorShape([2, 3, 4])

    Reference: Sak et al., *Long Short-Term Memory Based Recurrent Neural Network Architectures for
    Large Vocabulary Speech Recognition*, 2014.
    """

    cell_class = ProjectedLSTMCell
