"""Texts to ids, in memory and memory-mapped."""

import json
from types import SimpleNamespace

import pytest

from apps.common import prepared, tokenized
from apps.common.files import json_pieces
from apps.sentiment.text import SPECIALS, WORDS
from rnn_keras.text import Tokenizer


@pytest.mark.parametrize("large", [0, prepared.LARGE])
def test_the_ids_of_many_texts_are_kept_for_their_texts_and_options(monkeypatch, tmp_path, large):
    monkeypatch.setenv("RNN_KERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(prepared, "LARGE", large)
    monkeypatch.setattr(tokenized, "CHUNK", 2)
    texts = ["b a", "", "a a a", "c", "a b c"]
    config = SimpleNamespace(min_count=1, vocabulary=5)
    calls = []
    for key in (["x"], ["x"], ["y"]):
        vocabulary = tokenized.learn_vocabulary(config, WORDS, SPECIALS, texts)
        assert vocabulary.tokens == (*SPECIALS, "a", "b", "c")

        tokenizer = Tokenizer(vocabulary, WORDS)

        def encode(chunk, tokenizer=tokenizer):
            calls.append(len(chunk))
            return tokenizer.encode(chunk)

        rows = tokenized.tokenize(encode, texts, key)
        assert [row.tolist() for row in rows] == [[3, 2], [], [2, 2, 2], [4], [2, 3, 4]]
        assert rows[0].dtype == "int32" and rows[0].flags.writeable == bool(large)
    assert sum(calls) == len(texts) * (3 if large else 2)
    assert [len(row) for row in tokenized.tokenize(encode, texts[:2], ["x"])] == [2, 0]


def test_json_in_pieces_is_json():
    for values in ([], ["a", "é"], [[], [1]], [[["a"], [0, 1]], [["b"], [1]]], ["é\n"] * 25_000):
        pieces = [*json_pieces(values)]
        assert "".join(pieces) == json.dumps(values)
    assert len(pieces) == 5
