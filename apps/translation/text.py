"""The tokens of sentences; training and export share them.

Words are separated by blanks. Every mark, and every character of scripts without blanks, is a
token of its own; a joiner marks the side on which it was attached, so that `l'homme noir.` is
`l ￭'￭ homme noir ￭.`, and back.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from apps.common.progress import chunks
from apps.translation.config import TranslationConfig
from rnn_keras.text import UNKNOWN, Tokenizer, Vocabulary, WordSplitter

SPECIALS = ("<pad>", UNKNOWN, "<bos>", "<eos>")  # never in a text: brackets are separate
PAD_ID, UNKNOWN_ID, BOS_ID, EOS_ID = range(4)
JOINER = "￭"
CHUNK = 10_000  # sentences that are split at a time


def word_splitter(lowercase: bool) -> WordSplitter:
    """Splits sentences into words and marks, with joiners."""
    return WordSplitter(lowercase, joiner=JOINER)


def make_tokenizer(vocabulary: Vocabulary, config: TranslationConfig) -> Tokenizer:
    """The tokenizer of a vocabulary that begins with `SPECIALS`."""
    return Tokenizer(
        vocabulary,
        config.tokens,
        word_splitter(config.lowercase),
        specials=SPECIALS,
        end_token=SPECIALS[EOS_ID],
        max_length=config.max_length,
    )


def plain(texts: Sequence[str], lowercase: bool) -> list[str]:
    """Texts as the translator writes them: normalised, with the usual blanks."""
    words = word_splitter(lowercase)
    return [
        text.decode()
        for chunk in chunks(texts, "normalizing sentences", "sentences", CHUNK)
        for text in words.join(words.split(tf.constant(chunk, tf.string))).numpy()
    ]


def count_words(texts: Sequence[str], lowercase: bool) -> np.ndarray:
    """The number of words and marks of each text, int64 `(n,)`."""
    counts = [
        word_splitter(lowercase).split(tf.constant(chunk)).row_lengths().numpy()
        for chunk in chunks(texts, "counting words", "sentences", CHUNK)
    ]
    return np.concatenate([np.zeros(0, "int64"), *counts])


def without_joiners(tokens: Sequence[str]) -> list[str]:
    """Tokens for a plot: Matplotlib's font has no glyph for the joiner."""
    return [token.replace(JOINER, "") for token in tokens]
