"""From text to the ids of a vocabulary and back, by operations of core TensorFlow."""

from collections.abc import Sequence
from typing import Literal, get_args

import tensorflow as tf

from rnn_keras.text.vocabulary import UNKNOWN, Vocabulary
from rnn_keras.text.word_pieces import JOINER, WordPieces
from rnn_keras.text.word_splitter import WordSplitter

Kind = Literal["character", "word", "wordpiece"]
Kept = Literal["start", "ends"]


class Tokenizer:
    """Text to the ids of a vocabulary, and back, eagerly or in a graph.

    Args:
        vocabulary: the tokens. Unknown ones have the id of `"<unk>"`.
        tokens: the kind of tokens. Characters are Unicode code points; bytes that are not UTF-8
            are U+FFFD. The pieces of a word are the longest matches, as in BERT; the later ones
            begin with `##`.
        words: splits the text into words; `WordSplitter()` if None. Not used for characters.
        specials: the first tokens of the vocabulary, which never occur in a text. `decode` leaves
            them out, except `"<unk>"`.
        end_token: the one of them at which `decode` stops; None for no such token.
        max_length: the number of tokens that `truncate` and `read` keep; None for all.
        keep: what they keep of a longer text: its start, or the first and the last
            `max_length / 2` tokens.

    Attributes:
        vocabulary: the tokens.
        table: the lookup table of their ids, which an export must track.

    Raises:
        ValueError: the vocabulary does not begin with the specials, `end_token` is none of them,
            or `tokens` or `keep` is unknown.

    Example:
        >>> words = Vocabulary.from_tokens(["good", "film", "!"])
        >>> tokenizer = Tokenizer(words)
        >>> ids = tokenizer.encode(tf.constant(["Good film!", "Films"]))
        >>> ids.to_list()
        [[3, 2, 1], [0]]
        >>> tokenizer.decode(ids).numpy()
        array([b'good film !', b'<unk>'], dtype=object)
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        tokens: Kind = "word",
        words: WordSplitter | None = None,
        *,
        specials: Sequence[str] = (),
        end_token: str | None = None,
        max_length: int | None = None,
        keep: Kept = "start",
    ):
        for name, value, choices in (("tokens", tokens, Kind), ("keep", keep, Kept)):
            if value not in get_args(choices):
                raise ValueError(f"{name} must be one of {get_args(choices)}, got {value!r}")
        first = vocabulary.tokens[: len(specials)]
        if first != tuple(specials):
            raise ValueError(
                f"the vocabulary must begin with {', '.join(specials)}, got {', '.join(first)}"
            )
        if end_token not in (None, *specials):
            raise ValueError(f"end_token must be one of {tuple(specials)}, got {end_token!r}")
        self.vocabulary = vocabulary
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(vocabulary.tokens), tf.range(len(vocabulary), dtype=tf.int64)
            ),
            default_value=vocabulary.unk_id,
        )
        self._words = None if tokens == "character" else words or WordSplitter()
        self._pieces = WordPieces(vocabulary, self.table) if tokens == "wordpiece" else None
        self._separator = "" if tokens == "character" else " "
        silent = {*specials} - {UNKNOWN}
        self._texts = ["" if t in silent else self._text_of(t) for t in vocabulary.tokens]
        self._end_id = None if end_token is None else specials.index(end_token)
        self._max_length, self._keep = max_length, keep

    def split(self, text: tf.Tensor) -> tf.RaggedTensor:
        """All tokens, strings `(batch, tokens)`, of strings `(batch,)`."""
        words = self._split_words(text)
        return self._pieces.split(words) if self._pieces else words

    def truncate(self, tokens: tf.RaggedTensor) -> tf.RaggedTensor:
        """At most `max_length` of all tokens `(batch, tokens)`, or of their ids."""
        if self._max_length is None:
            return tokens
        if self._keep == "start":
            return tokens[:, : self._max_length]
        position = tf.ragged.range(tokens.row_lengths())
        from_end = tf.expand_dims(tokens.row_lengths(), 1) - position
        tail = self._max_length // 2
        return tf.ragged.boolean_mask(
            tokens, (position < self._max_length - tail) | (from_end <= tail)
        )

    def ids(self, tokens: tf.RaggedTensor) -> tf.RaggedTensor:
        """The ids of tokens, int32 `(batch, tokens)`."""
        return tokens.with_flat_values(tf.cast(self.table.lookup(tokens.flat_values), tf.int32))

    def encode(self, text: tf.Tensor) -> tf.RaggedTensor:
        """The ids of all tokens, int32 `(batch, tokens)`, of strings `(batch,)`."""
        return self.ids(self.split(text))

    def read(self, text: tf.Tensor) -> tf.RaggedTensor:
        """As `encode`, of the at most `max_length` tokens that `truncate` keeps."""
        return self.ids(self.truncate(self.split(text)))

    def decode(
        self, ids: tf.Tensor | tf.RaggedTensor, unknown: str | tf.Tensor = UNKNOWN
    ) -> tf.Tensor:
        """The texts of ids, each up to the first `end_token`, if there is one.

        Args:
            ids: int32 `(..., time)`.
            unknown: the text of an unknown token; of dense ids also one for each, `(..., time)`.

        Returns:
            Strings `(...)`.
        """
        texts = self._texts
        if isinstance(ids, tf.RaggedTensor):
            ids, texts = ids.to_tensor(len(texts)), [*texts, ""]
        written = tf.gather(tf.constant(texts), ids)
        unknown = tf.strings.join([self._separator, unknown])
        written = tf.where(tf.equal(ids, self.vocabulary.unk_id), unknown, written)
        if self._end_id is not None:
            ended = tf.cumsum(tf.cast(tf.equal(ids, self._end_id), tf.int32), axis=-1) > 0
            written = tf.where(ended, "", written)
        text = tf.strings.reduce_join(written, axis=-1)
        return self._words.attach(text) if self._words else text

    def unknown_words(self, text: tf.Tensor) -> list[list[str]]:
        """The distinct words of each of strings `(batch,)` that have an unknown token."""
        words = self._split_words(text)
        tokens = tf.RaggedTensor.from_uniform_row_length(words.flat_values, 1)
        tokens = self._pieces.split(tokens) if self._pieces else tokens
        found = tokens.with_flat_values(
            self.table.lookup(tokens.flat_values) == self.vocabulary.unk_id
        )
        unknown = tf.ragged.boolean_mask(words, words.with_values(tf.reduce_any(found, axis=1)))
        joiner = self._words.joiner if self._words else ""
        return [
            [word.decode().strip(joiner) for word in dict.fromkeys(of_one)]
            for of_one in unknown.to_list()
        ]

    def _split_words(self, text):
        return self._words.split(text) if self._words else tf.strings.unicode_split(text, "UTF-8")

    def _text_of(self, token):
        """The text of a token, as it follows those before it."""
        is_inside = self._pieces and token.startswith(JOINER)
        return token.removeprefix(JOINER) if is_inside else self._separator + token
