"""Every plan of the time loop computes the same; which one runs can be asked and forced."""

import contextlib

import keras
import numpy as np
import pytest

from rnn_keras.layers import GRU, LSTM, GRUCell, explain, record_gates, use_plan
from rnn_keras.layers.plans import PLANS
from tests.layers.cases import ALL, CELLS, VARIANTS, normal, parametrise, randomise
from tests.layers.cases import GRU as GRU_CASE
from tests.layers.cases import LSTM as LSTM_CASE
from tests.layers.cases import values_and_gradients as differentiate

BATCH, TIME, INPUTS, UNITS = 3, 4, 2, 5
X = normal(1, BATCH, TIME, INPUTS)
WITHOUT_RECURRENT_DROPOUT = ("projected_lstm", "min_gru", "min_lstm")
MASK = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]], bool)


@pytest.mark.parametrize(
    "go_backwards",
    [
        pytest.param(False, id="forwards", marks=pytest.mark.slow),
        pytest.param(True, id="backwards"),
    ],
)
@parametrise(ALL + VARIANTS + CELLS, quick=ALL)
def test_the_plans_agree(case, go_backwards):
    layer = case.layer(
        UNITS, return_sequences=True, return_state=True, go_backwards=go_backwards, dtype="float64"
    )
    randomise(layer, INPUTS)
    state = case.state(BATCH, UNITS)
    values, gradients = differentiate(layer, X, state, MASK, training=True)
    for plan in PLANS:
        with use_plan(plan):
            if plan == "litert":  # has no gradient
                others = [(layer(X, initial_state=state, mask=MASK), values)]
            else:
                found = differentiate(layer, X, state, MASK)
                others = [(found[0], values), (found[1], gradients)]
        for results, expected in others:
            for a, b in zip(results, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


@parametrise(
    [case for case in ALL + CELLS if case.name not in WITHOUT_RECURRENT_DROPOUT],
    quick=[LSTM_CASE],
)
def test_recurrent_dropout_in_the_fast_loop(case):
    """The masks are those of Keras's loop, and so are values and gradients."""
    found = []
    for plan in ("reference", "fused"):
        layer = case.layer(
            UNITS, return_sequences=True, recurrent_dropout=0.4, seed=3, dtype="float64"
        )
        with use_plan(plan):
            found.append(differentiate(randomise(layer, INPUTS), X, None, MASK, training=True))
    for ours, expected in zip(*found, strict=True):
        for a, b in zip(ours, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


@parametrise(ALL, quick=ALL[-1:])
def test_weight_drop(case):
    """One mask for the batch, the same in both loops; without it in inference."""
    found, options = [], {"return_sequences": True, "seed": 3, "dtype": "float64"}
    for plan in ("reference", "fused"):
        layer = randomise(case.layer(UNITS, weight_drop=0.4, **options), INPUTS)
        with use_plan(plan):
            found.append(differentiate(layer, X, None, MASK, training=True))
    plain = randomise(case.layer(UNITS, **options), INPUTS)
    np.testing.assert_array_equal(layer(X), plain(X))
    layer.cell.seed_generator.state.assign(plain.cell.seed_generator.state)
    dropped = layer.cell.loop_weights(training=True)
    assert any(np.mean(np.asarray(W) == 0) > 0.1 for W in dropped)
    plain.cell.split_weights = lambda: dropped
    np.testing.assert_allclose(plain(X, mask=MASK), found[1][0][0], rtol=0, atol=1e-10)
    for ours, expected in zip(*found, strict=True):
        for a, b in zip(ours, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


def alternating(X, sizes, rates, seed):
    """Zoneout of every second unit, in place of `draw_zoneout`."""
    return tuple(keras.ops.zeros_like(X[..., :1]) + np.arange(size) % 2 for size in sizes)


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(
    "case, zoneout",
    [(LSTM_CASE, (0.5, 0.25)), pytest.param(GRU_CASE, 0.4, marks=pytest.mark.slow)],
    ids=["lstm", "gru"],
)
def test_zoneout(case, zoneout, training, monkeypatch):
    """A state moves by a part of what its step gives; in training a part of the units does."""
    monkeypatch.setattr("rnn_keras.layers.cell.draw_zoneout", alternating)
    options = {"zoneout": zoneout, "recurrent_dropout": 0.4 * training, "seed": 3}
    layer = case.layer(UNITS, return_sequences=True, dtype="float64", **options)
    values, gradients = differentiate(randomise(layer, INPUTS), X, None, MASK, training=training)
    for plan in ("reference",) if training else ("reference", "graph"):
        again = case.layer(UNITS, return_sequences=True, dtype="float64", **options)
        with use_plan(plan):
            found = differentiate(randomise(again, INPUTS), X, None, MASK, training=training)
        for ours, expected in zip(found, (values, gradients), strict=True):
            for a, b in zip(ours, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)

    if training:
        assert np.all(values[0][..., 1::2] == 0) and np.any(values[0][..., ::2] != 0)
        return
    plain = case.cell(UNITS, dtype="float64")
    plain.build((None, INPUTS))
    plain.set_weights(layer.get_weights()[:3])
    rates = zoneout if isinstance(zoneout, tuple) else (zoneout,)
    state = [np.zeros((1, UNITS)) for _ in rates]
    for t in range(TIME):
        _, new = plain(X[:1, t], state)
        state = [D * old + (1 - D) * np.asarray(H) for D, old, H in zip(rates, state, new)]
    np.testing.assert_allclose(values[0][0, -1], state[0][0], atol=1e-10)


def test_zoneout_is_drawn_with_its_rate():
    layer = LSTM(UNITS, zoneout=(0.2, 0.7), seed=1)
    H, C = layer.cell.zoneout_masks(np.zeros((200, 10, INPUTS), "float32"), training=True)
    for mask, rate in ((H, 0.2), (C, 0.7)):
        assert mask.shape == (200, 10, UNITS) and set(np.unique(mask)) == {0, 1}
        assert abs(np.mean(mask) - rate) < 0.02


@pytest.mark.parametrize("zoneout", [1.0, -0.1, "much", (0.1,), (0.1, 2.0)])
def test_a_wrong_rate_of_zoneout_is_named(zoneout):
    with pytest.raises(ValueError, match="`zoneout` must be a number"):
        LSTM(UNITS, zoneout=zoneout)


def test_explain_names_the_plan_of_each_layer():
    model = keras.Sequential(
        [
            keras.Input((TIME, INPUTS)),
            GRU(UNITS, return_sequences=True, unroll=True, name="unrolled"),
            keras.layers.Bidirectional(LSTM(UNITS), name="both"),
        ]
    )
    lines = explain(model).splitlines()
    assert len(lines) == 3  # one layer, and two directions
    assert all("fused" in line for line in lines)
    assert "unrolled" in lines[0] and "unroll=True has no effect" in lines[0]
    with use_plan("reference"):
        assert explain(model).count("use_plan('reference')") == 3


def test_an_unknown_plan_and_a_model_without_layers_are_named():
    with pytest.raises(ValueError, match="plan.*fused.*'turbo'"), use_plan("turbo"):
        pass
    with pytest.raises(ValueError, match="dense"):
        explain(keras.layers.Dense(1, name="dense"))


class DoublingCell(GRUCell):
    """A `call` of its own, around the textbook one."""

    def call(self, inputs, states, training=False):
        output, states = super().call(inputs, states, training=training)
        return 2 * output, states


class DoublingGRU(GRU):
    cell_class = DoublingCell


@pytest.mark.parametrize("plan", [None, *PLANS])
def test_a_call_of_the_cells_own_is_run_by_every_plan(plan):
    made = (make(UNITS, return_sequences=True) for make in (DoublingGRU, GRU))
    layer, plain = (randomise(layer, INPUTS) for layer in made)
    with contextlib.nullcontext() if plan is None else use_plan(plan):
        np.testing.assert_allclose(layer(X), 2 * plain(X), rtol=0, atol=1e-5)
        text = explain(layer)
        assert text.count("reference plan") == 1
        assert plan == "reference" or "DoublingCell has its own `call`" in text


def test_gates_of_a_call_of_the_cells_own_are_refused():
    with pytest.raises(ValueError, match="DoublingCell has its own `call`"), record_gates():
        DoublingGRU(UNITS)(X)


def test_a_step_that_is_replaced_later_is_run():
    layer = randomise(GRU(UNITS, dtype="float64"), INPUTS)
    layer(X)
    layer.cell.step = lambda x, state, weights, affine: (state[0] + 1,)
    np.testing.assert_array_equal(layer(X), np.full((BATCH, UNITS), TIME))
    with record_gates() as seen:
        layer(X)
    (recorded,) = seen.values()
    np.testing.assert_array_equal(recorded["H"][:, -1], np.full((BATCH, UNITS), TIME))
