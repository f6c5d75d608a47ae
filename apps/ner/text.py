"""Tokens as ids of words and of characters; training and export share them."""

from collections.abc import Iterable

import tensorflow as tf

from apps.common.run import Run
from apps.common.tagged import Sentence
from apps.common.trained import load_vocabulary
from apps.ner.config import NERConfig
from rnn_keras.text import UNKNOWN, Tokenizer, Vocabulary, find_matches

SPECIALS = ("<pad>", UNKNOWN)
PAD_ID, UNKNOWN_ID = 0, 1
FILES = ("vocab.txt", "vocab_characters.txt", "vocab_tags.txt")

# As in CoNLL-2003: initials and abbreviations such as U.S. with their stops, the endings of
# contractions apart, numbers and hyphenated words whole.
_ENDINGS = r"(?:n't|'(?:s|re|ve|ll|d|m))\b"
_TOKEN = (
    rf"(?:\p{{Lu}}\.)+|{_ENDINGS}|[\p{{L}}\p{{M}}\p{{N}}]+(?:[-.,:/'&@_][\p{{L}}\p{{M}}\p{{N}}]+)*"
    r"|[\p{P}\p{S}]"
)


class Assets:
    """Vocabularies, and the lookup of tokens.

    Args:
        words, characters: vocabularies that begin with `SPECIALS`.
        tags: the tags, and `<unk>` as the last one.
        word_length: characters that are read of a word.
    """

    def __init__(self, words: Vocabulary, characters: Vocabulary, tags: Vocabulary, word_length):
        self.vocabularies = dict(zip(FILES, (words, characters, tags)))
        self.words, self.characters, self.tags = words, characters, tags.tokens[:-1]
        self.tag_ids = {tag: i for i, tag in enumerate(self.tags)}
        self._words = Tokenizer(words, specials=SPECIALS)
        self._characters = Tokenizer(characters, specials=SPECIALS, max_length=word_length)
        self._word_length = word_length
        self.tables = [self._words.table, self._characters.table]

    @classmethod
    def learn(cls, config: NERConfig, train: Iterable[Sentence]) -> "Assets":
        """The vocabularies and tags of the training sentences."""
        tokens = [token for sentence in train for token in sentence.tokens]
        types = sorted({entity.type for sentence in train for entity in sentence.entities})
        words = [word.decode() for word in _normalise(tf.constant(tokens)).numpy()]
        size = config.vocabulary
        return cls(
            Vocabulary.from_tokens(words, config.min_count, size, SPECIALS),
            Vocabulary.from_tokens("".join(tokens), 1, None, SPECIALS),
            Vocabulary(("O", *(f"{p}-{kind}" for kind in types for p in "BIES"), UNKNOWN)),
            config.word_length,
        )

    @classmethod
    def load(cls, run: Run, config: NERConfig) -> "Assets":
        """Those of a run."""
        return cls(*(load_vocabulary(run, file) for file in FILES), config.word_length)

    def ids(self, tokens: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The ids of tokens `(n,)` and of their characters `(n, word_length)`, int32."""
        words = tf.cast(self._words.table.lookup(_normalise(tokens)), tf.int32)
        characters = self._characters.read(tokens).to_tensor(shape=(None, self._word_length))
        return words, characters


def find_tokens(text: tf.Tensor):
    """Tokens of strings `(batch,)`, and their starts and ends in characters; ragged."""
    text = tf.strings.regex_replace(text, "[’ʼ]", "'")
    return find_matches(text, _TOKEN, _ENDINGS)


def _normalise(tokens):
    """Lower-cased, with every digit as 0."""
    return tf.strings.regex_replace(tf.strings.lower(tokens, "utf-8"), r"\pN", "0")
