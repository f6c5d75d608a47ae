"""Word pieces as in keras_nlp, in the graph, by operations of core TensorFlow.

A SavedModel with the operations of TensorFlow Text runs only where that is installed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import tensorflow as tf

from rnn_keras.extras import needs_extra
from rnn_keras.text.vocabulary import UNKNOWN, Vocabulary

JOINER = "##"  # begins the pieces that continue a word
LONGEST_WORD = 100  # bytes; longer words are unknown, as in TensorFlow Text
_BATCH = 100_000  # words
_KEPT_CHARACTERS = 1_000  # of those that occur, by keras_nlp


def learn_word_pieces(
    words: Iterable[str | bytes] | Mapping[str | bytes, int],
    max_size: int,
    specials: Sequence[str] = (UNKNOWN,),
) -> Vocabulary:
    """The vocabulary that `keras_nlp` learns from words, with all their characters.

    A piece occurs at least 10 times, a limit that `keras_nlp` does not expose, or is a single
    character. A small text therefore gives fewer than `max_size`.

    Args:
        words: the words, each as often as it occurs; or the number of each.
        max_size: largest size of the vocabulary.
        specials: tokens that come first, `"<unk>"` among them.

    Raises:
        ModuleNotFoundError: the extra `text` is not installed.

    Reference: Schuster & Nakajima, *Japanese and Korean Voice Search*, 2012.
    """
    with needs_extra("text"):
        import keras_nlp  # takes seconds

    # Words with others than the frequent characters would be unknown: Chinese has thousands.
    characters, counts = Counter(), Counter(words)
    for word, count in counts.items():
        characters.update(dict.fromkeys(tf.compat.as_text(word), count))
    rare = [c for c, _ in characters.most_common()][_KEPT_CHARACTERS:][: max_size // 4]
    pieces = keras_nlp.tokenizers.compute_word_piece_vocabulary(
        tf.data.Dataset.from_generator(
            lambda: _repeated(counts), output_signature=tf.TensorSpec([None], tf.string)
        ),
        max_size,
        split=False,
        suffix_indicator=JOINER,
        reserved_tokens=[*specials, *rare, *(JOINER + c for c in rare)],
    )
    return Vocabulary(pieces)


def _repeated(counts):
    """Each word as often as it was counted, in batches, as `keras_nlp` counts them again."""
    batch = []
    for word, count in counts.items():
        while count:
            added = min(count, _BATCH - len(batch))
            batch += [word] * added
            count -= added
            if len(batch) == _BATCH:
                yield batch
                batch = []
    yield batch


def split_into_pieces(words, table, vocabulary: Vocabulary):
    """The pieces of words, the longest match first; `<unk>` for a word that has no such split.

    Args:
        words: ragged `(batch, words)` strings.
        table: lookup table of ids by token; unknown tokens have the id `vocabulary.unk_id`.
        vocabulary: the pieces.

    Returns:
        Ragged `(batch, pieces)` strings.
    """
    distinct, index = tf.unique(words.flat_values)
    rest = tf.where(tf.strings.length(distinct) > LONGEST_WORD, "", distinct)
    longest = max(len(piece.removeprefix(JOINER)) for piece in vocabulary.tokens)

    def next_piece(rest, joiner):
        """The longest piece at the start of each text, `<unk>` if there is none, and the rest."""
        lengths = tf.expand_dims(tf.range(1, longest + 1), 0)
        heads = tf.strings.substr(
            tf.expand_dims(rest, 1), tf.zeros_like(lengths), lengths, unit="UTF8_CHAR"
        )
        is_piece = table.lookup(joiner + heads) != vocabulary.unk_id
        fits = lengths <= tf.expand_dims(tf.strings.length(rest, unit="UTF8_CHAR"), 1)
        length = tf.reduce_max(tf.where(is_piece & fits, lengths, 0), 1)
        head = tf.strings.substr(rest, tf.zeros_like(length), length, unit="UTF8_CHAR")
        rest_of = tf.strings.substr(
            rest, length, tf.fill(tf.shape(length), LONGEST_WORD), unit="UTF8_CHAR"
        )
        missing = tf.where(rest == "", "", UNKNOWN)
        return tf.where(length > 0, joiner + head, missing), tf.where(length > 0, rest_of, "")

    def step(pieces, rest):
        piece, rest = next_piece(rest, JOINER)
        return tf.concat([pieces, tf.expand_dims(piece, 1)], 1), rest

    first, rest = next_piece(rest, "")
    pieces, _ = tf.while_loop(
        lambda _, rest: tf.reduce_any(rest != ""),
        step,
        (tf.expand_dims(first, 1), rest),
        shape_invariants=(tf.TensorShape([None, None]), tf.TensorShape([None])),
    )
    unknown = tf.reduce_any(pieces == UNKNOWN, 1) | (first == "")
    pieces = tf.where(tf.expand_dims(unknown, 1), "", pieces)
    pieces = tf.concat([tf.expand_dims(tf.where(unknown, UNKNOWN, ""), 1), pieces], 1)
    pieces = tf.gather(tf.ragged.boolean_mask(pieces, pieces != ""), index)
    return words.with_flat_values(pieces).merge_dims(1, 2)
