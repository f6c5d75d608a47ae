"""Parquet, and large CSV files in blocks of series: the panel of the same table read as text."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from apps.common.errors import InputError
from apps.stock import blocks
from apps.stock.config import StockConfig
from apps.stock.panel import load_panel

CONFIG = StockConfig(columns=("open", "volume"))


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 50)


def table(series=7, rows=40):
    """Series with a gap, blank cells, rows twice and out of order; one that never changes."""
    rng = np.random.default_rng(0)
    parts = []
    for i in range(series):
        close = 50 * np.exp(np.cumsum(0.01 * rng.normal(size=rows + i)))
        parts.append(
            pd.DataFrame({
                "Date": pd.date_range("2024-01-02", periods=len(close), freq="B"),
                "Open": close * 1.001, "Close": close, "Volume": 1000, "Name": f"S{i}",
            })
        )  # fmt: skip
    if series == 1:
        return parts[0]
    parts[1]["Close"] = 5.0
    parts[2].loc[[0, 4, 5], "Close"] = np.nan
    parts[3] = pd.concat([parts[3][::-1], parts[3][:1]])
    parts[4] = parts[4].drop(index=range(10, 30))
    parts[5]["Close"] = np.nan
    return pd.concat(parts, ignore_index=True)


def assert_equal(found, wanted):
    np.testing.assert_allclose(found.values, wanted.values, rtol=1e-6)
    assert found.values.dtype == "float32"
    for name in ("blank", "dates", "series"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    for name in ("names", "columns", "targets", "step", "season"):
        assert getattr(found, name) == getattr(wanted, name)


def write(path, frame):
    """The same table as CSV and as Parquet."""
    frame.to_csv(path / "a.csv", index=False)
    frame.to_parquet(path / "a.parquet", index=False)
    return replace(CONFIG, data=str(path / "a.csv")), replace(CONFIG, data=str(path / "a.parquet"))


@pytest.mark.parametrize("together", [True, False])
def test_blocks_give_the_panel_of_the_whole(tmp_path, monkeypatch, small_blocks, together):
    frame = table()
    if not together:
        frame = frame.sample(frac=1, random_state=0)
    csv, parquet = write(tmp_path, frame)
    whole = load_panel(csv)
    assert whole.names == ("S0", "S2", "S3", "S4", "S6") and whole.columns == ("close", "open")
    monkeypatch.setattr(blocks, "LARGE", 0)
    for config in (parquet, csv):
        panel = load_panel(config)
        assert_equal(panel, whole)
        assert "column volume left out: it is 1000 in every row" in panel.notes
    if together:
        assert panel.notes[-1] == whole.notes[-1]  # the longest gap, with its line
    columns = ("close", "volume")  # of a trained model: also the constant one
    assert_equal(load_panel(parquet, columns), load_panel(replace(csv, delimiter=","), columns))
    one = load_panel(replace(parquet, ticker="s6"))
    assert one.names == ("S6",) and len(one.values) == 46


def test_parts_in_a_folder_and_no_ticker(tmp_path):
    frame = table(1).drop(columns="Name")
    (tmp_path / "parts").mkdir()
    for i in range(2):
        frame[20 * i :][:20].to_parquet(tmp_path / "parts" / f"{i}.parquet", index=False)
    csv, _ = write(tmp_path, frame)
    found = load_panel(replace(csv, data=str(tmp_path / "parts")))
    assert_equal(replace(found, names=("a",)), load_panel(csv))


def test_other_csv_files_are_read_as_text(tmp_path, monkeypatch):
    """Decimal commas; a cell with a currency, so far down that Arrow does not expect it."""
    frame = table(1)
    monkeypatch.setattr(blocks, "LARGE", 0)
    frame.to_csv(tmp_path / "a.csv", index=False, sep=";", decimal=",")
    panel = load_panel(replace(CONFIG, data=str(tmp_path / "a.csv")))
    np.testing.assert_allclose(panel.values[:, 0], frame["Close"])
    long = table(1, 40_000).assign(Date=pd.date_range("1900-01-01", periods=40_000))
    cells = long.astype({"Close": "str"})
    cells.loc[39_999, "Close"] = f"${long['Close'].iloc[-1]}"
    cells.to_csv(tmp_path / "b.csv", index=False)
    assert (tmp_path / "b.csv").stat().st_size > 2**20
    panel = load_panel(replace(CONFIG, data=str(tmp_path / "b.csv")))
    np.testing.assert_allclose(panel.values[:, 0], long["Close"])


@pytest.mark.parametrize(
    "change, options, message",
    [
        (lambda frame: frame[:0], {}, "a.parquet has no rows"),
        (lambda frame: frame, {"ticker": "X"}, "has no ticker 'X'; it has: S0"),
        (lambda frame: frame, {"target": "high"}, "it has: open, close, volume"),
        (lambda frame: frame.assign(Close=5.0), {}, "lines 1 to 40: close is 5 in every row"),
        (lambda frame: frame.assign(Close=-frame.Close), {}, "line 1: close is -50.*above 0"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, small_blocks, change, options, message):
    _, parquet = write(tmp_path, change(table()))
    with pytest.raises(InputError, match=message) as caught:
        load_panel(replace(parquet, **options))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_parquet_is_one_line(tmp_path):
    (tmp_path / "a.parquet").write_text("Date,Close\n")
    with pytest.raises(InputError, match="cannot read .*a.parquet: ") as caught:
        load_panel(replace(CONFIG, data=str(tmp_path / "a.parquet")))
    assert "\n" not in str(caught.value)
