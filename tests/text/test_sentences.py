"""Sentences of texts: where they end, and where they do not."""

import pytest
import tensorflow as tf

from rnn_keras.text import find_sentences

TEXTS = {
    "": [],
    " \n . - \x00": [],
    "He left. She came!  Why? 5 men did… £3 was paid.": [
        "He left.", "She came!", "Why?", "5 men did…", "£3 was paid.",
    ],
    "Mr. J. K. Smith of the U.S. Navy paid $3.5 to Dr. No.": [
        "Mr. J. K. Smith of the U.S. Navy paid $3.5 to Dr. No.",
    ],
    "At 8 a.m. today, apples, pears etc. and so on.": [
        "At 8 a.m. today, apples, pears etc. and so on.",
    ],
    'He said: "It is late." "Really?" (She smiled.) \'Yes.\' So': [
        'He said: "It is late."', '"Really?"', "(She smiled.)", "'Yes.'", "So",
    ],
    "A headline\r\n\n- - -\nits text\u2029end": ["A headline", "its text", "end"],
    "今日は。いい天気！そう": ["今日は。", "いい天気！", "そう"],
    "One.\x01\x02Two.\x07three": ["One.", "Two. three"],
}  # fmt: skip


@pytest.mark.parametrize("text, sentences", TEXTS.items())
def test_where_sentences_end(text, sentences):
    found = find_sentences(tf.constant([text]))
    assert [each.decode() for each in found.to_list()[0]] == sentences


def test_a_graph_finds_the_same_in_a_batch():
    split = tf.function(find_sentences, input_signature=[tf.TensorSpec([None], tf.string)])
    found = split(tf.constant([*TEXTS, b"bad \xff byte. Next"])).to_list()
    assert found[:-1] == [[s.encode() for s in sentences] for sentences in TEXTS.values()]
    assert found[-1] == [b"bad   byte.", b"Next"]
