"""Sequence to sequence: attention over any memory, decoders, copying and scheduled sampling.

A decoder has two methods. `start` computes the memory and the initial states from the encoder's
outputs. `decode` runs over whole sequences in training, and over one step at a time in the searches
of `rnn_keras.decoding`.
"""

from rnn_keras.seq2seq.attention import AdditiveAttention, MultiplicativeAttention
from rnn_keras.seq2seq.context import ContextDecoder
from rnn_keras.seq2seq.copying import (
    CopyMechanism,
    copied_words,
    copy_ids,
    copy_targets,
    coverage_loss,
)
from rnn_keras.seq2seq.decoder import AttentionDecoder, scan
from rnn_keras.seq2seq.loss import TokenCrossentropy
from rnn_keras.seq2seq.sampling import ScheduledSampling
from rnn_keras.seq2seq.tokens import TokenDecoder, exclude

__all__ = [
    "AdditiveAttention",
    "AttentionDecoder",
    "ContextDecoder",
    "CopyMechanism",
    "MultiplicativeAttention",
    "ScheduledSampling",
    "TokenCrossentropy",
    "TokenDecoder",
    "copied_words",
    "copy_ids",
    "copy_targets",
    "coverage_loss",
    "exclude",
    "scan",
]
