"""The tokens of sentences; those of every script are in tests/text."""

import tensorflow as tf

from apps.translation import text
from apps.translation.config import TranslationConfig
from rnn_keras.text import Vocabulary


def test_texts_are_normalised_and_counted():
    texts = ["Va\u00a0!  L’homme\tnoir.", "", "对不起。"]
    assert text.plain(texts, True) == ["va ! l'homme noir.", "", "对不起。"]
    assert text.plain(texts[:1], False) == ["Va ! L'homme noir."]
    assert text.count_words(texts, True).tolist() == [7, 0, 4] and not len(
        text.count_words([], True)
    )
    assert text.without_joiners(["l", "￭'￭"]) == ["l", "'"]


def test_a_translation_ends_at_its_end():
    config = TranslationConfig(tokens="word", max_length=2)
    tokenizer = text.make_tokenizer(Vocabulary((*text.SPECIALS, "good", "￭.")), config)
    assert tokenizer.read(tf.constant(["Good. Good."])).to_list() == [[4, 5]]
    ids = [text.BOS_ID, 4, text.UNKNOWN_ID, 5, text.EOS_ID, 4, text.PAD_ID]
    assert tokenizer.decode(tf.constant(ids)).numpy().decode() == "good <unk>."
