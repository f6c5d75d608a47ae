"""Each classical leak, injected into an honest pipeline, sets off its alarm; nothing else does."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from apps.stock import data, leaks
from apps.stock.config import StockConfig
from apps.stock.metrics import Forecasts, Truth, per_step

CONFIG = StockConfig(lookback=20, horizon=3, columns=("open", "volume"))


def prices(seed=0, n=600):
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(0.01 * rng.normal(size=n)))
    return pd.DataFrame({
        "date": pd.date_range("2020-01-01", periods=n, freq="B"),
        "open": np.append(100, close[:-1]) * np.exp(0.002 * rng.normal(size=n)),
        "close": close,
        "volume": np.exp(10 + rng.normal(size=n)),
    })  # fmt: skip


@pytest.fixture
def load(tmp_path):
    def load(frame, **options):
        frame.to_csv(tmp_path / "a.csv", index=False)
        config = replace(CONFIG, data=str(tmp_path / "a.csv"), **options)
        return config, data.load(config)

    return load


@pytest.mark.parametrize("seed", range(3))
def test_the_honest_pipeline_is_silent(load, seed):
    frame = prices(seed)
    frame.loc[30:33, "close"] = np.nan
    for options in ({}, {"reach_back": True}, {"scaling": "train"}, {"stride": 4}):
        config, loaded = load(frame, **options)
        assert leaks.check_data(config, loaded, loaded.statistics) == []


@pytest.mark.parametrize("kind", ["trend", "season", "smooth walk"])
def test_series_that_are_easy_to_forecast_are_no_leak(load, kind):
    t = np.arange(600.0)
    noise = np.random.default_rng(0).normal(size=600)
    noise = np.random.default_rng(0).normal(size=600)
    level = {"trend": t, "season": 9 * np.sin(t / 9), "smooth walk": noise.cumsum().cumsum()}[kind]
    frame = prices().assign(close=level, open=9 * np.cos(t / 9))
    config, loaded = load(frame, scaling="window")
    assert leaks.check_data(config, loaded, loaded.statistics) == []


def test_a_scaler_fitted_on_everything(load):
    config, loaded = load(prices())
    everything = data.statistics(loaded.panel, np.ones(len(loaded.times), bool))
    (alarm,) = leaks.check_data(config, loaded, everything)
    assert alarm.startswith("the scaler was fitted on all rows, not on the training rows")
    with_validation = data.statistics(loaded.panel, loaded.times < loaded.ends[1])
    (alarm,) = leaks.check_data(config, loaded, with_validation)
    assert alarm.startswith("the scaler was fitted on others")


@pytest.mark.parametrize("reach_back", [False, True])
def test_windows_shuffled_before_the_split(load, reach_back):
    config, loaded = load(prices(), reach_back=reach_back)
    starts = np.concatenate(list(loaded.windows.values()))
    shuffled = np.random.default_rng(0).permutation(starts)
    parts = np.split(shuffled, np.cumsum([len(w) for w in loaded.windows.values()])[:-1])
    leaky = replace(loaded, windows=dict(zip(loaded.windows, parts)))
    alarms = leaks.check_data(config, leaky, loaded.statistics)
    assert len(alarms) == 2 and all("as if windows were shuffled" in alarm for alarm in alarms)


def test_a_split_without_its_gap(load):
    config, loaded = load(prices())
    windows = dict(loaded.windows)
    windows["validation"] = np.append(windows["validation"][:1] - 1, windows["validation"])
    leaky = replace(loaded, windows=windows)
    (alarm,) = leaks.check_data(config, leaky, loaded.statistics)
    assert alarm.startswith("1 train windows reach into the validation part or its gap of 3 rows")


def test_many_series_are_split_at_the_same_day(load):
    """Split each at its own 70 %, the younger one's training is in the older one's test."""
    old, young = prices(0), prices(1)
    young["date"] += pd.Timedelta(days=500)
    frame = pd.concat([old.assign(name="old"), young.assign(name="young")])
    config, loaded = load(frame)
    assert leaks.check_data(config, loaded, loaded.statistics) == []
    own = loaded.panel.series * 600
    rows = np.arange(len(own)) - own
    windows = data.split_windows(config, loaded.panel.series, rows, (420, 510, 600))
    alarms = leaks.check_windows(config, windows, loaded.times)
    assert len(alarms) == 2


LEADS = {
    "tomorrow's price": lambda close: close.shift(-1),
    "the price in two days": lambda close: close.shift(-2),
    "tomorrow's return": lambda close: close.pct_change().shift(-1),
    "tomorrow's direction": lambda close: np.sign(close.diff()).shift(-1),
    "tomorrow's price with noise": lambda close: (
        close.shift(-1) * np.exp(0.005 * np.random.default_rng(0).normal(size=len(close)))
    ),
}


@pytest.mark.parametrize("lead", LEADS.values(), ids=LEADS)
def test_the_target_in_the_features(load, lead):
    frame = prices()
    frame["label"] = lead(frame["close"])
    config, loaded = load(frame, columns=("open", "label"))
    alarms = leaks.check_data(config, loaded, loaded.statistics)
    assert alarms and all(a.startswith("column label predicts the change of close") for a in alarms)


def test_a_gap_filled_from_the_future(load):
    frame = prices()
    frame.loc[30:33, "close"] = np.nan
    config, loaded = load(frame)
    for filled in (frame["close"].bfill(), frame["close"].interpolate()):
        values = loaded.panel.values.copy()
        values[:, 0] = filled
        leaky = replace(loaded, panel=replace(loaded.panel, values=values))
        (alarm,) = leaks.check_data(config, leaky, data.statistics(leaky.panel, loaded.times < 420))
        assert alarm.startswith("4 gaps are filled from the future: close of 2020-02-12 is not")


def test_weekends_filled_before_the_file_was_written(load):
    daily = prices().set_index("date").asfreq("D")
    for fill, alarms in (("ffill", 0), ("bfill", 1)):
        config, loaded = load(getattr(daily, fill)().reset_index())
        found = leaks.check_data(config, loaded, loaded.statistics)
        assert len(found) == alarms, found
    assert found == ["gaps are filled from the future: weekends hold the values of Monday"]


def judged(right, n=1000, rises=0.5):
    """Measures of forecasts that have the direction right this often."""
    rng = np.random.default_rng(0)
    actual = np.where(rng.random((n, 1, 1)) < rises, 1.0, -1.0)
    point = np.where(rng.random(actual.shape) < right, actual, -actual)
    truth = Truth(actual, np.zeros((n, 5, 1)), np.ones((n, 1)), np.ones(1), np.arange(n))
    return per_step(Forecasts(point, point[..., None]), truth, (0.5,))


def test_an_implausible_accuracy():
    assert leaks.check_accuracy(judged(0.52), prices=True) == []
    (alarm,) = leaks.check_accuracy(judged(0.62), prices=True)
    assert "implausible, look for a leak" in alarm
    assert leaks.check_accuracy(judged(0.62), prices=False) == []
    assert leaks.check_accuracy(judged(0.62, n=20), prices=True) == []  # luck
    assert leaks.check_accuracy(judged(0.62, rises=0.66), prices=True) == []  # a market that rises
