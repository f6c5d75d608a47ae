"""The recurrent layers of every application's network."""

from typing import Any

from rnn_keras.layers import (
    GRU,
    LSTM,
    Bidirectional,
    DeepRNN,
    GRUCell,
    LSTMCell,
    VanillaRNN,
    VanillaRNNCell,
)

LAYERS = {"vanilla": VanillaRNN, "gru": GRU, "lstm": LSTM}
CELLS = {"vanilla": VanillaRNNCell, "gru": GRUCell, "lstm": LSTMCell}


def recurrent_stack(
    cell: str,
    layers: int,
    units: int,
    *,
    bidirectional: bool = False,
    dtype: Any = None,
    **options: Any,
) -> DeepRNN:
    """Stacked recurrent layers.

    Args:
        cell: `vanilla`, `gru` or `lstm`.
        layers: their number.
        units: size of each hidden state.
        bidirectional: whether each layer runs in both directions.
        dtype: precision of all layers; None takes Keras's policy.
        **options: of `DeepRNN`, such as `dropout` and `return_sequences`.
    """

    def layer():
        one = LAYERS[cell](units, dtype=dtype)
        return Bidirectional(one, dtype=dtype) if bidirectional else one

    return DeepRNN([layer() for _ in range(layers)], dtype=dtype, **options)
