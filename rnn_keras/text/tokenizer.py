"""From text to the ids of a vocabulary and back, by operations of core TensorFlow."""

from collections.abc import Sequence

import tensorflow as tf

from rnn_keras.text.vocabulary import UNKNOWN, Vocabulary
from rnn_keras.text.word_pieces import JOINER, split_into_pieces
from rnn_keras.text.word_splitter import WordSplitter

END = "<eos>"


class Tokenizer:
    """Text to the ids of a vocabulary, and back, eagerly or in a graph.

    Args:
        vocabulary: the tokens. Unknown ones have the id of `"<unk>"`.
        words: splits a text into words. None: tokens are characters, i.e. Unicode code points;
            bytes that are not UTF-8 are U+FFFD.
        word_pieces: whether words are split into pieces, the longest match first, as in BERT. The
            pieces that continue a word begin with `##`.
        specials: the first tokens of the vocabulary, which never occur in a text. `decode` leaves
            them out, except `"<unk>"`, and stops at `"<eos>"`.
        max_length: the number of tokens that `truncate` and `read` keep; None for all.
        both_ends: whether they keep the first and the last `max_length / 2` tokens, instead of
            the first `max_length`.

    Attributes:
        vocabulary: the tokens.
        table: the lookup table of their ids, which an export must track.

    Raises:
        ValueError: the vocabulary does not begin with the specials.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        words: WordSplitter | None = None,
        word_pieces: bool = False,
        specials: Sequence[str] = (),
        max_length: int | None = None,
        both_ends: bool = False,
    ):
        first = vocabulary.tokens[: len(specials)]
        if first != tuple(specials):
            raise ValueError(
                f"the vocabulary must begin with {', '.join(specials)}, got {', '.join(first)}"
            )
        self.vocabulary, self._words, self._word_pieces = vocabulary, words, word_pieces
        self._max_length, self._both_ends = max_length, both_ends
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(vocabulary.tokens), tf.range(len(vocabulary), dtype=tf.int64)
            ),
            default_value=vocabulary.unk_id,
        )
        self._blank = " " if words else ""
        silent = {*specials} - {UNKNOWN}
        self._texts = ["" if t in silent else self._text_of(t) for t in vocabulary.tokens]
        self._end_id = specials.index(END) if END in specials else None

    def split(self, text: tf.Tensor) -> tf.RaggedTensor:
        """All tokens, strings `(batch, tokens)`, of strings `(batch,)`."""
        return self._split_further(self._split_words(text))

    def truncate(self, tokens: tf.RaggedTensor) -> tf.RaggedTensor:
        """At most `max_length` of all tokens `(batch, tokens)`, or of their ids."""
        if self._max_length is None or not self._both_ends:
            return tokens[:, : self._max_length]
        position = tf.ragged.range(tokens.row_lengths())
        from_end = tf.expand_dims(tokens.row_lengths(), 1) - position
        tail = self._max_length // 2
        is_kept = (position < self._max_length - tail) | (from_end <= tail)
        return tf.ragged.boolean_mask(tokens, is_kept)

    def ids(self, tokens: tf.RaggedTensor) -> tf.RaggedTensor:
        """The ids of tokens, int32 `(batch, tokens)`."""
        return tokens.with_flat_values(tf.cast(self.table.lookup(tokens.flat_values), tf.int32))

    def encode(self, text: tf.Tensor) -> tf.RaggedTensor:
        """The ids of all tokens, int32 `(batch, tokens)`, of strings `(batch,)`."""
        return self.ids(self.split(text))

    def read(self, text: tf.Tensor) -> tf.RaggedTensor:
        """As `encode`, of the tokens that `truncate` keeps."""
        return self.ids(self.truncate(self.split(text)))

    def decode(
        self, ids: tf.Tensor | tf.RaggedTensor, unknown: str | tf.Tensor = UNKNOWN
    ) -> tf.Tensor:
        """The texts, strings `(...)`, of ids.

        Args:
            ids: int32 `(..., time)`.
            unknown: the text of an unknown token; of dense ids also one for each, `(..., time)`.
        """
        texts = self._texts
        if isinstance(ids, tf.RaggedTensor):
            ids, texts = ids.to_tensor(len(texts)), [*texts, ""]
        written = tf.gather(tf.constant(texts), ids)
        unknown = tf.strings.join([self._blank, unknown])
        written = tf.where(tf.equal(ids, self.vocabulary.unk_id), unknown, written)
        if self._end_id is not None:
            ended = tf.cumsum(tf.cast(tf.equal(ids, self._end_id), tf.int32), axis=-1) > 0
            written = tf.where(ended, "", written)
        text = tf.strings.reduce_join(written, axis=-1)
        return self._words.attach(text) if self._words else text

    def unknown_words(self, text: tf.Tensor) -> list[list[str]]:
        """The distinct words of each of strings `(batch,)` that have an unknown token."""
        words = self._split_words(text)
        rows = tf.RaggedTensor.from_uniform_row_length(words.flat_values, 1)
        is_unknown = self.ids(self._split_further(rows)) == self.vocabulary.unk_id
        found = tf.ragged.boolean_mask(words, words.with_values(tf.reduce_any(is_unknown, axis=1)))
        joiner = self._words.joiner if self._words else ""
        return [[w.decode().strip(joiner) for w in dict.fromkeys(row)] for row in found.to_list()]

    def _split_words(self, text):
        return self._words.split(text) if self._words else tf.strings.unicode_split(text, "UTF-8")

    def _split_further(self, words):
        if not self._word_pieces:
            return words
        return split_into_pieces(words, self.table, self.vocabulary)

    def _text_of(self, token):
        """The text of a token, as it follows those before it."""
        is_inside = self._word_pieces and token.startswith(JOINER)
        return token.removeprefix(JOINER) if is_inside else self._blank + token
