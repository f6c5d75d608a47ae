"""The measures against their definitions, the test against chance, the baselines against data."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_pinball_loss

from apps.stock.baselines import LINEAR, PERSISTENCE, baselines
from apps.stock.config import StockConfig
from apps.stock.metrics import Comparison, Forecasts, Truth, diebold_mariano, nearest_lag, per_step
from apps.stock.report import summary, verdict
from apps.stock.scaling import Scaling

LEVELS = (0.1, 0.5, 0.9)


def truth(actual, last=0.0, naive=1.0, unit=1.0):
    n, _, targets = actual.shape
    return Truth(
        actual=actual,
        recent=np.full((n, 5, targets), last),
        naive=np.full((n, targets), naive),
        unit=np.full(targets, unit),
        times=np.arange(n),
    )


def test_measures_by_their_definitions():
    rng = np.random.default_rng(0)
    actual = rng.normal(size=(40, 3, 2))
    quantiles = np.sort(rng.normal(size=(40, 3, 2, 3)), axis=-1)
    point = quantiles[..., 1]
    found = per_step(Forecasts(point, quantiles), truth(actual, naive=2.0, unit=4.0), LEVELS)
    error = np.abs(point - actual)
    np.testing.assert_allclose(found["mae"], error.mean(axis=(0, 2)) / 4)
    np.testing.assert_allclose(found["rmse"], np.sqrt((error**2).mean(axis=(0, 2))) / 4)
    np.testing.assert_allclose(found["mase"], error.mean(axis=(0, 2)) / 2)
    for step in range(3):
        pinball = np.mean([
            mean_pinball_loss(actual[:, step].ravel(), quantiles[:, step, :, j].ravel(), alpha=a)
            for j, a in enumerate(LEVELS)
        ])  # fmt: skip
        assert found["pinball"][step] == pytest.approx(pinball / 4)
        right = (np.sign(point[:, step]) == np.sign(actual[:, step])).mean()
        assert found["rises"][step] == pytest.approx((actual[:, step] > 0).mean())
        assert found["direction"][step] == pytest.approx(right)
        trials = 40 // (step + 1)
        interval = stats.binomtest(round(right * trials), trials).proportion_ci(method="wilson")
        assert found["direction_low"][step] == interval.low
        assert found["direction_high"][step] == interval.high
    inside = (quantiles[..., 0] <= actual) & (actual <= quantiles[..., 2])
    np.testing.assert_allclose(found["coverage"], inside.mean(axis=(0, 2)))
    figures = summary(found)
    assert figures["mse"] == pytest.approx((error**2).mean() / 16)
    assert figures["rmse"] == pytest.approx(np.sqrt((error**2).mean()) / 4)
    assert figures["direction"] == found["direction"][0]


def test_persistence_says_no_direction():
    actual = np.random.default_rng(0).normal(size=(9, 2, 1))
    found = per_step(
        Forecasts(np.zeros_like(actual), np.zeros((9, 2, 1, 1))), truth(actual), (0.5,)
    )
    assert all(math.isnan(value) for value in found["direction"])
    assert "direction" not in summary(found) and "coverage" not in found


def test_many_series_on_one_day_are_one_trial():
    rng = np.random.default_rng(0)
    actual = rng.normal(size=(400, 1, 1))
    one = truth(actual)
    many = Truth(**{**vars(one), "times": np.repeat(np.arange(20), 20)})
    forecasts = Forecasts(rng.normal(size=(400, 1, 1)), np.zeros((400, 1, 1, 1)))
    widths = [
        found["direction_high"][0] - found["direction_low"][0]
        for found in (per_step(forecasts, t, (0.5,)) for t in (one, many))
    ]
    assert widths[1] > 3 * widths[0]


@pytest.mark.parametrize("horizon", [1, 5])
def test_diebold_mariano_is_wrong_as_often_as_it_says(horizon):
    """Equal models of errors that overlap: about 5 % of p-values are below 0.05."""
    rng = np.random.default_rng(0)
    kernel = np.ones(horizon)
    losses = np.abs(
        [[np.convolve(rng.normal(size=200 + horizon - 1), kernel, "valid") for _ in range(2)]
         for _ in range(1000)]
    )  # fmt: skip
    found = [diebold_mariano(a, b, np.arange(200), horizon).p for a, b in losses]
    assert 0.03 < np.mean(np.array(found) < 0.05) < 0.1


def test_diebold_mariano_without_autocorrelation_is_the_paired_t_test():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 5000))
    found = diebold_mariano(a, b, np.arange(5000), 1)
    assert found.statistic == pytest.approx(stats.ttest_rel(a, b).statistic, abs=0.1)
    assert diebold_mariano(a, a, np.arange(5000), 1).p == 1.0
    worse = diebold_mariano(a + 1 + 0.1 * b, a, np.arange(5000), 1)
    assert worse.statistic > 10 and worse.p < 1e-6


def test_diebold_mariano_counts_a_day_once():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 100))
    once = diebold_mariano(a, b, np.arange(100), 1)
    often = diebold_mariano(np.tile(a, 9), np.tile(b, 9), np.tile(np.arange(100), 9), 1)
    assert often.statistic == pytest.approx(once.statistic)


def walk(n=300, seed=0, horizon=2):
    series = np.cumsum(np.random.default_rng(seed).normal(size=n + 5 + horizon))
    recent = np.lib.stride_tricks.sliding_window_view(series, 5 + horizon)[:n]
    known, actual = recent[:, :5, None], recent[:, 5:, None]
    return Truth(actual, known, np.ones((n, 1)), np.ones(1), np.arange(n))


def test_a_lagged_copy_is_told_from_foresight():
    happened = walk()
    rng = np.random.default_rng(1)
    noise = 0.3 * rng.normal(size=happened.actual.shape)
    copy = np.repeat(happened.recent[:, -1:], 2, axis=1) + noise
    assert nearest_lag(Forecasts(copy, copy[..., None]), happened) == 1
    older = np.repeat(happened.recent[:, -3:-2], 2, axis=1) + noise
    assert nearest_lag(Forecasts(older, older[..., None]), happened) == 3
    seer = happened.actual + noise
    assert nearest_lag(Forecasts(seer, seer[..., None]), happened) == 0


def windows(series, lookback=24, horizon=6):
    every = np.lib.stride_tricks.sliding_window_view(series, lookback + horizon)
    return every[:, :lookback, None].astype("float32"), every[:, lookback:, None].astype("float32")


def fitted(series, season=12, **options):
    config = StockConfig(lookback=24, horizon=6, scaling="train", **options)
    part = len(series) // 3
    statistics = {"mean": [series.mean()], "std": [series.std()], "floor": [1.0], "change": [1.0]}
    scaling = Scaling.of(config, 1, statistics)
    return baselines(
        config, season, scaling, windows(series[:part]), windows(series[part : 2 * part])
    ), windows(series[2 * part :])


def test_each_baseline_is_exact_on_its_own_kind_of_series():
    t = np.arange(300.0)
    kinds = {
        PERSISTENCE: np.full(300, 7.0),
        "drift": 5 + 0.5 * t,
        "seasonal naive (12)": 10 + np.sin(2 * np.pi * t / 12),
    }
    kinds[LINEAR] = kinds["drift"] + 3 * np.sin(2 * np.pi * t / 7)
    for name, series in kinds.items():
        series = series + 1e-9 * np.random.default_rng(0).normal(size=300)
        found, (window, future) = fitted(series)
        tolerance = 0.05 if name == LINEAR else 1e-4
        np.testing.assert_allclose(found[name](window).point, future, atol=tolerance)


def test_without_a_season_there_is_no_seasonal_baseline():
    found, _ = fitted(np.arange(300.0), season=1)
    assert list(found) == [PERSISTENCE, "drift", LINEAR]
    found, _ = fitted(np.arange(300.0), season=25)  # longer than the window
    assert list(found) == [PERSISTENCE, "drift", LINEAR]


def test_baseline_quantiles_hold_what_they_say():
    series = np.cumsum(np.random.default_rng(3).normal(size=9000))
    found, (window, future) = fitted(series)
    for forecast in found.values():
        q = forecast(window).quantiles
        assert (np.diff(q, axis=-1) >= 0).all()
        inside = (q[..., 0] <= future) & (future <= q[..., -1])
        np.testing.assert_allclose(inside.mean(axis=0), 0.9, atol=0.05)


def test_the_verdict_in_words():
    def words(mase, p, statistic, ridge=1.1, ridge_p=0.5, **options):
        own = {"direction": 0.52, "direction_low": 0.49, "direction_high": 0.55, "rises": 0.54}
        figures = {"gru": {"mase": mase, "coverage": 0.88, **own}, "persistence": {"mase": 1.0},
                   "ridge": {"mase": ridge}}  # fmt: skip
        tests = {
            "persistence": Comparison(statistic, p), "ridge": Comparison(mase - ridge, ridge_p)
        }  # fmt: skip
        options = {"levels": LEVELS, "lagged_copy": False, "alarms": [], **options}
        return verdict(figures, tests, **options)

    assert words(0.995, 0.4, -0.9).startswith(
        "gru is no better than the best baseline, persistence: MASE 0.995 against 1.000 (not "
        "significant, Diebold-Mariano p = 0.4). The direction"
    )
    assert "gru is better than the best baseline, persistence: " in words(0.9, 0.001, -4)
    assert "gru is worse than the best baseline, persistence: " in words(1.2, 0.001, 4)
    # Better than persistence is not enough where a regression is better still.
    assert words(0.95, 0.001, -4, ridge=0.9, ridge_p=0.01).startswith(
        "gru is worse than the best baseline, ridge: MASE 0.950 against 0.900 (Diebold-Mariano p = "
        "0.01). It is better than persistence: 1.000 (Diebold-Mariano p = 0.001)."
    )
    assert "is right 52.0% [49.0%, 55.0%] of the time; the value rose 54.0%" in words(1, 0.4, 1)
    assert "80% intervals held 88.0%" in words(1.0, 0.4, 1)
    assert "a lagged copy" in words(1.0, 0.4, 1, lagged_copy=True)
    assert words(0.1, 0, -99, alarms=["it peeks"]).startswith(
        "NOT TO BE TRUSTED, 1 leak alarm: it peeks."
    )
