"""Words with their positions, their ids, and from tags to the entities of a text."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_keras.text import TextTagger, Vocabulary, WordLookup, find_matches, find_words


def spans(text, found):
    words, starts, ends = (each.to_list()[0] for each in found)
    assert [text[a:b].replace("’", "'") for a, b in zip(starts, ends)] == [
        word.decode() for word in words
    ]
    return [word.decode() for word in words]


@pytest.mark.parametrize(
    "text, words",
    [
        ("Angela Merkel met J. Smith's dog.", "Angela Merkel met J. Smith 's dog ."),
        ("In the U.S. on 1996-08-22, didn’t", "In the U.S. on 1996-08-22 , did n't"),
        ("$28,000 (al-Masri) Spain 2-1", "$ 28,000 ( al-Masri ) Spain 2-1"),
        ("hit .496 -- it's PETER'S ... (+44)", "hit .496 -- it 's PETER 'S ... ( +44 )"),
        ("日本 😀 e\u0301a\x00b\u2028c", "日本 😀 e\u0301a b c"),
        ("\x01a\x02 \x03n't", "a n't"),
        (" \t\n", ""),
        ("", ""),
    ],
)
def test_words_of_a_text_are_where_they_are_said_to_be(text, words):
    assert spans(text, find_words(tf.constant([text]))) == words.split()


@settings(max_examples=20)
@given(st.text())
def test_positions_of_any_text(text):
    text = text.encode("utf-8", "replace").decode()
    spans(text.replace("ʼ", "'"), find_words(tf.constant([text])))


def test_the_first_alternative_counts_and_rows_stay_apart():
    texts = ["ab ba", "", "b"]
    words, starts, ends = find_matches(tf.constant(texts), "ab|a|b")
    assert words.to_list() == [[b"ab", b"b", b"a"], [], [b"b"]]
    assert starts.to_list() == [[0, 3, 4], [], [0]] and ends.to_list() == [[2, 4, 5], [], [1]]
    assert find_matches(tf.constant([], tf.string), "a")[0].shape == (0, None)


def test_words_and_characters_are_looked_up():
    lookup = WordLookup.learn(["EU", "eu", "1996"], word_length=3, max_size=4)
    assert lookup.words.tokens == ("<pad>", "<unk>", "eu", "0000")
    words, characters = lookup(tf.constant(["Eu", "2024", "x"]))
    assert words.numpy().tolist() == [2, 3, 1] and characters.shape == (3, 3)
    known = lookup.characters.encode
    assert characters.numpy().tolist() == [[*known("Eu"), 0], known("202").tolist(), [1, 0, 0]]
    with pytest.raises(ValueError, match="must begin with <pad>, <unk>"):
        WordLookup(Vocabulary(("<unk>",)), lookup.characters, 3)


def test_a_text_becomes_entities():
    """A score that tags words of an odd length as PER, with the ids of the words as probability."""
    lookup = WordLookup.learn(["a", "bb", "ccc"], 5)

    def score(words, characters):
        odd = tf.reduce_sum(tf.cast(characters != 0, tf.int32), -1) % 2
        return {"tags": odd, "probability": tf.cast(words, tf.float32) / 10}

    tagger = TextTagger(score, lookup, ("O", "I-PER"))
    first, second = tagger.entities("bb  ccc a bb é")
    assert first[:4] == ("ccc a", "PER", 4, 9) and second[:4] == ("é", "PER", 13, 14)
    assert first.probability == pytest.approx(0.2) and tagger.entities("") == []
    tagged = tagger.tag(tf.constant(["a bb", ""]))
    assert tagged["tags"].numpy().tolist() == [[b"I-PER", b"O"], [b"", b""]]
    np.testing.assert_allclose(tagged["probability"], [[0.2, 0.3], [0, 0]])
    assert tagger.tag(tf.constant([""]))["tokens"].shape == (1, 1)
