"""The same ids eagerly, in a graph and in a SavedModel; what was encoded is decoded again."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_keras.text import Tokenizer, Vocabulary, WordSplitter
from tests.variants import variants

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
PAD, UNK, _, EOS = range(4)
LETTERS = "aàbé.!'#<￭好们"
WORDS = Vocabulary(
    (*SPECIALS, "good", "n", "'", "do", "t", "film", ".", "é", "日", "本", "😀", "<")
)
PIECES = Vocabulary((*SPECIALS, *LETTERS, *(f"##{c}" for c in LETTERS), "ba", "##.￭"))
TOKENIZERS = {
    "character": Tokenizer(WORDS, max_length=5, both_ends=True),
    "word": Tokenizer(WORDS, WordSplitter(), max_length=5, both_ends=True),
    "wordpiece": Tokenizer(PIECES, WordSplitter(), True, max_length=5, both_ends=True),
}

TEXTS = st.lists(
    st.binary(max_size=12)
    | st.text(max_size=12).map(str.encode)
    | st.lists(st.sampled_from(["Good", "don't", "film.", "<br />", "\x00", " ", "ba", "é日"]))
    .map("".join)
    .map(str.encode),
    max_size=4,
)  # fmt: skip


def strings(texts):
    return tf.constant(texts, tf.string, [len(texts)])


@pytest.mark.parametrize("kind", variants(TOKENIZERS.keys(), ["character", "word"]))
def test_a_graph_gives_the_ids_of_the_vocabulary(kind):
    tokenizer = TOKENIZERS[kind]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def graph(text):
        return tokenizer.split(text), tokenizer.read(text)

    @settings(max_examples=10)
    @given(TEXTS)
    def check(texts):
        tokens, read = graph(strings(texts))
        assert read.dtype == tf.int32
        for row, of_read in zip(tokens.to_list(), read.to_list()):
            want = tokenizer.vocabulary.encode([token.decode() for token in row]).tolist()
            assert of_read == (want[:3] + want[-2:] if len(want) > 5 else want)
        assert tokenizer.read(strings(texts)).to_list() == read.to_list()

    check()


@given(TEXTS)
def test_characters_are_code_points(texts):
    vocabulary = Vocabulary.from_tokens("Good film\n\ufffd\x00é日")
    ids = Tokenizer(vocabulary).encode(strings(texts)).to_list()
    assert ids == [vocabulary.encode(text.decode("utf-8", "replace")).tolist() for text in texts]
    known = ["a Goo\nd", "", "\x00\ufffd"]
    tokenizer = Tokenizer(Vocabulary.from_tokens("".join(known)))
    assert [t.decode() for t in tokenizer.decode(tokenizer.encode(known)).numpy()] == known


@pytest.mark.parametrize("word_pieces", [False, True])
def test_decodes_what_it_encoded(word_pieces):
    splitter = WordSplitter(joiner="￭")

    @settings(max_examples=5)
    @given(st.lists(st.text(LETTERS + " "), max_size=3))
    def check(texts):
        texts = strings(texts)
        words = splitter.split(texts)
        seen = [word.decode() for word in words.flat_values.numpy()]
        vocabulary = PIECES if word_pieces else Vocabulary.from_tokens(seen, specials=SPECIALS)
        tokenizer = Tokenizer(vocabulary, splitter, word_pieces, SPECIALS)
        ids = tokenizer.encode(texts)
        assert UNK not in ids.flat_values
        want = splitter.join(words).numpy().tolist()
        assert tokenizer.decode(ids).numpy().tolist() == want
        # What comes after the end does not count, nor does padding.
        ended = tf.concat([ids, tf.fill([len(texts), 1], EOS)], 1)
        twice = tf.concat([ended, ended], 1).to_tensor(PAD)
        assert tokenizer.decode(twice).numpy().tolist() == want
        assert tokenizer.decode(tf.stack([twice, twice], 1)).shape == (len(texts), 2)

    check()


def test_pieces_are_tokens():
    tokenizer = Tokenizer(PIECES, WordSplitter(joiner="￭"), True, SPECIALS)
    (ids,) = tokenizer.encode(tf.constant(["ba."])).numpy()
    assert tokenizer.vocabulary.decode(ids) == ["ba", "￭", "##."]


def test_long_texts_are_cut_and_unknown_words_are_shown():
    vocabulary = Vocabulary((*SPECIALS, "good", "￭."))
    tokenizer = Tokenizer(vocabulary, WordSplitter(joiner="￭"), specials=SPECIALS, max_length=3)
    ids = tokenizer.read(tf.constant(["Good bad. good", "good"])).to_list()
    assert ids == [[4, UNK, 5], [4]]
    everything = Tokenizer(vocabulary, WordSplitter(), both_ends=True)
    assert everything.read(tf.constant(["good " * 9])).to_list() == [[4] * 9]
    assert tokenizer.decode(tf.constant(ids[0])).numpy().decode() == "good <unk>."
    assert tokenizer.decode(tf.constant(ids[0]), [" ", "mad", ""]).numpy().decode() == "good mad."
    texts = tf.constant(["bad, good bad", "", "good"])
    assert tokenizer.unknown_words(texts) == [["bad", ","], [], []]


def test_a_saved_model_contains_it(tmp_path):
    tokenizer = Tokenizer(PIECES, WordSplitter(), True, SPECIALS)
    module = tf.Module()
    module.table = tokenizer.table
    signature = [tf.TensorSpec([None], tf.string)]
    module.encode = tf.function(
        lambda text: tokenizer.encode(text).to_tensor(PAD), signature, autograph=False
    )
    tf.saved_model.save(module, tmp_path)
    texts = tf.constant(["ba.", "é e\u0301", "", "z"])
    np.testing.assert_array_equal(
        tf.saved_model.load(tmp_path).encode(texts), tokenizer.encode(texts).to_tensor(PAD)
    )


def test_a_foreign_vocabulary_is_refused():
    with pytest.raises(ValueError, match="must begin with <pad>, <unk>, <bos>, <eos>, got <unk>"):
        Tokenizer(Vocabulary(("<unk>", "a")), specials=SPECIALS)
