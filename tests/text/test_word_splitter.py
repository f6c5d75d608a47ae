"""Words of any script, which join to the text that they were."""

import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given

from rnn_keras.text import WordSplitter
from tests.text.strings import ANY

JOINED = WordSplitter(joiner="￭")


def words_of(string, splitter):
    return [word.decode() for word in splitter.split(tf.constant([string])).to_list()[0]]


@pytest.mark.parametrize(
    "string, words",
    [
        ("L'homme noir.", "l ￭'￭ homme noir ￭."),
        ("Aujourd’hui (3,5 %)", "aujourd ￭'￭ hui (￭ 3 ￭,￭ 5 % ￭)"),
        ("Va\u00a0! Cours\u202f!", "va ! cours !"),
        ("对不起。", "对 ￭不 ￭起 ￭。"),
        ("ラーメン", "ラ ￭ー ￭メ ￭ン"),
        ("ดี 3kg", "ดี 3kg"),
        ("e\u0301te\u0301 ❤️!", "été ❤️ ￭!"),
        ("می‌خواهم", "می‌خواهم"),
        ("a\x00b\u200bc\ue000d\x01e", "a b c d e"),
        (b"caf\xe9 \xff", "caf"),
        ("￭a￭b \ufffd", "a b"),
        ("<pad> ##x", "<￭ pad ￭> # ￭#￭ x"),
        (" \t\n", ""),
    ],
)
def test_words(string, words):
    assert words_of(string, JOINED) == words.split()


def test_words_without_joiners():
    assert words_of("A ￭b, 对不", WordSplitter(lowercase=False)) == ["A", "￭", "b", ",", "对", "不"]
    mine = WordSplitter(nfc=False, separate="[b-d]", blank="-")
    assert words_of("abc-e\u0301’", mine) == ["a", "b", "c", "e\u0301'"]


@given(ANY)
def test_words_join_to_the_text_they_were(string):
    def is_kept(character):
        return unicodedata.category(character)[0] in "LMNPS" or character in "\u200c\u200d"

    blanked = (c if is_kept(c) and c not in "￭\ufffd" else " " for c in string)
    clean = "".join(blanked).replace("’", "'").replace("ʼ", "'")
    clean = " ".join(unicodedata.normalize("NFC", clean).split())
    splitter = WordSplitter(lowercase=False, joiner="￭")
    words = splitter.split(tf.constant([string]))
    assert splitter.join(words).numpy()[0].decode() == clean
    assert not {word.decode() for word in words.flat_values.numpy()} & {"<unk>", "", "￭"}
