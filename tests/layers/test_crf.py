"""The CRF against the enumeration of all paths in float64."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.layers import CRF, crf_constraints, crf_loss, marginals, viterbi

NAMES = ["O", "B-X", "I-X", "E-X", "S-X"]
MASKS = {
    "none": np.ones((3, 4), bool),
    "right": np.arange(4) < [[4], [1], [0]],
    "left and gaps": np.array([[0, 1, 1, 1], [1, 0, 0, 1], [0, 1, 0, 1]], bool),
}


def scores_of(crf, emissions, mask):
    return crf(emissions, mask=None if mask.all() else mask)


def layer(tags, scale=1.0, **options):
    crf = CRF(tags, dtype="float64", **options)
    crf.build((None, None, tags))
    rng = np.random.default_rng(1)
    crf.set_weights([scale * rng.normal(size=w.shape) for w in crf.weights])
    return crf


def paths(crf, emissions, mask):
    """By row: all paths over the valid steps, and the score of each."""
    A, start, end = (np.asarray(w) for w in crf.get_weights())
    if crf.allowed is not None:
        A, start, end = (np.where(a, w, -1e4) for a, w in zip(crf.allowed, (A, start, end)))
    for X, valid in zip(emissions, mask):
        steps = np.flatnonzero(valid)
        found = list(itertools.product(range(crf.tags), repeat=len(steps)))
        scores = [
            start[path[0]]
            + end[path[-1]]
            + sum(X[t, tag] for t, tag in zip(steps, path))
            + sum(A[i, j] for i, j in itertools.pairwise(path))
            if path
            else 0.0
            for path in found
        ]
        yield steps, found, np.array(scores)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    "tags, time, scale, allowed",
    [
        (3, 4, 1.0, None),
        (1, 4, 1.0, None),
        (3, 1, 1.0, None),
        (3, 4, 300.0, None),
        (5, 4, 1.0, NAMES),
    ],
    ids=["plain", "one tag", "length 1", "large scores", "constrained"],
)
def test_values_against_all_paths(tags, time, scale, allowed, mask):
    rng, mask = np.random.default_rng(0), MASKS[mask][:, :time]
    crf = layer(tags, scale, allowed=allowed and crf_constraints(allowed))
    X = scale * rng.normal(size=(3, time, tags))
    y = np.where(mask, rng.integers(0, tags, mask.shape), -7)
    scores = scores_of(crf, X, mask)
    loss, (best, score), p = crf_loss(y, scores), viterbi(scores), marginals(scores)
    np.testing.assert_allclose(np.sum(p, -1), 1, rtol=1e-10)
    for row, (steps, found, values) in enumerate(paths(crf, X, mask)):
        log_z = np.logaddexp.reduce(values)
        gold = values[found.index(tuple(y[row, steps]))]
        np.testing.assert_allclose(loss[row], log_z - gold, rtol=1e-10, atol=1e-10)
        assert tuple(np.asarray(best)[row, steps]) == found[values.argmax()]
        np.testing.assert_allclose(score[row], values.max(), rtol=1e-10)
        chances = np.exp(values - log_z)
        for k, t in enumerate(steps):
            expected = [sum(chances[[path[k] == j for path in found]]) for j in range(tags)]
            np.testing.assert_allclose(p[row, t], expected, atol=1e-10)


@pytest.mark.parametrize("mask", MASKS)
def test_gradients_against_finite_differences(mask):
    rng, mask = np.random.default_rng(0), MASKS[mask]
    crf, X = layer(3), tf.constant(rng.normal(size=(3, 4, 3)))
    y, weight = rng.integers(0, 3, mask.shape), rng.normal(size=3)

    def total(X, *weights):
        with keras.StatelessScope(list(zip(crf.weights, weights))):
            return tf.reduce_sum(weight * crf_loss(y, scores_of(crf, X, mask)))

    arguments = [X, *(tf.constant(w) for w in crf.get_weights())]
    for derived, numeric in zip(*tf.test.compute_gradient(total, arguments, delta=1e-5)):
        np.testing.assert_allclose(derived, numeric, atol=1e-8)
