"""Memory horizons, representations and the record of clipping."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnn_keras import inspect
from rnn_keras.layers import (
    GRU,
    LSTM,
    MGU,
    Bidirectional,
    DeepRNN,
    VanillaRNN,
    record_gates,
    use_plan,
)
from rnn_keras.training import clip_by_global_norm

X = np.random.default_rng(0).normal(size=(3, 7, 4)).astype("float32")


@pytest.fixture(autouse=True)
def uncompiled():
    """Compilation would take most of the time of a test."""
    with use_plan("graph"):
        yield


def test_retention_is_what_the_textbooks_call_forget_and_update_gate():
    lstm, gru, plain = LSTM(5, name="a"), GRU(5, go_backwards=True, name="b"), VanillaRNN(5)
    for layer, symbol, gate in ((lstm, "C", "F"), (gru, "H", "Z")):
        with record_gates() as seen:
            layer(X)
        kept = inspect.retention(layer, X)[layer.name]
        np.testing.assert_allclose(kept[symbol], seen[layer.name][gate], atol=1e-6)
    assert not inspect.retention(lstm, X)["a"]["H"].any()
    assert not inspect.retention(plain, X)[plain.name]["H"].any()
    mgu = MGU(5)
    mgu.build(X.shape)
    np.testing.assert_allclose(inspect.retention(mgu, X * 0)[mgu.name]["H"], 0.5)  # 1 - F


def test_horizon_by_hand():
    assert inspect.horizon(0.5 ** np.arange(9)) == 2  # 1/4 is below 1/e, 1/2 is not
    assert inspect.horizon([0.1, 1.0, 0.9, 0.3, 2.0]) == 3  # of the largest so far
    assert inspect.horizon(np.ones(9)) == 9


def test_the_table_of_known_memories():
    """h_t = w h_{t-1} + x_t keeps w^n; a forget gate with a bias of 10 nearly all."""
    inputs = keras.Input((40, 1))
    scalar = VanillaRNN(1, activation="linear", return_sequences=True, name="scalar")
    keeping = LSTM(2, bias_initializer=keras.initializers.Constant(10.0), unit_forget_bias=False)
    both = Bidirectional(scalar)
    model = keras.Model(inputs, keeping(both(inputs)))
    for layer, w in ((both.forward_layer, 0.9), (both.backward_layer, 0.5)):
        layer.set_weights([np.ones((1, 1)), np.full((1, 1), w), np.zeros(1)])
    rng = np.random.default_rng(0)
    forward, backward, lstm = inspect.memory_table(model, rng.normal(size=(3, 40, 1)))
    assert [forward["gates"], forward["gradient"], forward["measured"]] == [None, 10, 10]
    assert [backward["gates"], backward["gradient"], backward["measured"]] == [None, 2, 2]
    assert lstm["gates"] == 41 and lstm["cell"] == "LSTM" and lstm["units"] == 2
    deep = DeepRNN([LSTM(2, name="lower"), GRU(3, name="upper")])
    table = inspect.memory_table(deep, X)
    assert [(row["layer"], row["units"]) for row in table] == [("lower", 2), ("upper", 3)]
    assert all(1 <= row[way] <= 8 for row in table for way in ("gates", "gradient", "measured"))
    with pytest.raises(ValueError, match="at least 2 sequences"):
        inspect.memory_table(model, np.zeros((1, 40, 1)))


def test_clipping_is_recorded_as_it_acted():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1, global_clipnorm=0.5), "mse")
    x, y = X[:, 0] * [[1.0], [0.01], [0.01]], np.eye(3, 2) * [[9.0], [0.0], [0.0]]
    model.fit(x, y, verbose=0, epochs=2)  # a step that was traced without the record
    weights, log = model.get_weights(), inspect.ClippingLog()
    model.fit(x, y, batch_size=1, shuffle=False, verbose=0, callbacks=[log])
    model.set_weights(weights)
    for i in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(x[i : i + 1]) - y[i : i + 1]) ** 2)
        gradients = tape.gradient(loss, [w.value for w in model.trainable_variables])
        clipped, norm = clip_by_global_norm(gradients, 0.5)
        assert log.before[i] == pytest.approx(float(norm), rel=1e-4)
        assert log.after[i] == pytest.approx(min(float(norm), 0.5), rel=1e-4)
        for weight, d in zip(model.trainable_variables, clipped):
            weight.assign_sub(0.1 * d)
    assert log.share_clipped == pytest.approx(sum(n > 0.5 for n in log.before) / 3)
    assert 0 < log.share_clipped < 1
    model.fit(x, y, verbose=0)
    assert len(log.before) == 3


def test_nearest_and_projector_files(tmp_path):
    vectors = [[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [-1.0, 0.0]]
    found = inspect.nearest(vectors, ["a", "b", "\t", ""], "a", 2)
    assert [label for label, _ in found] == ["b", "\t"]
    assert found[0][1] == pytest.approx(2 / np.hypot(2, 0.1)) and found[1][1] == 0
    with pytest.raises(ValueError, match="`query` must be one of the 4 labels, got 'c'"):
        inspect.nearest(vectors, ["a", "b", "\t", ""], "c")
    inspect.write_projector(tmp_path / "new", vectors, ["a", "b", "\t", ""])
    read = np.loadtxt(tmp_path / "new" / "vectors.tsv", delimiter="\t")
    np.testing.assert_allclose(read, vectors)
    names = (tmp_path / "new" / "metadata.tsv").read_text("utf-8").splitlines()
    assert names == ["a", "b", "\\t", "(empty)"]
    with pytest.raises(ValueError, match=r"got \(4, 2\) and 1 labels"):
        inspect.write_projector(tmp_path, vectors, ["a"])


@pytest.mark.slow
def test_projections_keep_what_they_promise():
    rng = np.random.default_rng(0)
    plane, basis = rng.normal(size=(9, 2)), np.linalg.qr(rng.normal(size=(6, 2)))[0]
    path = inspect.project(plane @ basis.T + 5)
    distances = [np.linalg.norm(a[:, None] - a[None], axis=-1) for a in (plane, path)]
    np.testing.assert_allclose(*distances, atol=1e-9)
    groups = np.repeat([[0.0] * 6, [50.0] * 6], 6, axis=0) + rng.normal(size=(12, 6))
    found = inspect.project(groups, "tsne")
    within = np.linalg.norm(found[:6] - found[:6].mean(0), axis=1).max()
    assert np.linalg.norm(found[:6].mean(0) - found[6:].mean(0)) > within
    for wrong, message in ((("umap",), "'pca' or 'tsne', got 'umap'"), ((), "n > 2")):
        with pytest.raises(ValueError, match=message):
            inspect.project(plane if wrong else plane[:2], *wrong)


def test_the_unit_that_follows_a_signal_is_found():
    rng = np.random.default_rng(0)
    signal = rng.integers(0, 2, (4, 50))
    states = rng.normal(size=(4, 50, 8))
    states[..., 3] = -2.0 * signal + 1
    states[..., 5] = 7.0  # constant
    (unit, r), *others = inspect.correlated_units(states, signal, 8)
    assert unit == 3 and r == pytest.approx(-1)
    assert others[0][1] == pytest.approx(
        np.corrcoef(states[..., others[0][0]].ravel(), signal.ravel())[0, 1]
    )
    assert others[-1] == (5, 0.0)
    for wrong, message in ((signal[:2], "must have shape"), (signal * 0, "must vary")):
        with pytest.raises(ValueError, match=message):
            inspect.correlated_units(states, wrong)
