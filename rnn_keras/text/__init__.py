"""From text to ids and back, eagerly or in a graph: vocabularies and tokenizers.

A `Tokenizer` consists of operations of core TensorFlow, so a SavedModel can contain it and runs
wherever TensorFlow does, for instance in TensorFlow Serving.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what `__getattr__` finds
    from rnn_keras.text.ids import known_ids as known_ids
    from rnn_keras.text.matches import find_matches as find_matches
    from rnn_keras.text.matches import find_words as find_words
    from rnn_keras.text.nfc import normalize_nfc as normalize_nfc
    from rnn_keras.text.sentences import find_sentences as find_sentences
    from rnn_keras.text.tagger import TextEntity as TextEntity
    from rnn_keras.text.tagger import TextTagger as TextTagger
    from rnn_keras.text.tokenizer import Tokenizer as Tokenizer
    from rnn_keras.text.vocabulary import UNKNOWN as UNKNOWN
    from rnn_keras.text.vocabulary import Vocabulary as Vocabulary
    from rnn_keras.text.word_lookup import WordLookup as WordLookup
    from rnn_keras.text.word_pieces import learn_word_pieces as learn_word_pieces
    from rnn_keras.text.word_splitter import WordSplitter as WordSplitter

_MODULES = {
    "TextEntity": "tagger",
    "TextTagger": "tagger",
    "Tokenizer": "tokenizer",
    "UNKNOWN": "vocabulary",
    "Vocabulary": "vocabulary",
    "WordLookup": "word_lookup",
    "WordSplitter": "word_splitter",
    "find_matches": "matches",
    "find_sentences": "sentences",
    "find_words": "matches",
    "known_ids": "ids",
    "learn_word_pieces": "word_pieces",
    "normalize_nfc": "nfc",
}

__all__ = list(_MODULES)


def __getattr__(name):
    # On first use: a LiteRT file is run with its vocabulary, but without TensorFlow.
    if name in _MODULES:
        return getattr(importlib.import_module(f"rnn_keras.text.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'rnn_keras.text' has no attribute {name!r}")


def __dir__():
    return [*globals(), *__all__]
