"""The sentences of a text, by operations of core TensorFlow."""

import tensorflow as tf

_BREAK, _BLANK = "\x01", "\x02"  # in a text they count as blanks

_TITLES = "Mr|Mrs|Ms|Dr|Prof|St|Gen|Col|Capt|Lt|Sen|Rep|Gov"
_RULES = (
    (r"\s*[\r\n\x{2028}\x{2029}]\s*", _BREAK),
    # The stop of an initial or a title ends no sentence.
    (rf"\b(\p{{Lu}}|{_TITLES})\. +", rf"\1.{_BLANK}"),
    (r"""([.!?…]["'”’)\]]*)\s+(["'“‘(\[]*[\p{Lu}\p{Lt}\p{Lo}\p{N}£$€])""", rf"\1{_BREAK}\2"),
    (r"([。！？]+[”’」』）]*)", rf"\1{_BREAK}"),
    (_BLANK, " "),
)


def find_sentences(text: tf.Tensor) -> tf.RaggedTensor:
    """The sentences of strings `(batch,)`, eagerly or in a graph.

    A sentence ends at the end of a line; at `.`, `!`, `?` or `…`, with the quotes and brackets that
    close behind it, before a blank and a capital letter, a letter without case, a number or a sign
    of currency, which quotes and brackets may precede; and at `。`, `！` or `？`. The stop of an
    initial (`J. Smith`, `U.S. Navy`) or of an English title (`Mr. Smith`) ends none.

    Control characters and bytes that are not UTF-8 count as blanks.

    Args:
        text: strings `(batch,)`.

    Returns:
        Strings `(batch, sentences)`, without blanks around them; those without a letter or a digit
        are left out.

    Example:

    >>> find_sentences(tf.constant(["Mr. X came. He left."])).to_list()
    [[b'Mr. X came.', b'He left.']]
    """
    text = tf.strings.regex_replace(text, r"[\r\n]", "\u2028")  # or they become blanks
    text = tf.strings.unicode_transcode(
        text, "UTF-8", "UTF-8", replacement_char=ord(" "), replace_control_characters=True
    )
    for pattern, replacement in _RULES:
        text = tf.strings.regex_replace(text, pattern, replacement)
    found = tf.strings.split(text, _BREAK)
    found = found.with_flat_values(tf.strings.strip(found.flat_values))
    says = tf.strings.regex_full_match(found.flat_values, r"(?s).*[\p{L}\p{N}].*")
    return tf.ragged.boolean_mask(found, found.with_flat_values(says))
