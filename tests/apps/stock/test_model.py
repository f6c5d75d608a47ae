"""Scaling and networks: raw prices in, ordered quantiles out, persistence to begin with."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import mean_pinball_loss

from apps.common.errors import InputError
from apps.common.run import Run
from apps.stock.config import StockConfig
from apps.stock.decoders import Autoregressive, Direct, MonotonicQuantiles, Segments
from apps.stock.model import ForecasterGraph, MeanSquared, Pinball, build, load
from apps.stock.scaling import Scaling
from rnn_keras.export import write_litert
from rnn_keras.layers import gru_reset_after_step, use_plan
from tests.variants import variants

CONFIG = StockConfig(lookback=12, horizon=4, units=6, segment=4, dropout=0.0)
STATISTICS = {
    "mean": [50.0, 1e6],
    "std": [10.0, 2e5],
    "floor": [5.0, 1e3],
    "change": [0.02, 0.3],
}
SMALL = {"mean": [0.0], "std": [1e-6], "floor": [1e-9], "change": [0.02]}  # below any price
MODELS = {
    "direct": {},
    "deep lstm of two columns": {"cell": "lstm", "layers": 2},
    "autoregressive": {"model": "autoregressive", "cell": "lstm", "layers": 2},
    "vanilla, by the window": {"cell": "vanilla", "scaling": "window"},
    "segment": {"model": "segment", "scaling": "window"},
    "segment and line": {
        "model": "segment",
        "scaling": "train",
        "column_embedding": False,
        "linear_penalty": 0.1,
    },
    "segment, by the training rows": {"model": "segment", "scaling": "train"},
    "mean": {"loss": "mse", "scaling": "train", "residual": False},
}


def windows(n=5, columns=1, seed=0, rows=12):
    rng = np.random.default_rng(seed)
    price = 50 * np.exp(np.cumsum(0.02 * rng.normal(size=(n, rows, columns)), axis=1))
    return (price * [1, 2e4][:columns]).astype("float32")


def forecaster(columns=1, targets=1, seed=None, **options):
    """With a seed, a model whose output layer is no longer at its start."""
    config = replace(CONFIG, **options)
    model = build(config, columns, targets, STATISTICS)
    if seed is not None:
        rng = np.random.default_rng(seed)
        for weight in model.trainable_variables:
            if "head" in weight.path:
                weight.assign(rng.normal(size=weight.shape))
    return ForecasterGraph(config, model)


@pytest.fixture(autouse=True)
def quick():
    """For models this small, compiling would take longest."""
    with use_plan("graph"):
        yield


@pytest.mark.parametrize("options", variants(MODELS, ("direct", "segment and line")))
def test_raw_windows_in_ordered_quantiles_in_prices_out(options):
    columns = 2 if options.get("layers") == 2 else 1
    window = windows(columns=columns)
    quantiles = forecaster(columns, seed=1, **options).forecast(window)["quantiles"].numpy()
    levels = 1 if options.get("loss") == "mse" else 5
    assert quantiles.shape == (5, 4, levels) and np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    assert 10 < np.median(quantiles) < 250  # prices, not network units


@pytest.mark.parametrize("options", variants(MODELS, ("autoregressive", "segment")))
def test_untrained_it_is_persistence(options):
    if not options.get("residual", True):
        pytest.skip("it does not start from the last value")
    columns = 2 if options.get("layers") == 2 else 1
    window = windows(columns=columns)
    quantiles = forecaster(columns, **options).forecast(window)["quantiles"].numpy()
    last = np.repeat(window[:, -1:, 0], 4, axis=1)
    np.testing.assert_allclose(quantiles[..., quantiles.shape[-1] // 2], last, rtol=1e-5)


@given(hnp.arrays("float32", (3, 2, 5), elements=st.floats(-40, 40, width=32)), st.integers(0, 4))
def test_quantiles_never_cross_and_the_point_stays(outputs, point):
    ordered = MonotonicQuantiles(point)(outputs).numpy()
    assert (np.diff(ordered, axis=-1) >= 0).all()
    np.testing.assert_array_equal(ordered[..., point], outputs[..., point])
    up = ordered[..., point + 1 :] - ordered[..., point:-1]
    np.testing.assert_allclose(up, np.logaddexp(0, outputs[..., point + 1 :]), atol=1e-3)


def test_outputs_of_zero_are_the_spread():
    spread = [[-1.5, -0.5, 0.1, 0.6, 1.7], [-2.0, -1.0, -0.2, 1.0, 3.0]]
    start = MonotonicQuantiles(2, spread)(np.zeros((1, 2, 1, 5), "float32")).numpy()[0, :, 0]
    wanted = np.array(spread)
    wanted[:, 2] = 0
    np.testing.assert_allclose(start, wanted, atol=1e-6)


def test_pinball_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    y, q = rng.normal(size=(8, 3, 1)), rng.normal(size=(8, 3, 1, 2))
    wanted = np.mean([
        mean_pinball_loss(y.ravel(), q[..., j].ravel(), alpha=a) for j, a in enumerate((0.1, 0.5))
    ])  # fmt: skip
    assert float(Pinball((0.1, 0.5))(y, q)) == pytest.approx(wanted, rel=1e-6)
    assert float(MeanSquared()(y, q[..., :1])) == pytest.approx(np.mean((y - q[..., 0]) ** 2))


KINDS = [("returns", True), ("window", True), ("window", False), ("train", True), ("train", False)]


@pytest.mark.parametrize("kind, residual", KINDS)
@settings(max_examples=10)
@given(st.integers(0, 99), st.floats(1e-3, 1e5))
def test_unscale_undoes_scale_and_keeps_the_order(kind, residual, seed, price):
    scaling = Scaling(kind, residual, 1, SMALL)
    window, future = windows(2, seed=seed) * price, windows(2, seed=seed + 1, rows=4) * price
    z = scaling.scale(window, future)
    unit = np.abs(future).max() + np.abs(window).max()
    np.testing.assert_allclose(scaling.unscale(window, z), future, rtol=1e-4, atol=1e-5 * unit)
    rising = np.sort(np.random.default_rng(seed).normal(size=(2, 4, 1, 5)).astype("float32"))
    assert (np.diff(scaling.unscale(window, rising), axis=-1) >= 0).all()


@pytest.mark.parametrize("kind", ["returns", "window"])
def test_the_price_level_does_not_matter(kind):
    scaling = Scaling(kind, True, 1, SMALL)
    window, future = windows(), windows(rows=4)
    for price in (0.01, 1000.0):
        np.testing.assert_allclose(scaling(window * price), scaling(window), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(
            scaling.scale(window * price, future * price), scaling.scale(window, future), rtol=1e-3,
            atol=1e-4,
        )  # fmt: skip


def test_flat_windows_and_zeros_stay_finite():
    for kind, residual in KINDS:
        scaling = Scaling(kind, residual, 1, STATISTICS)
        flat = np.full((1, 12, 2), 50.0, "float32")
        flat[:, :, 1] = 0.0  # a volume of nothing
        assert np.isfinite(scaling(flat)).all()
        future = np.full((1, 4, 1), 51.0, "float32")
        assert np.isfinite(scaling.scale(flat, future)).all()
        np.testing.assert_allclose(
            scaling.unscale(flat, scaling.scale(flat, future)), future, rtol=1e-5
        )


def test_a_random_walk_has_variance_one_at_every_step():
    rng = np.random.default_rng(0)
    walk = np.exp(np.cumsum(0.02 * rng.normal(size=(4000, 80, 1)), axis=1)).astype("float32")
    scaling = Scaling(
        "returns", True, 1, {n: [v[0]] for n, v in STATISTICS.items()} | {"floor": [1e-9]}
    )
    z = scaling.scale(walk[:, :60], walk[:, 60:]).numpy()
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.07)


def test_segments_by_the_equations():
    """The decoder's step, written out in NumPy for one window of two columns."""
    layer = Segments(segment=4, units=6, dropout=0.0, horizon=7, outputs=2)
    x = np.random.default_rng(0).normal(size=(3, 12, 2)).astype("float32")
    layer.build(x.shape)
    layer.head.kernel.assign(np.random.default_rng(1).normal(size=(6, 8)))
    found = layer(x).numpy()
    W, b = (v.numpy() for v in layer.project.variables)
    W_x, W_h, biases = (v.numpy() for v in layer.gru.trainable_variables)
    W_q, b_q = (v.numpy() for v in layer.head.variables)

    def affine(addend, operand, W):
        return addend + operand @ W

    def step(X, H):
        x = np.split(X @ W_x + biases[0], 3, axis=-1)
        (H,) = gru_reset_after_step(x, (H,), (W_h, biases[1]), affine)
        return np.asarray(H)

    for window in range(3):
        for column in range(2):
            H = np.zeros((1, 6), "float32")
            for segment in x[window, :, column].reshape(3, 1, 4):
                H = step(np.maximum(segment @ W + b, 0), H)
            pieces = []
            for piece in range(2):
                where = np.concatenate([layer.position[piece], layer.column[column]])[None]
                pieces.append((step(where, H) @ W_q + b_q).reshape(4, 2))
            wanted = np.concatenate(pieces)[:7]
            np.testing.assert_allclose(found[window, :, column], wanted, atol=1e-5)


