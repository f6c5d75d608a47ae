"""A series that is no price and never negative: its limit, its card, its charts."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from apps import runner
from apps.common.errors import InputError
from apps.common.run import Run
from apps.stock import data, evaluate, export, forecast, train
from apps.stock.config import StockConfig
from apps.stock.model import ForecasterGraph, build
from apps.stock.panel import are_prices
from apps.stock.scaling import Scaling

SMALL = (
    ["tiny", "--epochs", "1", "--units", "4", "--lookback", "12", "--horizon", "3", "--target"]
    + ["rain", "--scaling", "window", "--batch-size", "16", "--split", "0.5", "0.75", "1"]
)  # fmt: skip
STATISTICS = {"mean": [1.0, 0.0], "std": [5.0, 5.0], "floor": [1.0, 1.0], "change": [1.0, 1.0]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on days of rain, mostly none, with the temperature."""
    root = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    rain = np.maximum(0, rng.normal(-1, 4, 160)).round(1)
    frame = pd.DataFrame({"Rain": rain, "Temp": rng.normal(5, 9, 160)})
    frame.insert(0, "Date", pd.date_range("2024-01-01", periods=160).strftime("%d.%m.%Y"))
    frame.to_csv(root / "rain.csv", sep=";", decimal=",", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNN_KERAS_RUNS", str(root))
        with patch.context() as alone:
            alone.setattr(runner, "export", lambda task, run: None)
            train.main([*SMALL, "--data", str(root / "rain.csv"), "--run", "rain"])
        yield Run.open("stock", "rain")


@pytest.mark.slow
def test_both_exports_forecast_nothing_below_the_minimum(run, tmp_path, capsys):
    export.export(run)
    for source in ("saved_model", "litert"):
        output = tmp_path / source
        forecast.main([str(run), "--from", source, "--output", str(output)])
        quantiles = pd.read_csv(f"{output}.csv").filter(like="q").to_numpy()
        assert quantiles.min() == 0 < quantiles.max()
    assert json.loads((run.path / "export.json").read_text())["minimum"] == [0.0]
    assert "financial" not in capsys.readouterr().out


def test_no_word_of_finance_where_there_are_no_prices(run):
    card = run.card.read_text("utf-8")
    assert "forecasts of rain are at least 0, as are the training rows" in card
    assert "read with the decimal sign ',' and the delimiter ';'" in card
    assert not [word for word in ("financ", "price", "trading") if word in card.lower()]
    assert are_prices(["volume", "adj_close"]) and not are_prices(["rain", "volume", "temp"])


def test_a_run_of_before_has_no_minimum(run):
    """Its configuration and its scaling do not know of one, and its figures stay."""
    values = json.loads(run.config_file.read_text())
    for name in ("minimum", "delimiter", "decimal"):
        del values["config"][name]
    run.write_json("config.json", values)
    assert run.read_config(StockConfig).minimum == "auto"
    old = Scaling("window", True, 1, STATISTICS).get_config()
    del old["minimum"]
    assert Scaling.from_config(old).minimum == [None]
    evaluate.evaluate(run)


def test_every_target_has_its_own_minimum(tmp_path):
    config = StockConfig(lookback=12, horizon=4, units=4, scaling="train", target="all")
    made = build(config, 2, 2, STATISTICS, minimum=[0.0, None])
    made.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras", compile=False)
    window = np.random.default_rng(0).uniform(0, 0.1, (3, 12, 2)).astype("float32")
    found = ForecasterGraph(config, loaded).forecast(window)["quantiles"].numpy()
    assert found.shape == (3, 4, 2, 5)
    assert (found[:, :, 0, 0] == 0).all() and (found[:, :, 1, 0] < 0).all()
    assert (np.diff(found) >= 0).all()
    np.testing.assert_array_equal(ForecasterGraph(config, loaded).trained(window), made(window))


@pytest.mark.parametrize(
    "minimum, scaling, wanted",
    [("auto", "train", [0.0, None]), ("none", "train", [None, None]), (-9, "window", [-9, -9])]
    + [("auto", "returns", [None, None])],
)  # fmt: skip
def test_the_minimum_is_found_in_the_training_rows_alone(tmp_path, minimum, scaling, wanted):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.uniform(1, 2, 200), "b": rng.uniform(1, 2, 200)})
    if scaling != "returns":
        frame.loc[180, "a"] = -5.0  # in the test part
        frame.loc[10, "b"] = -0.5
    frame.to_csv(tmp_path / "a.csv", index=False)
    config = StockConfig(
        data=str(tmp_path / "a.csv"), target="all", lookback=6, horizon=2, scaling=scaling,
        minimum=minimum,
    )  # fmt: skip
    found = data.load(config)
    assert found.minimum == wanted
    notes = data.minimum_notes(found.panel, found.minimum)
    if wanted[0] == 0:
        assert notes == [
            "forecasts of a are at least 0, as are the training rows, but 1 later values are not; "
            "--minimum none removes the limit"
        ]
    if minimum == -9:
        with pytest.raises(InputError, match="--minimum must be at most -0.5, the lowest b of the"):
            data.minimum(StockConfig(minimum=1), found.panel, found.times < 140)


def test_the_last_window_is_drawn_with_little_history(run):
    """The legend is below the axes, and the two bands differ in colour."""
    picture = np.asarray(Image.open(run.plots / "test.png").convert("RGB"))
    for shade in ((0xD4, 0xE4, 0xF2), (0x9C, 0xC3, 0xE2)):
        rows = np.flatnonzero((picture == shade).all(axis=2).any(axis=1))
        assert rows.max() > 0.9 * len(picture) and rows.min() < 0.8 * len(picture)
