"""The tokens of sentences; training and export share them.

Words are separated by blanks. Every mark, and every character of scripts without blanks, is a
token of its own; a joiner marks the side on which it was attached, so that `l'homme noir.` is
`l ￭'￭ homme noir ￭.`, and back.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from apps.common.tokenized import by_chunks, prepare_from_texts
from apps.translation.config import TranslationConfig
from rnn_keras.text import UNKNOWN, Tokenizer, Vocabulary, WordSplitter

SPECIALS = ("<pad>", UNKNOWN, "<bos>", "<eos>")  # never in a text: brackets are separate
PAD_ID, UNKNOWN_ID, BOS_ID, EOS_ID = range(4)
JOINER = "￭"


def word_splitter(lowercase: bool) -> WordSplitter:
    """Splits sentences into words and marks, with joiners."""
    return WordSplitter(lowercase, joiner=JOINER)


def make_tokenizer(vocabulary: Vocabulary, config: TranslationConfig) -> Tokenizer:
    """The tokenizer of a vocabulary that begins with `SPECIALS`."""
    words, is_pieces = word_splitter(config.lowercase), config.tokens == "wordpiece"
    return Tokenizer(vocabulary, words, is_pieces, SPECIALS, config.max_length)


def plain(texts: Sequence[str], lowercase: bool) -> list[str]:
    """Texts as the translator writes them: normalised, with the usual blanks."""
    words = word_splitter(lowercase)
    joined = by_chunks(lambda chunk: words.join(words.split(chunk)), texts, "normalizing")
    return [text.decode() for chunk in joined for text in chunk.numpy()]


def identities(texts: Sequence[str]) -> np.ndarray:
    """A number for each text, int64 `(n,)`: a hash of its words and marks, in lower case."""
    words = word_splitter(lowercase=True)

    def hashes(chunk):
        return tf.strings.to_hash_bucket_fast(words.join(words.split(chunk)), 2**63 - 1)

    return _numbers("identities", [repr(words)], texts, hashes)


def count_words(texts: Sequence[str], lowercase: bool) -> np.ndarray:
    """The number of words and marks of each text, int64 `(n,)`."""
    words = word_splitter(lowercase)
    return _numbers(
        "word_counts", [repr(words)], texts, lambda chunk: words.split(chunk).row_lengths()
    )


def _numbers(name, key, texts, function):
    """An integer for each text; those of many texts are kept."""

    def write(append):
        append("numbers", np.zeros(0, "int64"))
        for numbers in by_chunks(function, texts, name.replace("_", " ")):
            append("numbers", numbers.numpy())
        return {}

    return prepare_from_texts(name, key, texts, write)[0]["numbers"]


def without_joiners(tokens: Sequence[str]) -> list[str]:
    """Tokens for a plot: Matplotlib's font has no glyph for the joiner."""
    return [token.replace(JOINER, "") for token in tokens]