def test_autoregressive_reads_its_own_point():
    layer = Autoregressive("gru", 1, 5, 0.0, horizon=3, targets=1, outputs=3, point=1)
    x = windows(2)
    layer.build(x.shape)
    layer.head.kernel.assign(np.random.default_rng(0).normal(size=(5, 3)))
    found = layer(x).numpy()
    H, forecast = layer.encoder(x)[0], np.zeros((2, 1), "float32")
    for step in range(3):
        H, _ = layer.cells[0](forecast, [H])
        output = layer.head(H).numpy()
        np.testing.assert_allclose(found[:, step, 0], output, atol=1e-6)
        forecast = output[:, 1:2]


def test_the_linear_map_stands_beside_the_segments():
    x = np.random.default_rng(0).normal(size=(2, 12, 3)).astype("float32")
    layer = Segments(4, 6, 0.0, horizon=5, outputs=1, column_embedding=False, linear_penalty=0.1)
    assert not layer(x).numpy().any() and layer.losses == []
    W = np.random.default_rng(1).normal(size=(12, 5)).astype("float32")
    layer.linear.kernel.assign(W)
    np.testing.assert_allclose(
        layer(x).numpy()[..., 0], np.einsum("btc,th->bhc", x, W), atol=1e-5
    )  # fmt: skip
    layer(x, training=True)
    assert float(layer.losses[0]) == pytest.approx(0.1 * np.square(W).sum(), rel=1e-5)


