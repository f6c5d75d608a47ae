"""From sequences and series to arrays of ids and windows, and to batches."""

from rnn_keras.data.batching import bucketed_batches
from rnn_keras.data.ragged import RaggedRows
from rnn_keras.data.windows import contiguous_streams, sliding_windows, window_starts

__all__ = [
    "RaggedRows",
    "bucketed_batches",
    "contiguous_streams",
    "sliding_windows",
    "window_starts",
]
