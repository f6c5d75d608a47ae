"""Canonical composition, as Python has it."""

import unicodedata

import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from rnn_keras.text import WordSplitter, normalize_nfc
from tests.text.strings import ANY, MARKS


@given(st.lists(ANY | MARKS, max_size=4))
def test_composition_is_that_of_unicode(strings):
    composed = normalize_nfc(tf.constant(strings, tf.string, [len(strings)])).numpy()
    assert [s.decode() for s in composed] == [unicodedata.normalize("NFC", s) for s in strings]


@given(ANY | MARKS)
def test_equivalent_texts_have_the_same_words(string):
    texts = [string, unicodedata.normalize("NFD", string)]
    first, second = WordSplitter(joiner="￭").split(tf.constant(texts)).to_list()
    assert first == second
