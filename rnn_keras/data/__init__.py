"""From sequences and series to arrays of ids and windows, and to batches."""

from rnn_keras.data.batching import bucket_by_length, bucketed_batches, pad
from rnn_keras.data.windows import contiguous_streams, sliding_windows, window_starts

__all__ = [
    "bucket_by_length",
    "bucketed_batches",
    "contiguous_streams",
    "pad",
    "sliding_windows",
    "window_starts",
]
