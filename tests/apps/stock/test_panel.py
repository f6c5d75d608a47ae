"""Cleaning: what is mended, what is refused, and that the future never fills a gap."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.errors import InputError
from apps.stock.config import StockConfig
from apps.stock.panel import load_panel

CONFIG = StockConfig()


def prices(n=40, seed=0, first="2024-01-02"):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(0.01 * rng.normal(size=n)))
    dates = pd.date_range(first, periods=n, freq="B")
    return pd.DataFrame({"Date": dates, "Open": close * 1.001, "Close": close, "Volume": 1e3})


def load(path, frame, **options):
    frame.to_csv(path / "a.csv", index=False)
    return load_panel(replace(CONFIG, data=str(path / "a.csv"), **options))


@settings(max_examples=8)
@given(st.randoms(use_true_random=False), st.data())
def test_any_order_and_any_repeated_rows_give_the_same_panel(tmp_path_factory, random, data):
    frame = pd.concat([prices(seed=i).assign(Name=name) for i, name in enumerate("BA")])
    rows = list(range(len(frame))) + data.draw(st.lists(st.integers(0, len(frame) - 1)))
    random.shuffle(rows)
    path = tmp_path_factory.mktemp("panel")
    one = load(path, frame, columns=("open",))
    other = load(path, frame.iloc[rows], columns=("open",))
    assert one.sha256 == other.sha256 and one.names == ("A", "B")
    assert one.notes == () and (np.diff(one.series) >= 0).all()


def test_a_gap_is_filled_from_the_past_only(tmp_path):
    frame = prices()
    frame.loc[[0, 5, 6], "Close"] = np.nan
    panel = load(tmp_path, frame)
    assert len(panel.values) == 39
    np.testing.assert_array_equal(panel.values[[4, 5], 0], frame["Close"][4])
    np.testing.assert_array_equal(np.flatnonzero(panel.blank[:, 0]), [4, 5])
    assert panel.notes == (
        "1 rows dropped before the first value of close, first: line 2",
        "2 blank cells got the value before, first: line 7, close",
    )


def test_a_gap_is_not_filled_from_another_series(tmp_path):
    frame = pd.concat([prices(seed=i).assign(Name=name) for i, name in enumerate("AB")])
    frame.iloc[40, 2] = np.nan  # the first of B
    panel = load(tmp_path, frame)
    assert np.bincount(panel.series).tolist() == [40, 39] and not panel.blank.any()


def test_what_else_is_noted(tmp_path):
    frame = prices().drop(index=range(10, 22))
    panel = load(tmp_path, pd.concat([frame[::-1], frame[:1]]), columns=("volume",))
    assert panel.columns == ("close",)
    assert panel.notes[0] == "rows sorted by date: line 3 is before the line above it"
    assert panel.notes[1] == "1 repeated rows dropped, first: line 30"
    assert panel.notes[2] == "column volume left out: it is 1000 in every row"
    assert panel.notes[3].startswith("longest gap: 17 days 00:00:00 before line 19; ")


def test_tickers(tmp_path):
    frame = pd.concat([prices(seed=i).assign(Symbol=name) for i, name in enumerate("CAB")])
    assert load(tmp_path, frame).names == ("A", "B", "C")
    one = load(tmp_path, frame, ticker="b")
    np.testing.assert_allclose(one.values[:, 0], prices(seed=2)["Close"])
    with pytest.raises(InputError, match="no ticker 'D'; it has: A, B, C"):
        load(tmp_path, frame, ticker="D")
    with pytest.raises(InputError, match="no ticker column: leave --ticker out"):
        load(tmp_path, prices(), ticker="A")
    frame.loc[frame["Symbol"] == "A", "Close"] = 7.0
    panel = load(tmp_path, frame)
    assert panel.names == ("B", "C")
    assert panel.notes == ("1 series left out because they never change: A",)


def changed(**cells):
    frame = prices()
    for column, (row, value) in cells.items():
        frame.loc[row, column] = value
    return frame


REFUSED = {
    "two rows of one day": (
        pd.concat([prices(), changed(Close=(3, 1.0))[3:4]]), {},
        "lines 5 and 42: two different rows for 2024-01-05 00:00",
    ),
    "constant": (prices().assign(Close=5.0), {}, "lines 2 to 41: close is 5 in every row"),
    "not positive": (changed(Close=(7, -2.0)), {}, "line 9: close is -2, but returns need val"),
    "blank": (prices().assign(Open=np.nan), {"columns": ("open",)},
              "line 2: open is blank in every row"),
    "unknown column": (prices(), {"columns": ("Dividend",)}, "no numeric column 'dividend' for "
                       "--columns; it has: open, close, volume"),
    "unknown target": (prices(), {"target": "Adj Close"}, "'adj_close' for --target"),
}  # fmt: skip


@pytest.mark.parametrize("frame, options, message", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_mended_is_refused_by_line(tmp_path, frame, options, message):
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path, frame, **options)
    assert "\n" not in str(caught.value)


def test_an_unadjusted_split_is_refused_or_adjusted(tmp_path):
    whole = prices()
    split = whole.copy()
    split.loc[:19, ["Open", "Close"]] *= 7
    with pytest.raises(InputError, match=r"line 22: close goes from .* an unadjusted 7:1 split"):
        load(tmp_path, split)
    adjusted = load(tmp_path, split, stock_splits="adjust", columns=("open",))
    np.testing.assert_allclose(adjusted.values, whole[["Close", "Open"]])
    assert adjusted.notes == ("prices before line 22 adjusted for a 7:1 split",)
    kept = load(tmp_path, split, stock_splits="keep")
    np.testing.assert_allclose(kept.values[:, 0], split["Close"])


def test_only_the_columns_that_jump_are_adjusted(tmp_path):
    """In the Kaggle file of Google's prices, Close was not adjusted for 2014 and Open was."""
    split = prices()
    split.loc[:19, "Close"] *= 2
    adjusted = load(tmp_path, split, stock_splits="adjust", columns=("open",))
    np.testing.assert_allclose(adjusted.values, prices()[["Close", "Open"]])


def test_a_crash_is_no_split(tmp_path):
    crash = prices()
    crash.loc[20:, "Close"] *= 0.48 * crash["Close"][19] / crash["Close"][20]  # Apple, 2000-09-29
    load(tmp_path, crash)


def test_real_files(shared_data):
    stocks = shared_data / "stocks"
    panel = load_panel(
        replace(CONFIG, data=str(stocks / "all_stocks_5yr.csv.xz"), stock_splits="adjust")
    )
    assert len(panel.names) == 505 and len(panel.values) == 619040
    assert panel.step.freqstr == "B" and panel.season == 5
    # Discovery's share split of 2014, and a close of half the price on one day of Alliant Energy.
    assert len(panel.notes) == 5 and "line 166757 adjusted for a 2:1 split" in panel.notes[0]
    for name in ("aapl", "msft", "ibm", "spy"):
        load_panel(replace(CONFIG, data=str(stocks / "huge_stock_market" / f"{name}.us.txt")))
