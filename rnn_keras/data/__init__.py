"""Turning text and series into arrays of ids and windows; pure NumPy."""

from rnn_keras.data.vocab import UNKNOWN, Vocabulary
from rnn_keras.data.windows import contiguous_streams, sliding_windows

__all__ = ["UNKNOWN", "Vocabulary", "contiguous_streams", "sliding_windows"]
