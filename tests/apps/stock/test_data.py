"""Splits in time, windows inside them, statistics of the training rows; nothing from the future."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.errors import InputError
from apps.stock import batches, data
from apps.stock.config import StockConfig

CONFIG = StockConfig(lookback=7, horizon=3)


@given(
    st.lists(st.integers(120, 180), min_size=1, max_size=4),  # lengths of the series
    st.lists(st.integers(0, 30), min_size=4, max_size=4),  # when each begins
    st.integers(2, 9),
    st.integers(1, 5),
    st.integers(1, 4),
    st.booleans(),
)
def test_who_sees_what(lengths, firsts, lookback, horizon, stride, reach_back):
    config = replace(
        CONFIG, lookback=lookback, horizon=horizon, stride=stride, reach_back=reach_back
    )
    series = np.repeat(np.arange(len(lengths)), lengths)
    times = np.concatenate([first + np.arange(n) for first, n in zip(firsts, lengths)])
    ends = (times.max() + 1) // 2, (times.max() + 1) * 3 // 4, times.max() + 1
    windows = data.split_windows(config, series, times, ends)
    rows = {
        part: starts[:, None] + np.arange(lookback + horizon) for part, starts in windows.items()
    }
    for part in rows.values():  # a window is uninterrupted rows of one series
        assert (np.diff(series[part], axis=1) == 0).all()
        assert (np.diff(times[part], axis=1) == 1).all()
    seen = {part: times[each] for part, each in rows.items()}
    for early, late in (("train", "validation"), ("validation", "test")):
        visible = seen[late][:, lookback:] if reach_back else seen[late]
        assert visible.min() - seen[early].max() > (0 if reach_back else horizon)
    # Every window that obeys the rules is there.
    length = lookback + horizon
    starts = np.flatnonzero(series[: len(series) - length + 1] == series[length - 1 :])
    first = times[starts + lookback] if reach_back else times[starts]
    gap = 0 if reach_back else horizon
    whole = starts[(first >= ends[1] + gap) & (times[starts + length - 1] < ends[2])]
    np.testing.assert_array_equal(windows["test"], whole)
    assert np.isin(np.diff(windows["train"]) % stride, 0).all() or len(lengths) > 1


def test_the_usual_protocol_of_etth1():
    config = replace(CONFIG, lookback=336, horizon=96, reach_back=True)
    rows = np.arange(17420)
    windows = data.split_windows(config, rows * 0, rows, (8640, 11520, 14400))
    assert {part: len(starts) for part, starts in windows.items()} == {
        "train": 8640 - 336 - 96 + 1,
        "validation": 2880 - 96 + 1,
        "test": 2880 - 96 + 1,
    }


def write(path, values, **more):
    dates = pd.date_range("2020-01-01", periods=len(values), freq="D")
    pd.DataFrame({"date": dates, "close": values, **more}).to_csv(path, index=False)
    return str(path)


def test_statistics_are_those_of_the_training_rows_whatever_comes_later(tmp_path):
    rng = np.random.default_rng(0)
    values = 50 + np.cumsum(rng.normal(size=100))
    found = []
    for later in (1.0, 50.0):
        changed = np.where(np.arange(100) < 70, values, values + later)
        found.append(data.load(replace(CONFIG, data=write(tmp_path / "a.csv", changed))))
    assert found[0].statistics == found[1].statistics
    assert found[0].statistics["mean"][0] == pytest.approx(values[:70].mean())
    assert found[0].statistics["std"][0] == pytest.approx(values[:70].std())
    assert found[0].statistics["change"][0] == pytest.approx(np.diff(np.log(values[:70])).std())
    assert found[0].statistics["floor"][0] == pytest.approx(1e-6 * values[:70].min())


def test_a_volume_of_nothing_counts_as_the_smallest(tmp_path):
    volume = np.where(np.arange(100) % 9 == 0, 0.0, 500.0 + np.arange(100))
    path = write(tmp_path / "a.csv", 50 + np.sin(np.arange(100)), volume=volume)
    loaded = data.load(replace(CONFIG, data=path, columns=("volume",)))
    assert loaded.statistics["floor"][1] == 501
    assert loaded.statistics["change"][1] < 0.1


def test_statistics_do_not_step_from_one_series_to_the_next(tmp_path):
    rng = np.random.default_rng(0)
    low, high = np.exp(0.01 * rng.normal(size=(2, 100)).cumsum(axis=1))
    frame = pd.DataFrame({"date": np.tile(pd.date_range("2020-01-01", periods=100), 2),
                          "name": np.repeat(["a", "b"], 100),
                          "close": np.concatenate([low, 1e4 * high])})  # fmt: skip
    frame.to_csv(tmp_path / "a.csv", index=False)
    loaded = data.load(replace(CONFIG, data=str(tmp_path / "a.csv")))
    assert loaded.statistics["change"][0] == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize("split, ends", [((0.5, 0.75, 1), (50, 75, 100)),
                                         ((40, 70, 90), (40, 70, 90))])  # fmt: skip
def test_splits_by_part_or_by_row(tmp_path, split, ends):
    values = np.arange(101.0, 201)
    config = replace(CONFIG, data=write(tmp_path / "a.csv", values), split=split)
    assert data.load(config).ends == ends


@pytest.mark.parametrize(
    "options, message",
    [
        ({"lookback": 90}, "too short: 100 rows leave 70 for the train part, and one window needs"),
        ({"lookback": 10}, "100 rows leave 12 for the validation part, and one window needs 13"),
        ({"split": (50, 80, 101)}, "--split ends at row 101, but .* has 100 rows"),
    ],
)
def test_too_few_rows_are_refused(tmp_path, options, message):
    config = replace(CONFIG, data=write(tmp_path / "a.csv", np.arange(101.0, 201)), **options)
    with pytest.raises(InputError, match=message):
        data.load(config)


def test_batches_are_raw_windows_and_scaled_futures_in_an_order_of_the_epoch(tmp_path):
    rng = np.random.default_rng(0)
    values = np.exp(0.1 * rng.normal(size=200).cumsum())
    path = write(tmp_path / "a.csv", values, open=values + 1)
    config = replace(CONFIG, data=path, columns=("open",), batch_size=8)
    loaded = data.load(config)
    orders = []
    for epoch in (0, 1, 0):
        firsts = []
        for window, z in batches.train(config, loaded, epoch):
            assert window.shape == (8, 7, 2) and z.shape == (8, 3, 1)
            for one, future in zip(window.numpy(), z.numpy()):
                at = int(np.abs(values - one[0, 0]).argmin())
                np.testing.assert_allclose(one[:, 0], values[at : at + 7], rtol=1e-6)
                np.testing.assert_allclose(one[:, 1], one[:, 0] + 1, rtol=1e-6)
                ahead = np.log(values[at + 7 : at + 10] / values[at + 6])
                sigma = np.sqrt(np.mean(np.diff(np.log(values[at : at + 7])) ** 2))
                np.testing.assert_allclose(
                    future[:, 0], ahead / sigma / np.sqrt([1, 2, 3]), rtol=1e-3, atol=1e-4
                )
                firsts.append(at)
        orders.append(firsts)
    assert orders[0] == orders[2] != orders[1]
    assert len(set(orders[0])) == len(orders[0]) == 131 // 8 * 8
