"""The tokens of reviews; training and export share them."""

import tensorflow as tf

from apps.sentiment.config import SentimentConfig
from rnn_keras.text import UNKNOWN, Tokenizer, Vocabulary, WordSplitter

SPECIALS = ("<pad>", UNKNOWN)  # never in a text: brackets are separate tokens
PAD_ID, UNKNOWN_ID = 0, 1

# Separate tokens are the endings of English contractions, as in the Penn Treebank ("is n't",
# "it 's"), and every mark of punctuation and symbol. HTML's `<br />` is a blank.
WORDS = WordSplitter(
    nfc=False,
    separate=r"n't\b|'(?:s|re|ve|ll|d|m)\b|[\p{P}\p{S}]",
    blank=r"<br\s*/?>|\x{fffd}|[^\p{L}\p{M}\p{N}\p{P}\p{S}]+",
)


def make_tokenizer(vocabulary: Vocabulary, config: SentimentConfig) -> Tokenizer:
    """The tokenizer of a vocabulary that begins with `SPECIALS`.

    It reads both ends of a long review, where the opinion is stated.
    """
    is_pieces = config.tokens == "wordpiece"
    return Tokenizer(vocabulary, WORDS, is_pieces, SPECIALS, config.max_length, both_ends=True)


def pad_rows(rows, value):
    """Ragged `(batch, words)` as `(batch, longest)`, at least one step long."""
    dense = rows.to_tensor(value)
    missing = tf.cast(tf.equal(tf.shape(dense)[1], 0), tf.int32)
    return tf.pad(dense, [[0, 0], [0, missing]], constant_values=value)
