"""Baselines on the same sentences: the most frequent tag of a word, and a CRF over features."""

import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import pycrfsuite

from apps.common.progress import reports
from apps.ner.sentences import Sentence
from rnn_keras.metrics import Entity, find_entities, write_tags

_SETTINGS = {"c1": 0.1, "c2": 0.01, "max_iterations": 100, "feature.possible_transitions": True}


def tag_per_word(train: list[Sentence], test: list[Sentence]) -> list[list[Entity]]:
    """Entities by the most frequent tag of each word in training, `O` for unknown words."""
    counts = defaultdict(Counter)
    for sentence in train:
        for token, tag in zip(sentence.tokens, _tags(sentence)):
            counts[token][tag] += 1
    best = {token: each.most_common(1)[0][0] for token, each in counts.items()}
    return [find_entities(best.get(token, "O") for token in s.tokens) for s in test]


@reports("fitting the feature CRF")
def feature_crf(train: list[Sentence], test: list[Sentence]) -> list[list[Entity]]:
    """Entities by a linear-chain CRF over the usual features: see `features`."""
    trainer = pycrfsuite.Trainer("lbfgs", _SETTINGS, verbose=False)
    for sentence in train:
        trainer.append(features(sentence.tokens), _tags(sentence))
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "model.crfsuite")
        trainer.train(file)
        tagger = pycrfsuite.Tagger()
        tagger.open(file)
        found = [find_entities(tagger.tag(features(s.tokens))) for s in test]
        tagger.close()
    return found


def features(tokens: tuple[str, ...]) -> list[list[str]]:
    """Features of each token: word, shape, prefixes and suffixes; words and shapes around it."""
    shapes = [_shape(token) for token in tokens]
    rows = []
    for i, token in enumerate(tokens):
        row = [f"prefix{n}={token[:n]}" for n in (2, 3, 4)]
        row += [f"suffix{n}={token[-n:]}" for n in (2, 3, 4)]
        for offset in range(-2, 3):
            if 0 <= i + offset < len(tokens):
                row += [
                    f"{offset}:word={tokens[i + offset].lower()}",
                    f"{offset}:{shapes[i + offset]}",
                ]
            else:
                row.append(f"{offset}:outside")
        rows.append(row)
    return rows


def _shape(token):
    """`Xx` of Smith, `X` of IBM, `d-d` of 1996-08: runs of a class as one letter."""
    classes = [
        "X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in token
    ]
    return "".join(c for c, before in zip(classes, [None, *classes]) if c != before)


def _tags(sentence):
    return write_tags(sentence.entities, len(sentence.tokens))
