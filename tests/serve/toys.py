"""Small SavedModels, each written once per test run."""

import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from rnn_keras.text import Vocabulary

CHARACTERS = Vocabulary(("<unk>", "\n", *"abcdé "))


class Toy(tf.Module):
    """Functions that show every rule of the server; `scale` tells versions apart."""

    def __init__(self, scale):
        self.scale = tf.Variable(float(scale))
        self.words = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(["good", "bad"], [1, 2]), 0
        )

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")])
    def sums(self, x):
        tf.debugging.assert_non_negative(x, "x must not be negative")
        return {"y": self.scale * tf.reduce_sum(x, axis=1)}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "text"),
            tf.TensorSpec([None], tf.int32, "n"),
        ]
    )
    def repeat(self, text, n):
        return {
            "raw_bytes": text,
            "text": tf.strings.join([text, tf.strings.as_string(n)]),
            "word": self.words.lookup(text),
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def letters(self, text):
        return {"letters": tf.strings.unicode_split(text, "UTF-8").to_tensor("")}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "steps")])
    def spin(self, steps):
        longest = tf.reduce_max(steps)
        count = tf.while_loop(lambda i: i < longest, lambda i: (i + 1,), (tf.constant(0),))
        return {"count": tf.fill(tf.shape(steps), count[0])}

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, "x")])
    def scalar(self, x):
        return {"y": x + 1.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "ids")])
    def rows(self, ids):
        return {"row": tf.gather(tf.constant([1.0, 2.0, 3.0]), ids)}


def write_toy(folder: Path, scale: float) -> Path:
    """The SavedModel of `Toy(scale)` in `folder`, made beside it and renamed as the apps do."""
    toy = Toy(scale)
    beside = folder.with_name(f".tmp-{folder.name}")
    tf.saved_model.save(
        toy,
        str(beside),
        signatures={
            "serving_default": toy.sums,
            "letters": toy.letters,
            "repeat": toy.repeat,
            "rows": toy.rows,
            "scalar": toy.scalar,
            "spin": toy.spin,
        },
    )
    beside.rename(folder)
    return folder


class Speller(tf.Module):
    """A language model of characters, with random weights: the step of a vanilla RNN."""

    def __init__(self):
        rng = np.random.default_rng(0)
        size = len(CHARACTERS)
        self.rows, self.recurrent, self.out = (
            tf.Variable(rng.normal(size=shape), dtype="float32")
            for shape in ((size, 4), (4, 4), (4, size))
        )

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.int32, "ids"),
            tf.TensorSpec([None, 4], tf.float32, "h"),
        ]
    )
    def step(self, ids, h):
        h = tf.tanh(tf.gather(self.rows, ids) + h @ self.recurrent)
        return {"logits": h @ self.out, "h": h}


def write_speller(folder: Path) -> Path:
    """The SavedModel of `Speller` in `folder`, with its vocabulary as the apps export it."""
    speller = Speller()
    tf.saved_model.save(speller, str(folder), signatures={"step": speller.step})
    (folder / "assets.extra").mkdir()
    CHARACTERS.save(folder / "assets.extra" / "vocab.txt")
    return folder


def copy(source: Path, target: Path) -> Path:
    """A copy of a SavedModel that is there all at once."""
    beside = target.with_name(f".tmp-{target.name}")
    shutil.copytree(source, beside)
    beside.rename(target)
    return target
