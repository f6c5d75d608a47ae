"""Unicode's canonical composition (NFC) in the graph, by operations of core TensorFlow.

TensorFlow has it in TensorFlow Text only, which a server would need to have installed.
"""

import functools
import sys
import unicodedata

import tensorflow as tf

# Hangul syllables: an initial consonant, a vowel, perhaps a final consonant (Unicode 3.12).
_S, _L, _V, _T = 0xAC00, 0x1100, 0x1161, 0x11A7
_INITIALS, _VOWELS, _FINALS = 19, 21, 28
_SYLLABLES = _INITIALS * _VOWELS * _FINALS


@functools.cache
def _tables():
    """What `unicodedata` knows: decompositions, combining classes, and pairs that compose."""
    decomposed, marks, pairs = {}, {}, {}
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.combining(character):
            marks[code] = unicodedata.combining(character)
        mapping = unicodedata.decomposition(character)
        if mapping and mapping[0] != "<":
            decomposed[code] = list(map(ord, unicodedata.normalize("NFD", character)))
            parts = [int(part, 16) for part in mapping.split()]
            if unicodedata.normalize("NFC", character) == character:
                pairs[_pair(*parts)] = code
    return decomposed, marks, dict(sorted(pairs.items()))


def _pair(first, second):
    return first * (sys.maxunicode + 1) + second


def _lookup(table, keys, default):
    """The values that a dictionary with sorted keys has for `keys`, `default` where it has none."""
    known = tf.constant(list(table), keys.dtype)
    at = tf.minimum(tf.searchsorted(known, keys), len(table) - 1)
    return tf.where(tf.gather(known, at) == keys, tf.gather(list(table.values()), at), default)


def compose(text):
    """Strings in normal form C: an e and a combining accent become one letter.

    Args:
        text: valid UTF-8, shape `(batch,)`.

    Returns:
        Strings `(batch,)`, equal for texts that are canonically equivalent.

    Reference: *Unicode Standard Annex 15, Unicode Normalization Forms*.
    """
    codes = tf.strings.unicode_decode(text, "UTF-8")
    # Nothing below U+0300 takes part in a change.
    plain = tf.reduce_all(codes.flat_values < 0x300)
    return tf.cond(plain, lambda: text, lambda: _composed(_ordered(_decomposed(codes))))


def _decomposed(codes):
    """Each code in its smallest parts; Hangul stays, as nothing would come between its parts."""
    table = _tables()[0]
    parts = tf.ragged.constant([[], *table.values()], dtype=tf.int32)
    row = _lookup(dict(zip(table, range(1, len(table) + 1))), codes.flat_values, 0)
    replaced = tf.gather(parts, row)
    kept = tf.RaggedTensor.from_row_lengths(
        tf.boolean_mask(codes.flat_values, row == 0), tf.cast(row == 0, tf.int64)
    )
    return codes.with_flat_values(tf.concat([kept, replaced], 1)).merge_dims(1, 2)


def _ordered(codes):
    """The marks after a letter sorted by their combining class."""
    flat = codes.flat_values
    combining = _lookup(_tables()[1], flat, 0)
    starts = _starts(codes, combining)
    order = tf.cumsum(tf.cast(starts, tf.int64)) * 256 + tf.cast(combining, tf.int64)
    return codes.with_flat_values(tf.gather(flat, tf.argsort(order, stable=True)))


def _starts(codes, combining):
    """Where a letter, with the marks that belong to it, begins."""
    row = codes.value_rowids()
    return (combining == 0) | tf.concat([[True], row[1:] != row[:-1]], 0)[: tf.size(row)]


def _composed(codes):
    """Every letter with the first mark that it composes with, again and again."""

    def further(flat, splits, _):
        codes = tf.RaggedTensor.from_row_splits(flat, splits, validate=False)
        combining, row = _lookup(_tables()[1], flat, 0), codes.value_rowids()
        starts = _starts(codes, combining)
        first = tf.where(starts)[:, 0]
        here = tf.range(1, tf.size(flat))
        # The letter that the code before belongs to, which may take up this one unless a mark
        # of the same class, or another letter, stands between.
        letter = tf.gather(first, tf.cumsum(tf.cast(starts, tf.int32))[:-1] - 1)
        between = tf.gather(combining, here - 1)
        free = (tf.cast(letter, tf.int32) == here - 1) | (between < combining[1:])
        composite = _composite(tf.gather(flat, letter), flat[1:])
        fits = free & (composite > 0) & (row[1:] == tf.gather(row, letter))
        fits &= tf.gather(combining, letter) == 0
        taken = tf.boolean_mask(here, fits)
        letter = tf.boolean_mask(letter, fits)
        composite = tf.boolean_mask(composite, fits)
        earliest = tf.concat([[True], letter[1:] != letter[:-1]], 0)[: tf.size(letter)]
        taken, letter, composite = (
            tf.boolean_mask(x, earliest) for x in (taken, letter, composite)
        )
        flat = tf.tensor_scatter_nd_update(flat, letter[:, None], composite)
        stay = tf.tensor_scatter_nd_update(
            tf.ones_like(flat, tf.bool), taken[:, None], tf.zeros_like(taken, tf.bool)
        )
        codes = tf.ragged.boolean_mask(codes.with_flat_values(flat), codes.with_flat_values(stay))
        return codes.flat_values, codes.row_splits, tf.size(taken) > 0

    flat, splits, _ = tf.while_loop(
        lambda flat, splits, more: more,
        further,
        (codes.flat_values, codes.row_splits, tf.size(codes.flat_values) > 1),
        shape_invariants=(tf.TensorShape([None]), tf.TensorShape([None]), tf.TensorShape([])),
    )
    composed = tf.RaggedTensor.from_row_splits(flat, splits, validate=False)
    return tf.strings.unicode_encode(composed, "UTF-8")


def _composite(first, second):
    """The code that two codes compose to, 0 for none."""
    pairs = _pair(tf.cast(first, tf.int64), tf.cast(second, tf.int64))
    code = _lookup(_tables()[2], pairs, 0)
    initial, vowel, final, syllable = first - _L, second - _V, second - _T, first - _S
    is_open = (initial >= 0) & (initial < _INITIALS) & (vowel >= 0) & (vowel < _VOWELS)
    code = tf.where(is_open, _S + (initial * _VOWELS + vowel) * _FINALS, code)
    is_closed = (syllable >= 0) & (syllable < _SYLLABLES) & (syllable % _FINALS == 0)
    return tf.where(is_closed & (final > 0) & (final < _FINALS), first + final, code)
