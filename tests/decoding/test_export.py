"""Whole searches in a SavedModel and in a LiteRT file: the same tokens, builtin operations only."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.decoding import beam_search, greedy_search
from rnn_keras.export import LiteRTModel, write_litert, write_saved_model
from rnn_keras.layers import GRUCell
from tests.export.flatbuffer import operators

VOCABULARY, UNITS, START, END = 600, 6, 0, 1
ALLOWED = np.isin(np.arange(VOCABULARY), [END, 300, 599])  # <bos> is not


class Decoder(keras.Model):
    """A GRU that attends to a memory; the state has its mask, a tuple and a counter."""

    def __init__(self):
        super().__init__()
        self.embed = keras.layers.Embedding(VOCABULARY, 4)
        self.cell = GRUCell(UNITS)
        self.output_ = keras.layers.Dense(VOCABULARY)
        self.embed.build((None,))
        self.cell.build((None, 4 + UNITS))
        self.output_.build((None, UNITS))
        rng = np.random.default_rng(1)
        self.set_weights([rng.normal(size=w.shape) for w in self.weights])

    def stepper(self, memory):
        """The step, with the memory in its closure, one for all hypotheses of a row."""
        batch = tf.shape(memory)[0]

        def step(tokens, state):
            (H,), mask = state["H"], state["mask"]
            queries = tf.reshape(H, [batch, -1, UNITS])
            scores = tf.matmul(queries, memory, transpose_b=True)
            scores = tf.where(tf.reshape(mask, tf.shape(scores)), scores, -1e9)
            context = tf.reshape(tf.matmul(tf.nn.softmax(scores), memory), [-1, UNITS])
            H, _ = self.cell(tf.concat([self.embed(tokens), context], axis=1), [H])
            logits = tf.where(ALLOWED, self.output_(H), -float("inf"))
            return logits, {"H": (H,), "mask": mask, "t": state["t"] + 1}

        return step

    def signature(self, search, **options):
        """`memory`, `lengths` and `max_length` to what the search finds."""

        def run(memory, lengths, max_length):
            mask = tf.sequence_mask(lengths, tf.shape(memory)[1])
            state = {"H": (tf.reduce_mean(memory, 1),), "mask": mask, "t": tf.zeros_like(lengths)}
            start = tf.fill(tf.shape(lengths), START)
            found = search(self.stepper(memory), start, state, max_length, END, **options)
            return found._asdict()

        specs = [
            tf.TensorSpec([None, None, UNITS], tf.float32, "memory"),
            tf.TensorSpec([None], tf.int32, "lengths"),
            tf.TensorSpec([], tf.int32, "max_length"),
        ]
        return tf.function(run, input_signature=specs, autograph=False)


@pytest.fixture(scope="module")
def decoder():
    return Decoder()


@pytest.fixture(scope="module")
def functions(decoder):
    return {
        "greedy": decoder.signature(greedy_search),
        "beam": decoder.signature(beam_search, beam_width=4, nbest=4),
    }


@pytest.fixture(scope="module")
def examples(functions):
    rng = np.random.default_rng(2)
    inputs = [
        {
            "memory": 2 * rng.normal(size=(batch, time, UNITS)).astype("float32"),
            "lengths": np.maximum(time - np.arange(batch), 1).astype("int32"),
            "max_length": np.int32(max_length),
        }
        for batch, time, max_length in ((1, 4, 6), (5, 3, 9), (2, 1, 1))
    ]
    return dict.fromkeys(functions, inputs)


def test_litert_with_builtins_only(decoder, functions, examples, tmp_path):
    """`write_litert` itself compares tokens, lengths and scores, and refuses what differs."""
    report = write_litert(functions, [decoder], tmp_path / "m.tflite", examples=examples)
    assert max(report.differences.values()) < 1e-5
    found = operators(report.file)
    assert "WHILE" in found and "CUSTOM" not in found
    beam = LiteRTModel(report.file).run("beam", **examples["beam"][1])
    # The examples are worth something: several lengths, and with three allowed tokens and one
    # step, one hypothesis less than was asked for.
    assert len(set(beam["lengths"].ravel())) > 3
    last = LiteRTModel(report.file).run("beam", **examples["beam"][2])
    assert last["lengths"].tolist() == [[1, 1, 1, 0]] * 2


@pytest.mark.slow
def test_saved_model(decoder, functions, examples, tmp_path):
    """`write_saved_model` compares in a fresh process, and refuses what is not core TensorFlow."""
    report = write_saved_model(functions, [decoder], tmp_path / "saved", examples=examples)
    assert max(report.differences.values()) < 1e-5
