"""Words as ids of the word and of its characters."""

from collections.abc import Iterable

import tensorflow as tf

from rnn_keras.text.tokenizer import Tokenizer
from rnn_keras.text.vocabulary import UNKNOWN, Vocabulary


class WordLookup:
    """The ids of words and of their characters, as taggers read them, eagerly or in a graph.

    Words are looked up in lower case and with every digit as 0, their characters as they are.

    Args:
        words, characters: the vocabularies; both begin with `SPECIALS`.
        word_length: number of characters that are read of a word, the first ones.

    Attributes:
        words, characters: the vocabularies.
        tables: the lookup tables, which an export must track.

    Raises:
        ValueError: a vocabulary does not begin with `SPECIALS`.

    References: Lample et al., *Neural Architectures for Named Entity Recognition*, 2016; Ma & Hovy,
    *End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF*, 2016.
    """

    SPECIALS = ("<pad>", UNKNOWN)

    def __init__(self, words: Vocabulary, characters: Vocabulary, word_length: int):
        self.words, self.characters, self._word_length = words, characters, word_length
        self._words = Tokenizer(words, specials=self.SPECIALS)
        self._characters = Tokenizer(characters, specials=self.SPECIALS, max_length=word_length)
        self.tables = [self._words.table, self._characters.table]

    @classmethod
    def learn(
        cls,
        words: Iterable[str],
        word_length: int,
        min_count: int = 1,
        max_size: int | None = None,
    ) -> "WordLookup":
        """A lookup with the vocabularies of training words.

        Args:
            words: the training words.
            word_length: as above.
            min_count, max_size: of the vocabulary of words: see `Vocabulary.from_tokens`.
        """
        words = list(words)
        normal = [word.decode() for word in cls._normalise(tf.constant(words)).numpy()]
        return cls(
            Vocabulary.from_tokens(normal, min_count, max_size, cls.SPECIALS),
            Vocabulary.from_tokens("".join(words), specials=cls.SPECIALS),
            word_length,
        )

    def __call__(self, words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The ids of words `(n,)`, int32 `(n,)`, and of their characters, `(n, word_length)`.

        The characters of a shorter word end with the id 0.
        """
        ids = tf.cast(self._words.table.lookup(self._normalise(words)), tf.int32)
        return ids, self._characters.read(words).to_tensor(shape=(None, self._word_length))

    @staticmethod
    def _normalise(words):
        return tf.strings.regex_replace(tf.strings.lower(words, "utf-8"), r"\pN", "0")
