"""The vocabularies and the tags of a run."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from apps.common.run import Run
from apps.common.trained import load_vocabulary
from apps.ner.config import NERConfig
from apps.ner.sentences import Sentence
from rnn_keras.text import UNKNOWN, Vocabulary, WordLookup

PAD_ID, UNKNOWN_ID = 0, 1
FILES = ("vocab.txt", "vocab_characters.txt", "vocab_tags.txt")


class Assets(NamedTuple):
    """The vocabularies by file, the lookup of words, and the tags by id (IOBES)."""

    files: Mapping[str, Vocabulary]
    lookup: WordLookup
    tags: tuple[str, ...]


def make_assets(words: Vocabulary, characters: Vocabulary, tags: Vocabulary, config: NERConfig):
    """`Assets` of vocabularies; that of the tags ends with `<unk>`, which each one must have."""
    files = dict(zip(FILES, (words, characters, tags)))
    return Assets(files, WordLookup(words, characters, config.word_length), tags.tokens[:-1])


def learn_assets(config: NERConfig, train: Iterable[Sentence]) -> Assets:
    """Those of the training sentences."""
    words = [token for sentence in train for token in sentence.tokens]
    types = sorted({entity.type for sentence in train for entity in sentence.entities})
    tags = ("O", *(f"{prefix}-{kind}" for kind in types for prefix in "BIES"), UNKNOWN)
    lookup = WordLookup.learn(words, config.word_length, config.min_count, config.vocabulary)
    return make_assets(lookup.words, lookup.characters, Vocabulary(tags), config)


def load_assets(run: Run, config: NERConfig) -> Assets:
    """Those of a run."""
    return make_assets(*(load_vocabulary(run, file) for file in FILES), config)
