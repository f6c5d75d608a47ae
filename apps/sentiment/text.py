"""From text to ids, by operations of core TensorFlow: the same function trains and is served."""

import numpy as np
import tensorflow as tf

from rnn_keras.data import UNKNOWN, Vocabulary

PAD = "<pad>"
SPECIALS = (PAD, UNKNOWN)  # no text has them: the brackets are tokens of their own
PAD_ID = 0

# What stands alone on lower-cased text: the endings of English contractions, as in the Penn
# Treebank ("is n't", "it 's"), and every mark of punctuation and symbol.
_ALONE = r"n't\b|'(?:s|re|ve|ll|d|m)\b|[\p{P}\p{S}]"
_BLANK = r"<br\s*/?>|[^\p{L}\p{M}\p{N}\p{P}\p{S}]+"


def split_words(text):
    """Lower-cased words and marks.

    Bytes that are not UTF-8 and control characters count as blanks, like HTML's `<br />`, and
    like whatever is not a letter, a digit, punctuation or a symbol.

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


def crop(words, max_length: int):
    """The first and the last words of rows that are longer than `max_length`.

    A review says what it thinks at its beginning and at its end.

    Args:
        words: ragged `(batch, words)`.
        max_length: words kept, the first half and the last half; at least 2.
    """
    position = tf.ragged.range(words.row_lengths())
    from_end = tf.repeat(words.row_lengths(), words.row_lengths()) - position.flat_values
    tail = max_length // 2
    keep = (position.flat_values < max_length - tail) | (from_end <= tail)
    return tf.ragged.boolean_mask(words, position.with_flat_values(keep))


class Encoder:
    """Text to the ids of a vocabulary.

    Args:
        vocabulary: its first token is `PAD`.
        max_length: see `crop`.

    Attributes:
        table: the lookup table, which an export has to track.

    Raises:
        ValueError: the vocabulary does not begin with `PAD`.
    """

    def __init__(self, vocabulary: Vocabulary, max_length: int):
        if vocabulary.tokens[PAD_ID] != PAD:
            raise ValueError(f"the vocabulary must begin with {PAD}, got {vocabulary.tokens[0]!r}")
        self._max_length = max_length
        self._unknown = vocabulary.unk_id
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(vocabulary.tokens), tf.range(len(vocabulary), dtype=tf.int64)
            ),
            default_value=vocabulary.unk_id,
        )

    def tokens(self, text):
        """The words that the model reads, ragged `(batch, words)` strings."""
        return crop(split_words(text), self._max_length)

    def ids(self, tokens):
        """Ragged `(batch, words)` int32 of what `tokens` gave."""
        return tokens.with_flat_values(tf.cast(self.table.lookup(tokens.flat_values), tf.int32))


def padded(rows, value):
    """Ragged `(batch, words)` as `(batch, longest)`, at least one step long."""
    dense = rows.to_tensor(value)
    missing = tf.cast(tf.equal(tf.shape(dense)[1], 0), tf.int32)
    return tf.pad(dense, [[0, 0], [0, missing]], constant_values=value)


def learn_vocabulary(texts, max_size: int, min_count: int) -> Vocabulary:
    """The frequent words of training texts.

    Args:
        texts: list of strings.
        max_size: largest size of the vocabulary, `SPECIALS` included.
        min_count: words seen fewer times are left out.
    """
    words = (word.decode() for word in split_words(tf.constant(texts)).flat_values.numpy())
    return Vocabulary.from_tokens(words, min_count, max_size, SPECIALS)


def encode_all(encoder: Encoder, texts, chunk: int = 1000) -> list[np.ndarray]:
    """The ids of each text, int32 vectors."""
    rows = []
    for start in range(0, len(texts), chunk):
        ids = encoder.ids(encoder.tokens(tf.constant(texts[start : start + chunk])))
        rows += np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1])
    return rows
