"""One text pipeline: the same tokens and ids eagerly, in a graph, and as keras_nlp makes them."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from apps.sentiment import text
from apps.sentiment.config import SentimentConfig
from rnn_keras.data import Vocabulary

CONFIG = SentimentConfig(max_length=5)
WORDS = Vocabulary((*text.SPECIALS, "good", "n't", "do", "film", ".", "é", "日本", "😀", "<"))
PIECES = Vocabulary(
    (*text.SPECIALS, "a", "b", "##a", "##b", "ab", "##ba", "##bab", "é", "##é", "!", "##日", "日")
)

TEXTS = st.lists(
    st.binary(max_size=12)
    | st.text(max_size=12).map(str.encode)
    | st.lists(st.sampled_from(["Good", "don't", "film.", "<br />", "\x00", " ", "ab", "é日"]))
    .map("".join)
    .map(str.encode),
    max_size=4,
)  # fmt: skip


def words_of(string):
    return [word.decode() for word in text.split_words(tf.constant([string])).to_list()[0]]


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


def keras_pieces():
    import keras_nlp

    return keras_nlp.tokenizers.WordPieceTokenizer(
        list(PIECES.tokens), split=False, oov_token="<unk>", dtype="string"
    )


@pytest.mark.parametrize("tokens", ["word", "wordpiece"])
def test_a_graph_gives_the_ids_of_the_vocabulary(tokens):
    config = SentimentConfig(max_length=5, tokens=tokens)
    vocabulary = WORDS if tokens == "word" else PIECES
    encoder = text.Tokenizer(vocabulary, config)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def graph(strings):
        tokens = encoder.split(strings)
        return tokens, text.pad_rows(encoder.ids(encoder.crop(tokens)), text.PAD_ID)

    @given(TEXTS)
    def check(strings):
        tokens, ids = graph(tf.constant(strings, tf.string, [len(strings)]))
        assert ids.shape[1] >= 1
        for row, got in zip(tokens.to_list(), ids.numpy()):
            want = vocabulary.encode([token.decode() for token in row])
            if len(want) > 5:
                want = np.concatenate([want[:3], want[-2:]])
            np.testing.assert_array_equal(got[: len(want)], want)
            assert (got[len(want) :] == text.PAD_ID).all()
        if strings:
            for row, got in zip(
                encoder.encode([s.decode("utf-8", "replace") for s in strings]), ids
            ):
                np.testing.assert_array_equal(row, got[: len(row)])

    check()


def test_word_pieces_are_those_of_keras_nlp():
    encoder = text.Tokenizer(PIECES, SentimentConfig(tokens="wordpiece"))
    theirs = keras_pieces()

    @given(st.lists(st.text("abé日!x", min_size=1, max_size=9), min_size=1, max_size=5))
    def check(words):
        ours = encoder._pieces.split(tf.ragged.constant([words]))
        want = [piece for word in words for piece in theirs(tf.constant([word]))]
        assert [piece.decode() for piece in ours.to_list()[0]] == want

    check()
    long = ["a" * 100, "a" * 101]
    ours = encoder._pieces.split(tf.ragged.constant([long]))
    assert [piece.decode() for piece in ours.to_list()[0]] == ["a", *["##a"] * 99, "<unk>"]


def test_vocabularies_are_learned_from_what_is_given():
    texts = ["Good good film", "good filmy film!"]
    words = text.learn_vocabulary(SentimentConfig(min_count=2), texts)
    assert words.tokens == (*text.SPECIALS, "good", "film")
    pieces = text.learn_vocabulary(SentimentConfig(tokens="wordpiece", vocabulary=15), texts * 50)
    assert pieces.tokens[:2] == text.SPECIALS and "good" in pieces and "##d" in pieces


def test_encoder_refuses_a_foreign_vocabulary():
    with pytest.raises(ValueError, match="must begin with <pad>, <unk>, got <unk>, a"):
        text.Tokenizer(Vocabulary(("<unk>", "a")), CONFIG)
