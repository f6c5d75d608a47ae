"""Small SavedModels, each written once per test run."""

import shutil
from pathlib import Path

import tensorflow as tf


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


def copy(source: Path, target: Path) -> Path:
    """A copy of a SavedModel that is there all at once."""
    beside = target.with_name(f".tmp-{target.name}")
    shutil.copytree(source, beside)
    beside.rename(target)
    return target
