"""Beam search of a GRU decoder with attention and random weights, in three ways."""

import keras
import numpy as np
import tensorflow as tf

from benchmarks.measure.timing import Call
from rnn_keras.decoding import beam_search
from rnn_keras.layers import GRUCell

START, END = 1, 2
GRAPH, EAGER, LOOP = "batch, graph", "batch, eager", "sentence by sentence, predict"


def contenders(
    *, sentences: int, beam_width: int, steps: int, source: int, units: int, vocabulary: int
) -> dict[str, Call]:
    """By name, a call that decodes all sentences and returns `(tokens, scores)`, NumPy arrays.

    The end token is never likely, so that every contender runs the same number of steps.
    The sizes are those of `benchmarks.decoding.SIZES`.
    """
    embed, cell = keras.layers.Embedding(vocabulary, units), GRUCell(units)
    project = keras.layers.Dense(vocabulary, kernel_initializer="random_normal")

    def decode(tokens, H, memory):
        """Logits and state after `tokens` `(rows,)`; the rows of a sentence are consecutive."""
        queries = tf.reshape(H, [tf.shape(memory)[0], -1, units])
        weights = tf.nn.softmax(tf.matmul(queries, memory, transpose_b=True))
        context = tf.reshape(tf.matmul(weights, memory), [-1, units])
        H, _ = cell(tf.concat([embed(tokens), context], axis=1), [H])
        return project(H) - 1e3 * tf.one_hot(END, vocabulary), H

    shape = (sentences, source, units)
    memory = np.random.default_rng(0).normal(size=shape).astype("float32")

    def batch(memory):
        found = beam_search(
            lambda tokens, H: decode(tokens, H, memory),
            tf.fill([sentences], START), memory[:, 0], steps, END,
            beam_width=beam_width, alpha=0.0,
        )  # fmt: skip
        return found.tokens[:, 0], found.scores[:, 0]

    graph = tf.function(batch, autograph=False)

    class Decoder(keras.Model):
        def call(self, inputs):
            return decode(*inputs)

    decoder = Decoder()
    return {
        GRAPH: lambda: [x.numpy() for x in graph(tf.constant(memory))],
        EAGER: lambda: [x.numpy() for x in batch(tf.constant(memory))],
        LOOP: lambda: predict_loop(decoder, memory, beam_width, steps),
    }


def predict_loop(model, memory, width: int, steps: int):
    """Beam search as in tutorials: a `predict` per sentence and step, the rest in NumPy."""
    results = []
    for source in memory:
        H, past, log_p = source[None, 0], np.full((1, 1), START, "int32"), np.zeros(1, "float32")
        for _ in range(steps):
            # All hypotheses in one call, each with its own memory; some tutorials call for each.
            each = np.repeat(source[None], len(H), axis=0)
            logits, H = model.predict([past[:, -1], H, each], verbose=0)
            logits = logits - logits.max(axis=1, keepdims=True)
            sums = log_p[:, None] + logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            best = np.argsort(-sums, axis=None)[:width]
            parents, tokens = np.unravel_index(best, sums.shape)
            H, log_p = H[parents], sums[parents, tokens]
            past = np.concatenate([past[parents], tokens[:, None].astype("int32")], axis=1)
        results.append((past[0, 1:], log_p[0]))
    tokens, scores = zip(*results)
    return np.stack(tokens), np.stack(scores)
