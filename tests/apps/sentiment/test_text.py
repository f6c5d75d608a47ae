"""The words of reviews, the vocabularies that are learned from them, and what is read of them."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from apps.common.tokenized import learn_vocabulary, tokenize
from apps.sentiment import text
from apps.sentiment.config import SentimentConfig
from rnn_keras.text import Vocabulary


def words_of(string):
    return [word.decode() for word in text.WORDS.split(tf.constant([string])).to_list()[0]]


@pytest.mark.parametrize(
    "string, words",
    [
        ("A <br /><br />GREAT film!", ["a", "great", "film", "!"]),
        ("It isn't; we'd say it’s 'so-so'", "it is n't ; we 'd say it 's ' so - so '".split()),
        ("10/10 naïve 日本 😀 e\u0301", ["10", "/", "10", "naïve", "日本", "😀", "e\u0301"]),
        ("\x00a\x07b\u200b\u2028c\u00a0d\ue000", ["a", "b", "c", "d"]),
        (b"caf\xe9 \xff\xfe", ["caf"]),
        ("caf\ufffd \ufffd", ["caf"]),
        ("<pad> <unk>", ["<", "pad", ">", "<", "unk", ">"]),
        (" \t\n", []),
        ("", []),
    ],
)
def test_words(string, words):
    assert words_of(string) == words


@given(st.text())
def test_what_was_split_splits_no_further(string):
    string = string.encode("utf-8", "replace").decode()
    words = words_of(string)
    assert words_of(" ".join(words)) == words
    assert not set(words) & {*text.SPECIALS, ""}


def test_the_start_and_the_end_of_a_review_are_read():
    vocabulary = Vocabulary((*text.SPECIALS, *"abcdef"))
    tokenizer = text.make_tokenizer(vocabulary, SentimentConfig(max_length=5))
    rows = tokenize(tokenizer.read, ["A b c d e f", "", "a ?"])
    assert [row.tolist() for row in rows] == [[2, 3, 4, 6, 7], [], [2, text.UNKNOWN_ID]]
    assert text.pad_rows(tokenizer.read(tf.constant([""])), text.PAD_ID).numpy().tolist() == [[0]]


def test_vocabularies_are_learned_from_what_is_given():
    texts = ["Good good film", "good filmy film!"]
    learn = [text.WORDS, text.SPECIALS]
    words = learn_vocabulary(SentimentConfig(min_count=2), *learn, texts)
    assert words.tokens == (*text.SPECIALS, "good", "film")
    config = SentimentConfig(tokens="wordpiece", vocabulary=15)
    pieces = learn_vocabulary(config, *learn, texts * 50)
    assert pieces.tokens[:2] == text.SPECIALS and "good" in pieces and "##d" in pieces
