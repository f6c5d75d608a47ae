"""From text to words and marks, and back, by operations of core TensorFlow."""

import re
from dataclasses import dataclass

import tensorflow as tf

from rnn_keras.text.nfc import normalize_nfc

_WITHOUT_BLANKS = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LEFT, _RIGHT = "\x01", "\x02"  # around separate tokens; in a text they count as blanks


@dataclass(frozen=True)
class WordSplitter:
    """Splits text into words and marks, and joins them again.

    Typographic apostrophes are plain ones. Control characters and bytes that are not UTF-8 count
    as blanks.

    Args:
        lowercase: whether to lower-case the text.
        nfc: whether texts that are canonically equivalent have the same words (`normalize_nfc`).
        separate: regular expression (RE2) of what is a token of its own. By default every mark
            of punctuation, symbol, and character of the scripts without blanks, such as Chinese.
        blank: regular expression of what counts as a blank. By default all but letters, digits,
            marks of any kind, and the two joiners of Indic and Persian letters; and U+FFFD.
        joiner: marks the side on which a separate token was attached (as in OpenNMT's tokenizer),
            so that `join` restores the text: with `￭`, `l'homme noir.` is `l ￭'￭ homme noir ￭.`
            In a text it counts as a blank. Empty: words have no such marks.
    """

    lowercase: bool = True
    nfc: bool = True
    separate: str = rf"[\p{{P}}\p{{S}}{_WITHOUT_BLANKS}]\p{{M}}*"
    blank: str = r"\x{fffd}|[^\p{L}\p{M}\p{N}\p{P}\p{S}\x{200c}\x{200d}]+"
    joiner: str = ""

    def split(self, text: tf.Tensor) -> tf.RaggedTensor:
        """The words and marks, strings `(batch, words)`, of strings `(batch,)`."""
        text = tf.strings.unicode_transcode(
            text, "UTF-8", "UTF-8", replacement_char=ord(" "), replace_control_characters=True
        )
        if self.lowercase:
            text = tf.strings.lower(text, encoding="utf-8")
        if self.nfc:
            text = normalize_nfc(text)
        text = tf.strings.regex_replace(text, "[’ʼ]", "'")
        blank = f"{re.escape(self.joiner)}|{self.blank}" if self.joiner else self.blank
        text = tf.strings.regex_replace(text, blank, " ")
        if not self.joiner:
            return tf.strings.split(tf.strings.regex_replace(text, f"({self.separate})", r" \1 "))
        text = tf.strings.regex_replace(text, f"({self.separate})", rf"{_LEFT}\1{_RIGHT}")
        for glue, tokens in (
            (f" {_LEFT}", " "),
            (f"{_RIGHT} ", " "),
            (f"^{_LEFT}|{_RIGHT}$", ""),
            (f"{_RIGHT}{_LEFT}", f" {self.joiner}"),
            (_LEFT, f" {self.joiner}"),
            (_RIGHT, f"{self.joiner} "),
        ):
            text = tf.strings.regex_replace(text, glue, tokens)
        return tf.strings.split(text)

    def join(self, words: tf.RaggedTensor) -> tf.Tensor:
        """The texts `(batch,)` of words `(batch, words)`: those that were split, normalised."""
        return self.attach(tf.strings.reduce_join(words, axis=-1, separator=" "))

    def attach(self, text: tf.Tensor) -> tf.Tensor:
        """Texts of words between blanks, without the joiners and the blanks next to them."""
        if self.joiner:
            text = tf.strings.regex_replace(text, f" ?{re.escape(self.joiner)} ?", "")
        return tf.strings.strip(text)
