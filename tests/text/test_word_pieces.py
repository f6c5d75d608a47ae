"""Word pieces are those of keras_nlp."""

import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from rnn_keras.text import Tokenizer, Vocabulary, WordSplitter, learn_word_pieces

PIECES = Vocabulary(
    ("<pad>", "<unk>", *"a b ##a ##b ab ##ba ##bab é ##é ! ##日 日".split())
)  # fmt: skip


def test_the_split_is_that_of_keras_nlp():
    import keras_nlp

    ours = Tokenizer(PIECES, WordSplitter(), word_pieces=True)
    theirs = keras_nlp.tokenizers.WordPieceTokenizer(
        list(PIECES.tokens), split=False, oov_token="<unk>", dtype="string"
    )

    @given(st.lists(st.text("abéx", min_size=1, max_size=9), min_size=1, max_size=5))
    def check(words):
        pieces = [piece for word in words for piece in theirs(tf.constant([word]))]
        split = ours.split(tf.constant([" ".join(words)])).to_list()[0]
        assert [piece.decode() for piece in split] == pieces

    check()
    (split,) = ours.split(tf.constant([" ".join(["a" * 100, "a" * 101])])).to_list()
    assert [piece.decode() for piece in split] == ["a", *["##a"] * 99, "<unk>"]


def test_pieces_are_learned_from_words():
    pieces = learn_word_pieces(["good", "film", "filmy", "goods"] * 50, 40, ("<pad>", "<unk>"))
    assert pieces.tokens[:2] == ("<pad>", "<unk>") and {"good", "film", "##s"} <= set(pieces.tokens)


def test_no_character_is_unknown():
    """Also of a script with more characters than the learner of keras_nlp keeps."""
    han = "".join(map(chr, range(0x4E00, 0x4E00 + 1_200)))
    vocabulary = learn_word_pieces([*han, *han[:1_000]], 4_000)
    tokenizer = Tokenizer(vocabulary, WordSplitter(), word_pieces=True)
    ids = tokenizer.encode(tf.constant([han[::-1][:100]])).flat_values
    assert vocabulary.unk_id not in ids
