"""From text and series to arrays of ids and windows; pure NumPy."""

from rnn_keras.data.batching import bucket_by_length, pad
from rnn_keras.data.vocab import UNKNOWN, Vocabulary
from rnn_keras.data.windows import contiguous_streams, sliding_windows, window_starts

__all__ = [
    "UNKNOWN",
    "Vocabulary",
    "bucket_by_length",
    "contiguous_streams",
    "pad",
    "sliding_windows",
    "window_starts",
]
