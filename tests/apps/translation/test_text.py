"""Text of any script becomes ids and comes back; equivalent texts have the same ids."""

import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.translation import normalize, text
from apps.translation.config import TranslationConfig
from rnn_keras.data import Vocabulary

WORD, PIECE = (TranslationConfig(tokens=t) for t in ("word", "wordpiece"))
# Below U+0800 Python and TensorFlow know the same characters, whatever Unicode each is of.
ANY = st.text(
    st.characters(max_codepoint=0x7FF) | st.sampled_from("对不起。ラーสวั한각ﾊ�￭ ’\u200d\u202f😀️")
)
MARKS = st.text("aAeEçÇ.'\u0301\u0302\u0323\u0327\u0308\u0345\u0f71\u0f72ᄀ가ᅡᆨᆩ각दν\u09c7\u09beÅΩ각ष़")


def words_of(string, lowercase=True):
    words = text.split_words(tf.constant([string]), lowercase)
    return [word.decode() for word in words.to_list()[0]]


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
    assert words_of(string) == words.split()


@given(ANY)
def test_words_join_to_the_text_they_were(string):
    def is_kept(character):
        return unicodedata.category(character)[0] in "LMNPS" or character in "\u200c\u200d"

    blanked = (c if is_kept(c) and c not in "￭\ufffd" else " " for c in string)
    clean = "".join(blanked).replace("’", "'").replace("ʼ", "'")
    clean = " ".join(unicodedata.normalize("NFC", clean).split())
    words = text.split_words(tf.constant([string]), False)
    assert text.join_words(words).numpy()[0].decode() == clean
    assert not {word.decode() for word in words.flat_values.numpy()} & {*text.SPECIALS, "", "￭"}


@given(st.lists(ANY | MARKS, max_size=4))
def test_composition_is_that_of_unicode(strings):
    composed = normalize.compose(tf.constant(strings, tf.string, [len(strings)])).numpy()
    assert [s.decode() for s in composed] == [unicodedata.normalize("NFC", s) for s in strings]


@given(ANY | MARKS)
def test_equivalent_texts_have_the_same_words(string):
    assert words_of(unicodedata.normalize("NFD", string)) == words_of(string)


LETTERS = "aàbé.!'#<￭好们"
CHARACTERS = Vocabulary((*text.SPECIALS, *LETTERS, *(f"##{c}" for c in LETTERS), "ba", "##.￭"))


def tokenizer_of(config, strings):
    if config.tokens == "wordpiece":
        return text.Tokenizer(CHARACTERS, config)
    words = [word for string in strings for word in words_of(string)]
    return text.Tokenizer(Vocabulary.from_tokens(words, specials=text.SPECIALS), config)


@pytest.mark.parametrize("config", [WORD, PIECE], ids=["word", "wordpiece"])
def test_a_graph_decodes_what_it_encoded(config):
    @settings(max_examples=10)
    @given(st.lists(st.text(LETTERS + " "), max_size=3))
    def check(strings):
        tokenizer = tokenizer_of(config, strings)
        batch = tf.constant(strings, tf.string, [len(strings)])
        ids = tokenizer.encode(batch)
        assert ids.dtype == tf.int32 and text.UNKNOWN_ID not in ids.flat_values
        ended = tf.concat([ids, tf.fill([len(strings), 1], text.EOS_ID)], 1)
        # What comes after the end does not count, nor does padding.
        twice = tf.concat([ended, ended], 1).to_tensor(text.PAD_ID)
        want = text.join_words(text.split_words(batch, True)).numpy()
        assert tokenizer.decode(twice).numpy().tolist() == want.tolist()
        assert tokenizer.decode(tf.stack([twice, twice], 1)).shape == (len(strings), 2)

    check()


def test_encoding_in_a_graph_is_encoding():
    tokenizer = text.Tokenizer(CHARACTERS, PIECE)
    graph = tf.function(
        lambda batch: tokenizer.encode(batch).to_tensor(text.PAD_ID), autograph=False
    )
    batch = tf.constant(["ba.", "é e\u0301", "", "z"])
    np.testing.assert_array_equal(graph(batch), tokenizer.encode(batch).to_tensor(text.PAD_ID))
    assert tokenizer.tokens(graph(batch)[0]) == ["ba", "￭", "##."]


def test_long_texts_are_cut_and_unknown_words_are_shown():
    config = TranslationConfig(tokens="word", max_length=3)
    tokenizer = text.Tokenizer(Vocabulary((*text.SPECIALS, "good", "￭.")), config)
    ids = tokenizer.read(tf.constant(["Good bad. good", "good"])).to_list()
    assert ids == [[4, text.UNKNOWN_ID, 5], [4]]
    assert tokenizer.decode(tf.constant(ids[0])).numpy().decode() == "good <unk>."
    texts = tf.constant(["bad, good bad", "", "good"])
    assert tokenizer.unknown(texts) == [["bad", ","], [], []]


def test_vocabularies_are_learned_from_what_is_given():
    words = text.learn_vocabulary(TranslationConfig(tokens="word", min_count=2), ["a b A", "c, c"])
    assert words.tokens == (*text.SPECIALS, "a", "c")
    texts = ["good film", "filmy goods"] * 50
    pieces = text.learn_vocabulary(TranslationConfig(vocabulary=40), texts)
    assert pieces.tokens[:4] == text.SPECIALS and {"good", "film", "##s"} <= set(pieces.tokens)


def test_no_character_of_training_is_unknown():
    """Also of a script with more characters than the learner of keras_nlp keeps."""
    han = "".join(map(chr, range(0x4E00, 0x4E00 + 1_200)))
    config = TranslationConfig(vocabulary=4_000)
    tokenizer = text.Tokenizer(text.learn_vocabulary(config, [han, han[:1_000]]), config)
    assert text.UNKNOWN_ID not in tokenizer.encode(tf.constant([han[::-1][:100]])).flat_values


def test_codec_refuses_a_foreign_vocabulary():
    with pytest.raises(ValueError, match="must begin with <pad>, <unk>, <bos>, <eos>, got <unk>"):
        text.Tokenizer(Vocabulary(("<unk>", "a")), WORD)
