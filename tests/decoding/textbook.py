"""Searches in float64 as a textbook would write them, one sentence at a time, and a fake model.

The model is a table: `logits[node]` are those of the next token after the prefix that the node
stands for. The root is node 0, and its child by token y is `node * vocabulary + y + 1`.
"""

import numpy as np
import tensorflow as tf

START = 0  # what a search reads first; the fake model does not look at it
END = 1


class Table:
    """Random logits for every prefix shorter than `length`, for each row of a batch."""

    def __init__(self, seed, batch, vocabulary, length, spread=2.0):
        nodes = sum(vocabulary**t for t in range(length))
        shape = (batch, nodes, vocabulary)
        self.logits = np.random.default_rng(seed).normal(0, spread, shape).astype("float32")

    def step(self, tokens, state):
        """The step callable; which row it is follows from hypotheses being neighbours."""
        batch, _, vocabulary = self.logits.shape
        hypotheses = tf.shape(tokens)[0] // batch
        row = tf.repeat(tf.range(batch), hypotheses)
        node = tf.where(state["first"], 0, state["node"] * vocabulary + tokens + 1)
        logits = tf.gather_nd(self.logits, tf.stack([row, node], axis=1))
        return logits, {"node": node, "first": tf.zeros_like(state["first"])}

    def search(self, search, max_length, **options):
        """What a search finds, as NumPy arrays."""
        batch = len(self.logits)
        state = {"node": np.zeros(batch, "int32"), "first": np.ones(batch, bool)}
        tokens = np.full(batch, START, "int32")
        found = search(self.step, tokens, state, max_length, END, **options)
        return type(found)(*(x.numpy() for x in found))

    def row(self, b):
        """The table of one row."""
        single = object.__new__(Table)
        single.logits = self.logits[b : b + 1]
        return single

    def log_p(self, b, prefix):
        """The log-probabilities after a prefix, float64."""
        node = 0
        for token in prefix:
            node = node * self.logits.shape[2] + token + 1
        logits = self.logits[b, node].astype("float64")
        return logits - np.logaddexp.reduce(logits)


def score(log_p, tokens, alpha):
    return log_p / len(tokens) ** alpha


def exhaustive(table, b, max_length, alpha):
    """All complete hypotheses of row b, `(score, tokens)`, the best first."""
    return beam(table, b, max_length, alpha, width=None)


def beam(table, b, max_length, alpha, width):
    """All hypotheses that a beam of this width completes, the best first; it never stops early."""
    live, finished = [(0.0, ())], []
    for _ in range(max_length):
        continued = [
            (log_p + gain, (*tokens, token))
            for log_p, tokens in live
            for token, gain in enumerate(table.log_p(b, tokens))
        ]
        kept = sorted(continued, reverse=True)[:width]
        finished += [(score(log_p, y, alpha), y) for log_p, y in kept if y[-1] == END]
        live = [(log_p, y) for log_p, y in kept if y[-1] != END]
    cut_off = [(score(log_p, y, alpha), y) for log_p, y in live]
    return sorted(finished, reverse=True) + sorted(cut_off, reverse=True)


def assert_found(found, b, expected):
    """Row b of `Hypotheses` is `expected`, a list of `(score, tokens)`; what is missing is so."""
    n, length = found.tokens.shape[1:]
    for i in range(n):
        tokens = expected[i][1] if i < len(expected) else ()
        assert found.tokens[b, i].tolist() == [*tokens, *[END] * (length - len(tokens))]
        assert found.lengths[b, i] == len(tokens)
        wanted = expected[i][0] if i < len(expected) else tf.float32.min
        np.testing.assert_allclose(found.scores[b, i], wanted, rtol=2e-5, atol=1e-6)
