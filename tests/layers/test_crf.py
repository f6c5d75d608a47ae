"""The CRF against the enumeration of all paths in float64."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.export import write_litert, write_saved_model
from rnn_keras.layers import CRF, Constraints, crf_constraints, crf_loss, marginals, viterbi
from tests.export.flatbuffer import operators

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


@pytest.mark.slow
def test_second_derivatives_against_finite_differences():
    crf, X = layer(3), tf.constant(np.random.default_rng(0).normal(size=(3, 4, 3)))
    y, weight = np.ones((3, 4), int), tf.constant([1.0, -2.0, 0.5], "float64")

    def slope(X, weight):
        with tf.GradientTape() as tape:
            tape.watch(X)
            total = tf.reduce_sum(weight * crf_loss(y, crf(X, mask=MASKS["right"])))
        return tape.gradient(total, X)

    pairs = zip(*tf.test.compute_gradient(slope, [X, weight], delta=1e-5))
    for derived, numeric in pairs:
        assert np.abs(derived).max() > 0.1
        np.testing.assert_allclose(derived, numeric, atol=1e-8)


def test_a_tag_out_of_range_shows_in_its_row():
    loss = crf_loss([[0, 1], [3, 0], [-1, 0]], CRF(3)(np.ones((3, 2, 3), "float32")))
    assert np.isnan(loss).tolist() == [False, True, True]


def test_errors_do_not_grow_with_the_length():
    """Float32 at 4,000 steps, where log Z is about 10,000 and its rounding error 1e-3."""
    X = 3 * np.random.default_rng(0).normal(size=(1, 4000, 4))
    exact, crf = layer(4), CRF(4)
    crf.build(X.shape)
    crf.set_weights(exact.get_weights())
    np.testing.assert_allclose(marginals(crf(X)), marginals(exact(X)), atol=2e-5)


BIOES = {
    "O": {"O", "B-X", "S-X"},
    "B-X": {"I-X", "E-X"},
    "I-X": {"I-X", "E-X"},
    "E-X": {"O", "B-X", "S-X"},
    "S-X": {"O", "B-X", "S-X"},
}
BIO = {
    "O": {"O", "B-X", "B-Y"},
    "B-X": {"O", "B-X", "B-Y", "I-X"},
    "I-X": {"O", "B-X", "B-Y", "I-X"},
    "B-Y": {"O", "B-X", "B-Y"},
}


@pytest.mark.parametrize(
    "follow, start, end",
    [
        (BIOES, {"O", "B-X", "S-X"}, {"O", "E-X", "S-X"}),
        (BIO, {"O", "B-X", "B-Y"}, set(BIO)),
    ],
    ids=["BIOES", "BIO"],
)
def test_constraints(follow, start, end):
    names = list(follow)
    allowed = crf_constraints(names)
    chosen = [{n for n, ok in zip(names, row) if ok} for row in allowed.transitions]
    assert dict(zip(names, chosen)) == follow
    assert [{n for n, ok in zip(names, row) if ok} for row in allowed[1:]] == [start, end]


@pytest.mark.parametrize("name", ["PER", "X-PER", "O-PER", "B", "<pad>"])
def test_constraints_name_a_wrong_tag(name):
    with pytest.raises(ValueError, match=repr(name)):
        crf_constraints(["O", name])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: CRF(0), "`tags` must be a positive integer, got 0"),
        (lambda: CRF(2, Constraints([[True]], [True], [True])), r"shapes \[\(2, 2\)"),
        (lambda: CRF(2)(np.ones((1, 3, 4))), "2 tags, got"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "dtype", ["float32", pytest.param("mixed_float16", marks=pytest.mark.slow)]
)
def test_fit_and_reload(dtype, tmp_path):
    """Word 3 has tags 2 and 1 in turn, which the emissions of a word cannot tell apart."""
    rng = np.random.default_rng(0)
    words = rng.integers(1, 4, (64, 6)) * (np.arange(6) < rng.integers(1, 7, (64, 1)))
    tags = np.where(words == 3, 1 + np.cumsum(words == 3, 1) % 2, 0)
    X = keras.Input((None,), dtype="int32")
    emissions = keras.layers.Embedding(4, 3, mask_zero=True, dtype=dtype)(X)
    crf = CRF(3, Constraints([[1, 1, 1], [1, 0, 1], [1, 1, 0]], [1, 0, 1], [1, 1, 1]), dtype=dtype)
    model = keras.Model(X, crf(emissions))
    assert model.output.dtype == "float32"
    model.compile(keras.optimizers.Adam(0.1), crf_loss)
    losses = model.fit(words, tags, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0]
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(words, verbose=0), model.predict(words, verbose=0))
    assert again.evaluate(words, tags, verbose=0) == model.evaluate(words, tags, verbose=0)
    assert again.layers[-1].allowed == crf.allowed


@pytest.fixture(scope="module")
def exported():
    """The tagger as signature, and sentences of several sizes."""
    crf = CRF(5, crf_constraints(NAMES), initializer="random_normal")
    crf.build((None, None, 5))

    def tag(emissions, lengths):
        scores = crf(emissions, mask=tf.sequence_mask(lengths, tf.shape(emissions)[1]))
        tags, score = viterbi(scores)
        return {"tags": tags, "score": score, "probability": marginals(scores)}

    specs = [
        tf.TensorSpec([None, None, 5], tf.float32, "emissions"),
        tf.TensorSpec([None], tf.int32, "lengths"),
    ]
    rng = np.random.default_rng(0)
    examples = [
        {
            "emissions": 3 * rng.normal(size=(batch, time, 5)).astype("float32"),
            "lengths": np.arange(time, time - batch, -1).clip(0).astype("int32"),
        }
        for batch, time in ((4, 9), (1, 1), (3, 2))
    ]
    functions = {"tag": tf.function(tag, input_signature=specs, autograph=False)}
    return functions, [crf], {"tag": examples}


@pytest.mark.slow
def test_litert_with_builtins_only(exported, tmp_path):
    """`write_litert` itself compares tags, scores and probabilities."""
    functions, layers, examples = exported
    report = write_litert(functions, layers, tmp_path / "m.tflite", examples=examples)
    assert max(report.differences.values()) < 1e-5
    found = operators(report.file)
    assert "WHILE" in found and "CUSTOM" not in found


@pytest.mark.slow
def test_saved_model(exported, tmp_path):
    """`write_saved_model` compares in a process without this package, in core operations."""
    functions, layers, examples = exported
    report = write_saved_model(functions, layers, tmp_path / "saved", examples=examples)
    assert max(report.differences.values()) < 1e-5
