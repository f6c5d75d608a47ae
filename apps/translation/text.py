"""From text to ids and back, by operations of core TensorFlow; training and export share them.

Words are separated by blanks. Every mark, and every character of scripts without blanks, is a
token of its own; a joiner marks the side on which it was attached (as in OpenNMT's tokenizer), so
that `l'homme noir.` is `l ￭'￭ homme noir ￭.`, and back.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from apps.common.pieces import JOINER as PIECE_JOINER
from apps.common.pieces import WordPieces, learn_pieces
from apps.common.progress import Progress, chunks
from apps.translation.config import TranslationConfig
from apps.translation.normalize import compose
from rnn_keras.data import UNKNOWN, Vocabulary

SPECIALS = ("<pad>", UNKNOWN, "<bos>", "<eos>")  # never in a text: brackets are separate
PAD_ID, UNKNOWN_ID, BOS_ID, EOS_ID = range(4)
JOINER = "￭"

_WITHOUT_BLANKS = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_ALONE = rf"[\p{{P}}\p{{S}}{_WITHOUT_BLANKS}]\p{{M}}*"
# All but letters, digits and marks of any kind; the two joiners of Indic and Persian letters stay.
_BLANK = rf"{JOINER}|\x{{fffd}}|[^\p{{L}}\p{{M}}\p{{N}}\p{{P}}\p{{S}}\x{{200c}}\x{{200d}}]+"
_LEFT, _RIGHT = "\x01", "\x02"  # around separate tokens; in a text they count as blanks
CHUNK = 10_000  # sentences that are tokenized at a time
_KEPT_CHARACTERS = 1_000  # in the vocabulary of word pieces


def split_words(text, lowercase: bool):
    """Words and marks, with joiners.

    Texts that are canonically equivalent (NFC) have the same words, typographic apostrophes are
    plain ones, and whatever is not a letter, a digit or a mark is a blank: no-break spaces, control
    characters, bytes that are not UTF-8.

    Args:
        text: strings, shape `(batch,)`.
        lowercase: whether to lower-case them.

    Returns:
        `tf.RaggedTensor` of strings, `(batch, words)`.
    """
    text = tf.strings.unicode_transcode(
        text, "UTF-8", "UTF-8", replacement_char=ord(" "), replace_control_characters=True
    )
    if lowercase:
        text = tf.strings.lower(text, encoding="utf-8")
    text = tf.strings.regex_replace(compose(text), "[’ʼ]", "'")
    text = tf.strings.regex_replace(text, _BLANK, " ")
    text = tf.strings.regex_replace(text, f"({_ALONE})", rf"{_LEFT}\1{_RIGHT}")
    for glue, tokens in (
        (f" {_LEFT}", " "),
        (f"{_RIGHT} ", " "),
        (f"^{_LEFT}|{_RIGHT}$", ""),
        (f"{_RIGHT}{_LEFT}", f" {JOINER}"),
        (_LEFT, f" {JOINER}"),
        (_RIGHT, f"{JOINER} "),
    ):
        text = tf.strings.regex_replace(text, glue, tokens)
    return tf.strings.split(text)


def join_words(words):
    """The strings `(batch,)` that `split_words` split, normalised, of ragged `(batch, words)`."""
    return _attach(tf.strings.reduce_join(words, axis=-1, separator=" "))


def plain(texts: Sequence[str], lowercase: bool) -> list[str]:
    """Texts as the translator writes them: normalised, with the usual blanks."""
    return [
        text.decode()
        for chunk in chunks(texts, "normalizing sentences", "sentences", CHUNK)
        for text in join_words(split_words(tf.constant(chunk, tf.string), lowercase)).numpy()
    ]


def count_words(texts: Sequence[str], lowercase: bool) -> np.ndarray:
    """The number of words and marks of each text, int64 `(n,)`."""
    counts = [
        split_words(tf.constant(chunk), lowercase).row_lengths().numpy()
        for chunk in chunks(texts, "counting words", "sentences", CHUNK)
    ]
    return np.concatenate([np.zeros(0, "int64"), *counts])


def without_joiners(tokens: Sequence[str]) -> list[str]:
    """Tokens for a plot: Matplotlib's font has no glyph for the joiner."""
    return [token.replace(JOINER, "") for token in tokens]


def _attach(text):
    return tf.strings.strip(tf.strings.regex_replace(text, f" ?{JOINER} ?", ""))


