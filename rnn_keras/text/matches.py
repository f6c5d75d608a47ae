"""Tokens and where they stand in a text, by operations of core TensorFlow."""

import tensorflow as tf

_START, _END, _CUT = "\x01", "\x02", "\x03"  # in a text they count as blanks

# The endings of contractions stand apart ("did n't"); initials and U.S. keep their stops; numbers,
# dates, hyphenated words, dashes and dots stay whole.
ENDINGS = r"(?:n't|'(?:[sS]|re|ve|ll|d|m))\b"
WORDS_AND_MARKS = (
    rf"(?:\p{{Lu}}\.)+|{ENDINGS}|[\p{{L}}\p{{M}}\p{{N}}]+(?:[-.,:/'&_@][\p{{L}}\p{{M}}\p{{N}}]+)*"
    r"|[.+]\p{N}+|--+|\.\.+|[\p{P}\p{S}]"
)


def find_words(text: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """The words and marks of strings `(batch,)`, as in CoNLL-2003, and their positions.

    Typographic apostrophes are plain ones. Everything else is as in `find_matches`.
    """
    return find_matches(tf.strings.regex_replace(text, "[’ʼ]", "'"), WORDS_AND_MARKS, ENDINGS)


def find_matches(
    text: tf.Tensor, pattern: str, before: str | None = None
) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """All matches of a regular expression, from left to right, and their positions.

    Control characters and bytes that are not UTF-8 count as one blank each.

    Args:
        text: strings `(batch,)`.
        pattern: regular expression (RE2) of a token, without groups that capture. Of its
            alternatives the first one that matches counts.
        before: regular expression of what a match of `pattern` must not reach into from the left,
            such as the `n't` of "isn't"; None for nothing.

    Returns:
        The matches, strings, and the positions of their first character and of the one behind the
        last, int32, all `(batch, matches)`. Positions count characters, i.e. code points, as
        Python's strings do.
    """
    text = tf.strings.unicode_transcode(
        text, "UTF-8", "UTF-8", replacement_char=ord(" "), replace_control_characters=True
    )
    if before is not None:
        text = tf.strings.regex_replace(text, f"({before})", rf"{_CUT}\1")
    text = tf.strings.regex_replace(text, f"({pattern})", rf"{_START}\1{_END}")
    characters = tf.strings.unicode_split(text, "UTF-8")
    flat, rows = characters.flat_values, characters.value_rowids()
    is_start, is_end = tf.equal(flat, _START), tf.equal(flat, _END)
    is_mark = is_start | is_end | tf.equal(flat, _CUT)
    # Position in the text: the characters before it in its row that are no marks.
    seen = tf.cumsum(tf.cast(~is_mark, tf.int32), exclusive=True)
    position = seen - tf.gather(tf.pad(seen, [[0, 1]]), tf.gather(characters.row_starts(), rows))
    opened, closed = (tf.cumsum(tf.cast(each, tf.int32)) for each in (is_start, is_end))
    is_inside = (opened > closed) & ~is_mark
    count = tf.reduce_sum(tf.cast(is_start, tf.int64))
    words = tf.RaggedTensor.from_value_rowids(
        tf.boolean_mask(flat, is_inside),
        tf.cast(tf.boolean_mask(opened, is_inside) - 1, tf.int64),
        nrows=count,
    )
    row_of = tf.boolean_mask(rows, is_start)

    def by_row(values):
        return tf.RaggedTensor.from_value_rowids(values, row_of, nrows=characters.nrows())

    return (
        by_row(tf.strings.reduce_join(words, axis=-1)),
        by_row(tf.boolean_mask(position, is_start)),
        by_row(tf.boolean_mask(position, is_end)),
    )
