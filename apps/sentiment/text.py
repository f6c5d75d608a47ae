"""From text to ids, by operations of core TensorFlow; training and export share the functions."""

import numpy as np
import tensorflow as tf

from apps.common.pieces import WordPieces, learn_pieces
from apps.common.progress import Progress, chunks
from apps.sentiment.config import SentimentConfig
from rnn_keras.data import UNKNOWN, Vocabulary

CHUNK = 1_000  # reviews that are tokenized at a time
PAD = "<pad>"
SPECIALS = (PAD, UNKNOWN)  # never in a text: brackets are separate tokens
PAD_ID, UNKNOWN_ID = 0, 1

# Separate tokens of lower-cased text: the endings of English contractions, as in the Penn
# Treebank ("is n't", "it 's"), and every mark of punctuation and symbol.
_ALONE = r"n't\b|'(?:s|re|ve|ll|d|m)\b|[\p{P}\p{S}]"
_BLANK = r"<br\s*/?>|\x{fffd}|[^\p{L}\p{M}\p{N}\p{P}\p{S}]+"


def split_words(text):
    """Lower-cased words and marks.

    Bytes that are not UTF-8 (also where they were replaced by U+FFFD), control characters, HTML's
    `<br />`, and all but letters, digits, punctuation and symbols count as blanks.

    Args:
        text: strings, shape `(batch,)`.

    Returns:
        `tf.RaggedTensor` of strings, `(batch, words)`.
    """
    text = tf.strings.unicode_transcode(
        text, "UTF-8", "UTF-8", replacement_char=ord(" "), replace_control_characters=True
    )
    text = tf.strings.lower(text, encoding="utf-8")
    text = tf.strings.regex_replace(text, "[’ʼ]", "'")
    text = tf.strings.regex_replace(text, _BLANK, " ")
    text = tf.strings.regex_replace(text, f"({_ALONE})", r" \1 ")
    return tf.strings.split(text)


class Tokenizer:
    """Text to the ids of a vocabulary.

    Args:
        vocabulary: what `learn_vocabulary` made; `SPECIALS` are its first tokens.
        config: its `tokens` is the kind of tokens, its `max_length` limits those that are read.

    Attributes:
        table: the lookup table, which an export must track.

    Raises:
        ValueError: the vocabulary does not begin with `SPECIALS`.
    """

    def __init__(self, vocabulary: Vocabulary, config: SentimentConfig):
        if vocabulary.tokens[: len(SPECIALS)] != SPECIALS:
            raise ValueError(
                f"the vocabulary must begin with {', '.join(SPECIALS)}, got "
                f"{', '.join(vocabulary.tokens[: len(SPECIALS)])}"
            )
        self._max_length = config.max_length
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(vocabulary.tokens), tf.range(len(vocabulary), dtype=tf.int64)
            ),
            default_value=UNKNOWN_ID,
        )
        self._pieces = WordPieces(vocabulary, self.table) if config.tokens == "wordpiece" else None

    def split(self, text):
        """All tokens of the texts, ragged `(batch, tokens)` strings."""
        words = split_words(text)
        return self._pieces.split(words) if self._pieces else words

    def crop(self, tokens):
        """The tokens that are read: the first and the last `max_length / 2` of a long text.

        A review states its opinion at the beginning and at the end.
        """
        position = tf.ragged.range(tokens.row_lengths())
        from_end = tf.expand_dims(tokens.row_lengths(), 1) - position
        tail = self._max_length // 2
        return tf.ragged.boolean_mask(
            tokens, (position < self._max_length - tail) | (from_end <= tail)
        )

    def ids(self, tokens):
        """Ragged `(batch, tokens)` int32."""
        return tokens.with_flat_values(tf.cast(self.table.lookup(tokens.flat_values), tf.int32))

    def encode(self, texts: list[str]) -> list[np.ndarray]:
        """The ids that are read of each text, int32 vectors."""
        rows = []
        for some in chunks(texts, "tokenizing", "reviews", CHUNK):
            ids = self.ids(self.crop(self.split(tf.constant(some))))
            rows += np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1])
        return rows


def pad_rows(rows, value):
    """Ragged `(batch, words)` as `(batch, longest)`, at least one step long."""
    dense = rows.to_tensor(value)
    missing = tf.cast(tf.equal(tf.shape(dense)[1], 0), tf.int32)
    return tf.pad(dense, [[0, 0], [0, missing]], constant_values=value)


def learn_vocabulary(config: SentimentConfig, texts: list[str]) -> Vocabulary:
    """The frequent words, or the word pieces, of training texts; `SPECIALS` come first."""
    words = [
        split_words(tf.constant(some)).flat_values.numpy()
        for some in chunks(texts, "counting words", "reviews", CHUNK)
    ]
    words = np.concatenate(words)
    if config.tokens == "wordpiece":
        with Progress("learning word pieces"):
            return learn_pieces(words, config.vocabulary, SPECIALS)
    decoded = (word.decode() for word in words)
    return Vocabulary.from_tokens(decoded, config.min_count, config.vocabulary, SPECIALS)