class Tokenizer:
    """Text of one language to the ids of its vocabulary, and back.

    Args:
        vocabulary: what `learn_vocabulary` made; `SPECIALS` are its first tokens.
        config: its `tokens` is the kind of tokens, its `max_length` limits those that are read.

    Attributes:
        table: the lookup table, which an export must track.

    Raises:
        ValueError: the vocabulary does not begin with `SPECIALS`.
    """

    def __init__(self, vocabulary: Vocabulary, config: TranslationConfig):
        if vocabulary.tokens[: len(SPECIALS)] != SPECIALS:
            raise ValueError(
                f"the vocabulary must begin with {', '.join(SPECIALS)}, got "
                f"{', '.join(vocabulary.tokens[: len(SPECIALS)])}"
            )
        self.vocabulary = vocabulary
        self._lowercase, self._max_length = config.lowercase, config.max_length
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(vocabulary.tokens), tf.range(len(vocabulary), dtype=tf.int64)
            ),
            default_value=UNKNOWN_ID,
        )
        self._pieces = WordPieces(vocabulary, self.table) if config.tokens == "wordpiece" else None
        self._token_text = [_token_text(token) for token in vocabulary.tokens]

    def split(self, text):
        """All tokens of strings `(batch,)`: ragged `(batch, tokens)` strings."""
        words = split_words(text, self._lowercase)
        return self._pieces.split(words) if self._pieces else words

    def encode(self, text):
        """The ids of strings `(batch,)`: ragged `(batch, tokens)` int32."""
        tokens = self.split(text)
        return tokens.with_flat_values(tf.cast(self.table.lookup(tokens.flat_values), tf.int32))

    def read(self, text):
        """The ids of the model's input: the first `config.max_length`."""
        return self.encode(text)[:, : self._max_length]

    def decode(self, ids, unknown=UNKNOWN):
        """The text of ids up to the first `EOS_ID`, if there is one.

        Args:
            ids: int32 `(..., time)`.
            unknown: the text for an unknown word, also one for each id, `(..., time)`.

        Returns:
            Strings `(...)`.
        """
        ended = tf.cumsum(tf.cast(tf.equal(ids, EOS_ID), tf.int32), axis=-1) > 0
        written = tf.gather(tf.constant(self._token_text), ids)
        written = tf.where(tf.equal(ids, UNKNOWN_ID), tf.strings.join([" ", unknown]), written)
        written = tf.where(ended, "", written)
        return _attach(tf.strings.reduce_join(written, axis=-1))

    def unknown(self, text) -> list[list[str]]:
        """The distinct words of each of strings `(batch,)` that are read as `<unk>`."""
        words = split_words(text, self._lowercase)
        tokens = tf.RaggedTensor.from_uniform_row_length(words.flat_values, 1)
        tokens = self._pieces.split(tokens) if self._pieces else tokens
        found = tokens.with_flat_values(self.table.lookup(tokens.flat_values) == UNKNOWN_ID)
        unknown = tf.ragged.boolean_mask(words, words.with_values(tf.reduce_any(found, axis=1)))
        return [
            [word.decode().strip(JOINER) for word in dict.fromkeys(of_one)]
            for of_one in unknown.to_list()
        ]

    def tokens(self, ids) -> list[str]:
        """The tokens of ids `(time,)`, as they are in the vocabulary."""
        return self.vocabulary.decode(ids)


def _token_text(token):
    """The text of a token, as it follows those before it."""
    if token in SPECIALS and token != UNKNOWN:
        return ""
    is_inside = token.startswith(PIECE_JOINER)
    return token.removeprefix(PIECE_JOINER) if is_inside else f" {token}"


def learn_vocabulary(config: TranslationConfig, texts: list[str]) -> Vocabulary:
    """The frequent words, or the word pieces, of training texts; `SPECIALS` come first."""
    words = [
        split_words(tf.constant(chunk), config.lowercase).flat_values.numpy()
        for chunk in chunks(texts, "counting words", "sentences", CHUNK)
    ]
    words = np.concatenate(words)
    counts = Counter(words)
    if config.tokens == "word":
        decoded = (word.decode() for word in counts.elements())
        return Vocabulary.from_tokens(decoded, config.min_count, config.vocabulary, SPECIALS)
    # In a script of thousands of characters, words with the rare ones would be unknown.
    characters = Counter()
    for word, count in counts.items():
        characters.update(dict.fromkeys(word.decode(), count))
    room = config.vocabulary // 4
    rare = [character for character, _ in characters.most_common()][_KEPT_CHARACTERS:][:room]
    with Progress("learning word pieces"):
        return learn_pieces(
            words, config.vocabulary, (*SPECIALS, *rare, *(PIECE_JOINER + c for c in rare))
        )
