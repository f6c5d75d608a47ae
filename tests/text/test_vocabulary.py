import time

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnn_keras.text import Vocabulary

characters = st.characters(exclude_categories=())  # surrogates and controls included
tokens = st.text(characters, min_size=1, max_size=4)
vocabularies = st.lists(tokens, unique=True, max_size=12).map(
    lambda kept: Vocabulary(("<unk>", *(t for t in kept if t != "<unk>")))
)


def test_order_is_frequency_then_code_point():
    vocab = Vocabulary.from_tokens("banana é b")
    assert vocab.tokens == ("<unk>", "a", " ", "b", "n", "é")


@pytest.mark.parametrize(
    "options, kept",
    [
        ({"min_count": 2}, ("<unk>", "a", "b")),
        ({"max_size": 2}, ("<unk>", "a")),
        ({"max_size": 1}, ("<unk>",)),
        ({"specials": ("<pad>", "<unk>", "b")}, ("<pad>", "<unk>", "b", "a", "c")),
    ],
)
def test_selection(options, kept):
    assert Vocabulary.from_tokens("aaabbc", **options).tokens == kept


def test_literal_unk_in_the_data_is_the_special():
    vocab = Vocabulary.from_tokens(["the", "<unk>", "the"], specials=("<pad>", "<unk>"))
    assert vocab.tokens == ("<pad>", "<unk>", "the")
    assert vocab.unk_id == 1
    assert vocab.encode(["<unk>", "never", "the"]).tolist() == [1, 1, 2]


def test_membership_and_immutability():
    vocab = Vocabulary.from_tokens("ab")
    assert len(vocab) == 3 and "a" in vocab and "c" not in vocab
    with pytest.raises(AttributeError):
        vocab.tokens = ("<unk>",)


@given(vocabularies, st.text(characters))
@example(Vocabulary(("<unk>", "?", "\ud800")), "?\ud800\udfff")
@example(Vocabulary(("<unk>", "a", "\U0010ffff")), "a\ud83d\ude00\U0010fffe\U0010ffff")
@example(Vocabulary(("<unk>",)), "")
def test_string_encoding_equals_token_by_token(vocab, text):
    ids = vocab.encode(text)
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(ids, vocab.encode(list(text)))
    assert vocab.decode(ids) == [c if c in vocab else "<unk>" for c in text]


@given(vocabularies)
@example(
    Vocabulary(("<unk>", "\n", "\r", "\t", "\\", "\\n", " ", "\u2028", "\x85", "\x00", "\ufeff"))
)
@example(Vocabulary(("\ud800", "<unk>", "\udfff", "\U000e0001", "u0041", "\u0301", "\x7f")))
def test_file_round_trip(tmp_path_factory, vocab):
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    vocab.save(path)
    assert Vocabulary.load(path) == vocab
    assert len(path.read_text("utf-8").splitlines()) == len(vocab)
    assert [p.name for p in path.parent.iterdir()] == ["vocab.txt"]


def test_file_format(tmp_path):
    Vocabulary(("<unk>", " ", "\n", "\\", "é", "\u2028", "\U0001f600", "\U000e0001")).save(
        tmp_path / "v"
    )
    expected = "<unk>\n \n\\n\n\\\\\né\n\\u2028\n😀\n\\U000e0001\n"
    assert (tmp_path / "v").read_bytes() == expected.encode()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "line 1 is malformed"),
        (b"<unk>\n\na\n", "line 2 is malformed"),
        (b"<unk>\na\r\n", "line 2 is malformed"),
        (b"<unk>\n\\x\n", "line 2 is malformed"),
        (b"<unk>\na\\\n", "line 2 is malformed"),
        (b"<unk>\na\n\\U00110000\n", "line 3 is malformed"),
        (b"<unk>\na\nb\xff\n", "line 3 is not UTF-8"),
        (b"<unk>\na\n\\u0061\n", "line 3 repeats the token of line 2"),
        (b"a\nb\n", "no line is '<unk>'"),
    ],
)
def test_malformed_file(tmp_path, content, message):
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        Vocabulary.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Vocabulary(("a",)), "'<unk>' is missing"),
        (lambda: Vocabulary(("<unk>", "a", "a")), "'a' occurs twice"),
        (lambda: Vocabulary(("<unk>", "")), "token 1 is empty"),
        (lambda: Vocabulary.from_tokens("a", specials=("<pad>",)), "'<unk>' is missing"),
        (lambda: Vocabulary.from_tokens("a", max_size=0), "max_size=0 cannot hold the 1 special"),
        (lambda: Vocabulary(("<unk>",)).decode([0, -1]), "id -1 is outside"),
        (lambda: Vocabulary(("<unk>",)).decode([1]), "id 1 is outside"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_megabyte_of_characters_encodes_in_a_blink():
    text = "To be, or not to be – that is the question.\n" * 25_000
    vocab = Vocabulary.from_tokens(text)
    start = time.perf_counter()
    ids = vocab.encode(text)
    assert time.perf_counter() - start < 0.5  # about 0.01 s; a Python loop needs longer
    assert len(ids) == len(text)
