"""Unicode's canonical composition (NFC) in the graph, by operations of core TensorFlow.

TensorFlow Text has it, but a server would need TensorFlow Text installed.
"""

import functools
import sys
import unicodedata

import numpy as np
import tensorflow as tf

_MOST_PARTS = 4  # largest number of codes of a decomposition

# Hangul syllables: an initial consonant, a vowel, perhaps a final consonant (Unicode 3.12).
_S, _L, _V, _T = 0xAC00, 0x1100, 0x1161, 0x11A7
_INITIALS, _VOWELS, _FINALS = 19, 21, 28
_SYLLABLES = _INITIALS * _VOWELS * _FINALS


@functools.cache
def _tables():
    """The tables of `unicodedata`, as sorted keys and their values.

    Returns:
        The full decompositions of characters, padded with 0; the combining classes of marks; the
        compositions of two characters, by the key `_pair`.
    """
    decomposed, classes, composed = {}, {}, {}
    for code, character in enumerate(map(chr, range(sys.maxunicode + 1))):
        if unicodedata.combining(character):
            classes[code] = unicodedata.combining(character)
        mapping = unicodedata.decomposition(character)
        if mapping and not mapping.startswith("<"):  # those in <> are not canonical
            parts = [ord(part) for part in unicodedata.normalize("NFD", character)]
            decomposed[code] = parts + [0] * (_MOST_PARTS - len(parts))
            if unicodedata.normalize("NFC", character) == character:
                composed[_pair(*(int(part, 16) for part in mapping.split()))] = code
    return [_sort_table(table) for table in (decomposed, classes, composed)]


def _sort_table(table):
    keys = np.array(sorted(table))
    return keys, np.array([table[key] for key in keys.tolist()], np.int32)


def _pair(first, second):
    return first * (sys.maxunicode + 1) + second


def _lookup(table, keys):
    """Whether a table has each of the keys, and the value if it has."""
    known, values = table
    keys = tf.cast(keys, known.dtype)
    at = tf.minimum(tf.searchsorted(known, keys), len(known) - 1)
    return tf.gather(known, at) == keys, tf.gather(values, at)


def normalize_nfc(text: tf.Tensor) -> tf.Tensor:
    """Strings in normal form C: an e and a combining accent become one letter.

    Args:
        text: valid UTF-8, shape `(batch,)`.

    Returns:
        Strings `(batch,)`, equal for texts that are canonically equivalent.

    Reference: *Unicode Standard Annex 15, Unicode Normalization Forms*.
    """
    codes = tf.strings.unicode_decode(text, "UTF-8")
    # Nothing below U+0300 is changed.
    plain = tf.reduce_all(codes.flat_values < 0x300)
    return tf.cond(plain, lambda: text, lambda: _compose_marks(_sort_marks(_decompose(codes))))


def _decompose(codes):
    """Each code fully decomposed; Hangul stays, as no mark combines between its parts."""
    flat = codes.flat_values
    is_known, parts = _lookup(_tables()[0], flat)
    itself = tf.pad(flat[:, None], [[0, 0], [0, _MOST_PARTS - 1]])
    parts = tf.where(is_known[:, None], parts, itself)
    is_part = (parts > 0) | (tf.range(_MOST_PARTS) == 0)
    return codes.with_flat_values(tf.ragged.boolean_mask(parts, is_part)).merge_dims(1, 2)


def _sort_marks(codes):
    """The marks after a letter sorted by their combining class."""
    flat = codes.flat_values
    combining = _combining(flat)
    order = tf.cumsum(tf.cast(_starts(codes, combining), tf.int64)) * 256
    order = tf.argsort(order + tf.cast(combining, tf.int64), stable=True)
    return codes.with_flat_values(tf.gather(flat, order))


def _combining(flat):
    """Combining classes; 0 is that of letters."""
    is_mark, combining = _lookup(_tables()[1], flat)
    return tf.where(is_mark, combining, 0)


def _starts(codes, combining):
    """Where a letter, with the marks that belong to it, begins."""
    row = codes.value_rowids()
    return (combining == 0) | tf.concat([[True], row[1:] != row[:-1]], 0)[: tf.size(row)]


def _compose_marks(codes):
    """Every letter composed with its marks, one mark per step."""

    def step(flat, splits, _):
        codes = tf.RaggedTensor.from_row_splits(flat, splits, validate=False)
        letter, mark, composite = _compositions(codes)
        flat = tf.tensor_scatter_nd_update(flat, letter, composite)
        stay = tf.ones_like(flat, tf.bool)
        stay = tf.tensor_scatter_nd_update(stay, mark, tf.zeros_like(composite, tf.bool))
        codes = tf.ragged.boolean_mask(codes.with_flat_values(flat), codes.with_flat_values(stay))
        return codes.flat_values, codes.row_splits, tf.size(composite) > 0

    flat, splits, _ = tf.while_loop(
        lambda flat, splits, more: more,
        step,
        (codes.flat_values, codes.row_splits, tf.size(codes.flat_values) > 1),
        shape_invariants=(tf.TensorShape([None]), tf.TensorShape([None]), tf.TensorShape([])),
    )
    composed = tf.RaggedTensor.from_row_splits(flat, splits, validate=False)
    return tf.strings.unicode_encode(composed, "UTF-8")


def _compositions(codes):
    """Positions of letters, `(n, 1)`, of their partners, and the codes `(n,)` of the compositions.

    A letter composes with a later code unless, in between, there is another letter, or a mark of
    the same class as that code.
    """
    flat, row = codes.flat_values, codes.value_rowids()
    combining = _combining(flat)
    starts = _starts(codes, combining)
    here = tf.range(1, tf.size(flat, tf.int64))
    letter = tf.gather(tf.where(starts)[:, 0], tf.cumsum(tf.cast(starts, tf.int32))[:-1] - 1)
    composite = _composite(tf.gather(flat, letter), flat[1:])
    fits = (letter == here - 1) | (combining[:-1] < combining[1:])
    fits &= (composite > 0) & (tf.gather(row, letter) == row[1:])
    here, letter, composite = (tf.boolean_mask(x, fits) for x in (here, letter, composite))
    is_first = tf.concat([[True], letter[1:] != letter[:-1]], 0)[: tf.size(letter)]
    here, letter, composite = (tf.boolean_mask(x, is_first) for x in (here, letter, composite))
    return letter[:, None], here[:, None], composite


def _composite(first, second):
    """The code that two codes compose to, 0 for none."""
    pairs = _pair(tf.cast(first, tf.int64), tf.cast(second, tf.int64))
    composes, code = _lookup(_tables()[2], pairs)
    code = tf.where(composes, code, 0)
    initial, vowel, final, syllable = first - _L, second - _V, second - _T, first - _S
    is_open = (initial >= 0) & (initial < _INITIALS) & (vowel >= 0) & (vowel < _VOWELS)
    code = tf.where(is_open, _S + (initial * _VOWELS + vowel) * _FINALS, code)
    is_closed = (syllable >= 0) & (syllable < _SYLLABLES) & (syllable % _FINALS == 0)
    return tf.where(is_closed & (final > 0) & (final < _FINALS), first + final, code)
