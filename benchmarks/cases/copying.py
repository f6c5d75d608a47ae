"""Sentences of names that are not in the vocabulary, and a model that can copy them or not."""

import random
from functools import partial
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from apps.summarization.copier import Copier
from rnn_keras.seq2seq import TokenCrossentropy, copied_words, copy_ids, copy_targets

PAD, UNKNOWN, BOS, EOS = range(4)
SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
SYLLABLES = "an bel cor dan el far gor hal im jor kal len mar nor ol pel ros sal tor ul".split()
# Sentences and their passive, or the answer to a question: the order of the names changes.
FORMS = (
    ("{a} saw {b} at noon .", "{b} was seen by {a} at noon ."),
    ("{a} and {b} met {c} .", "{c} was met by {a} and {b} ."),
    ("did {a} call {b} ?", "no , {b} called {a} ."),
    ("{a} gave {b} the letter of {c} .", "the letter of {c} was given to {b} by {a} ."),
    ("is this the house of {a} ?", "yes , this is the house of {a} ."),
)
WORDS = sorted({w for pair in FORMS for text in pair for w in text.split() if w[0] != "{"})
VOCABULARY = (*SPECIALS, *WORDS)
COPIES = 4  # unknown words of a source that have an id


class Batch(NamedTuple):
    """Pairs as tensors: words are strings `(pairs, time)`, ids int32 of the same shape.

    Attributes:
        words: of the sources.
        source: their ids, with copies.
        tokens: the tokens before, which begin with `BOS`.
        target: the ids to write, with copies or without.
    """

    words: tf.Tensor
    source: tf.Tensor
    tokens: tf.Tensor
    target: tf.Tensor


def sentences(seed: int, pairs: int) -> list[tuple[str, str]]:
    """Pairs of sentences. Names of six letters or so are too many to be in two sets by chance."""
    source = random.Random(seed)

    def name():
        return "".join(source.choices(SYLLABLES, k=4))

    return [
        tuple(text.format(**names) for text in source.choice(FORMS))
        for names in ({"a": name(), "b": name(), "c": name()} for _ in range(pairs))
    ]


def batch(pairs: list[tuple[str, str]], copying: bool) -> Batch:
    """The pairs as ids."""
    ids = {word: i for i, word in enumerate(VOCABULARY)}

    def table(texts):
        words = tf.ragged.constant([[*text.split(), "<eos>"] for text in texts]).to_tensor("<pad>")
        known = [[ids.get(w.decode(), UNKNOWN) for w in row] for row in words.numpy()]
        return words, tf.constant(known, tf.int32)

    (words, source), (target_words, target) = map(table, zip(*pairs))
    source = copy_ids(words, source, len(VOCABULARY), COPIES, UNKNOWN)
    if copying:
        target = copy_targets(target_words, target, words, source, UNKNOWN)
    tokens = tf.pad(target[:, :-1], [[0, 0], [1, 0]], constant_values=BOS)
    return Batch(words, source, tokens, target)


def exact(copying: bool, pairs: int, epochs: int, units: int = 32, seed: int = 0) -> float:
    """The fraction of 200 sentences of new names that a trained model writes exactly."""
    keras.utils.set_random_seed(seed)
    train, test = sentences(seed, pairs), sentences(seed + 1, 200)
    data = batch(train, copying)
    model = Copier(len(VOCABULARY), units, COPIES if copying else None)
    model.compile(keras.optimizers.Adam(1e-2), TokenCrossentropy())
    model.fit([data.source, data.tokens], data.target, batch_size=32, epochs=epochs, verbose=0)
    given = batch(test, copying)
    search = partial(model.search, excluded=(PAD, BOS), max_length=16, beam_width=3)
    found = tf.function(search, autograph=False)(given.source, BOS, EOS)
    tokens = found.tokens[:, 0]
    known = tf.gather(tf.constant([*VOCABULARY, *[""] * COPIES]), tokens)
    copied = copied_words(tokens, given.words, given.source)
    written = tf.where(tokens < len(VOCABULARY), known, copied).numpy()
    texts = [" ".join(w.decode() for w in row[: list(row).index(b"<eos>")]) if b"<eos>" in row
             else "" for row in written]  # fmt: skip
    return float(np.mean([text == target for text, (_, target) in zip(texts, test)]))