def test_columns_of_segments_do_not_see_each_other():
    layer = Segments(segment=4, units=6, dropout=0.0, horizon=4, outputs=1)
    x = np.random.default_rng(0).normal(size=(2, 12, 3)).astype("float32")
    layer.build(x.shape)
    layer.head.kernel.assign(np.random.default_rng(1).normal(size=(6, 4)))
    before = layer(x).numpy()
    x[:, :, 1] += 1
    after = layer(x).numpy()
    np.testing.assert_array_equal(before[:, :, [0, 2]], after[:, :, [0, 2]])
    assert (before[:, :, 1] != after[:, :, 1]).any()


@pytest.mark.parametrize(
    "name",
    variants(
        ["deep lstm of two columns", "autoregressive", "segment and line"], ["autoregressive"]
    ),
)
def test_a_saved_model_is_the_same(name, tmp_path):
    options = MODELS[name]
    made = forecaster(1, seed=2, **options)
    made.trained.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras", compile=False)
    window = windows()
    np.testing.assert_allclose(loaded(window), made.trained(window), rtol=1e-6)


@pytest.mark.slow
def test_every_decoder_is_litert_builtins(tmp_path):
    """For one window and for several; the values are compared when it is written."""
    made = {
        name: forecaster(seed=3, **MODELS[name]) for name in ("autoregressive", "segment and line")
    }
    report = write_litert(
        {name: each.forecast for name, each in made.items()},
        [each.trained for each in made.values()],
        tmp_path / "a.tflite",
        examples=dict.fromkeys(made, [{"window": windows(1)}, {"window": windows(5)}]),
    )
    assert max(report.differences.values()) < 1e-3


@pytest.mark.parametrize("model", variants(["direct", "autoregressive", "segment"], ["direct"]))
def test_a_run_trained_in_low_precision_is_loaded_in_float32(model, tmp_path):
    config = replace(CONFIG, model=model, scaling="window", dtype_policy="mixed_bfloat16")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        trained = build(config, 1, 1, STATISTICS)
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(0)
    trained.set_weights([0.3 * rng.normal(size=w.shape) for w in trained.get_weights()])
    run = Run.create("stock", config, root=tmp_path)
    trained.save(run.best)
    loaded = load(run).model
    layers = loaded._flatten_layers()
    assert {layer.compute_dtype for layer in layers if layer.weights} == {"float32"}
    exact, rough = loaded(windows()).numpy(), trained(windows()).numpy()
    np.testing.assert_allclose(exact, rough, atol=0.1)
    assert (exact != rough).any()


def test_layers_know_their_configuration():
    for layer in (
        Direct("gru", 2, 4, 0.1, 3, 1, 5),
        Segments(4, 6, 0.1, 7, 2),
        MonotonicQuantiles(1, [[0.0, 1.0]]),
    ):
        assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"quantiles": (0.1, 0.9)}, "--quantiles must be rising numbers .* 0.5 among them"),
        ({"quantiles": (0.5, 0.1)}, "--quantiles"),
        ({"split": (0.7, 0.6, 1.0)}, "--split must be three rising parts"),
        ({"split": (0.5, 70.0, 80.0)}, "--split"),
        ({"residual": False}, "--residual must be on with --scaling returns"),
        ({"model": "segment"}, "--scaling must be window or train with --model segment"),
        ({"model": "segment", "scaling": "window", "lookback": 13}, "--lookback must be a multip"),
        ({"model": "autoregressive", "horizon": 101}, "--horizon must be at most 100"),
        ({"target": "all", "columns": ("open",)}, "--columns must be left out with --target all"),
        ({"linear_penalty": 0.1}, "--linear-penalty must be left out without segments"),
        ({"lookback": 1}, "--lookback must be at least 2"),
        ({"season": 0}, "--season must be a positive integer"),
        ({"scaling": "minmax"}, "--scaling must be returns or window or train, got 'minmax'"),
    ],
)
def test_settings_that_contradict_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        replace(CONFIG, **options)
