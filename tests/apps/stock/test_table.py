"""Tables as finance sites, Kaggle and spreadsheets write them."""

import gzip
import lzma
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.common.errors import InputError
from apps.stock.csv_file import column_name
from apps.stock.dates import future_dates, infer_frequency, parse_dates, seasonality
from apps.stock.table import read_table

ROWS = """\
2024-01-12,10.0,11.0,9.5,10.5,10.4,1000
2024-01-16,10.5,12.0,10.1,11.5,11.4,2000
2024-01-17,11.5,12.5,11.0,12.0,11.9,3000
"""
FLAVOURS = {
    "Yahoo": "Date,Open,High,Low,Close,Adj Close,Volume\n" + ROWS,
    "Stooq": """\
<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<ADJ CLOSE>,<VOL>
A.US,D,20240112,000000,10.0,11.0,9.5,10.5,10.4,1000
A.US,D,20240116,000000,10.5,12.0,10.1,11.5,11.4,2000
A.US,D,20240117,000000,11.5,12.5,11.0,12.0,11.9,3000
""",
    "Kaggle": "date,open,high,low,close,adjclose,volume,Name\n" + ROWS.replace("\n", ",AAL\n"),
    "Nasdaq": """\
Date,Close/Last,Volume,Open,High,Low,Adj Close
01/12/2024,$10.50,"1,000",$10.00,$11.00,$9.50,$10.40
01/16/2024,$11.50,"2,000",$10.50,$12.00,$10.10,$11.40
01/17/2024,$12.00,"3,000",$11.50,$12.50,$11.00,$11.90
""",
    "Investing.com": """\
"Date","Price","Open","High","Low","Vol.","Change %","Adj Close"
"Jan 12, 2024","10.5","10.0","11.0","9.5","1.00K","1.2%","10.4"
"Jan 16, 2024","11.5","10.5","12.0","10.1","2.00K","-0.1%","11.4"
"Jan 17, 2024","12.0","11.5","12.5","11.0","3.00K","0%","11.9"
""",
    "Alpha Vantage": """\
timestamp,1. open,2. high,3. low,4. close,5. adjusted close,6. volume
"""
    + ROWS,
    "yfinance": """\
Price,Open,High,Low,Close,Adj Close,Volume
Ticker,A,A,A,A,A,A
Date,,,,,,
"""
    + ROWS,
    "with a time zone": "Date,Open,High,Low,Close,Adj Close,Volume\n"
    + ROWS.replace(",10.0,", " 00:00:00-05:00,10.0,").replace(",10.5,12", " 00:00:00-04:00,10.5,12")
    .replace("17,11.5", "17 00:00:00-04:00,11.5"),
    "bars": "Date|Open|High|Low|Close|Adj Close|Volume\n" + ROWS.replace(",", "|"),
    "decimal commas": "Date;Open;High;Low;Close;Adj Close;Volume\n"
    + re.sub(r"(?m)^(....)-(..)-(..)", r"\3.\2.\1", ROWS).replace(",", ";")
    .replace(";1000", ";1.000").replace(".5;", ",5;").replace(".0;", ",0;").replace(".1;", ",1;")
    .replace(".4;", ",4;").replace(".9;", ",9;"),
    "date parts": "No,Year,Month,Day,Hour,Open,High,Low,Close,Adj Close,Volume,cbwd\n"
    + "".join(f"{i},{line},NW\n" for i, line in enumerate(
        ROWS.replace("2024-01-", "2024,1,").replace(",10.0,", ",0,10.0,")
        .replace(",10.5,12", ",0,10.5,12").replace("17,11.5", "17,0,11.5").splitlines())),
    "semicolons": "Date;Open;High;Low;Close;Adj Close;Volume\n" + ROWS.replace(",", ";"),
    "with row numbers": "Unnamed: 0,Date,Open,High,Low,Close,Adj Close,Volume\n"
    + "".join(f"{i},{line}\n" for i, line in enumerate(ROWS.splitlines())),
    "epoch seconds": "timestamp,open,high,low,close,adj_close,volume\n"
    + ROWS.replace("2024-01-12", "1705017600").replace("2024-01-16", "1705363200")
    .replace("2024-01-17", "1705449600"),
}  # fmt: skip


@pytest.mark.parametrize("text", FLAVOURS.values(), ids=FLAVOURS)
def test_headers_and_numbers_of_every_site_are_the_same(tmp_path, text):
    (tmp_path / "prices.csv").write_text(text, "utf-8")
    table = read_table(str(tmp_path / "prices.csv"))
    wanted = np.loadtxt(ROWS.splitlines(), delimiter=",", usecols=range(1, 7))
    columns = ["open", "high", "low", "close", "adj_close", "volume"]
    np.testing.assert_array_equal(table.numbers[columns], wanted)
    np.testing.assert_array_equal(
        table.dates, np.array(["2024-01-12", "2024-01-16", "2024-01-17"], "datetime64[D]")
    )
    assert table.numbers.index[0] == len(text.splitlines()) - 2  # the line in the file


@pytest.mark.parametrize(
    "name, pack", [("a.csv", bytes), ("a.txt", bytes), ("a.csv.gz", gzip.compress)]
    + [("a.csv.xz", lzma.compress)],
)  # fmt: skip
def test_packed_files_and_byte_order_marks(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(b"\xef\xbb\xbf" + FLAVOURS["Yahoo"].encode()))
    assert list(read_table(str(tmp_path / name)).numbers["close"]) == [10.5, 11.5, 12.0]


def test_no_header_and_no_dates(tmp_path):
    (tmp_path / "a.txt").write_text("0.5,1.5\n0.25,1.25\n")
    table = read_table(str(tmp_path / "a.txt"))
    assert table.numbers.to_dict("list") == {"column1": [0.5, 0.25], "column2": [1.5, 1.25]}
    assert table.dates is None and list(table.numbers.index) == [1, 2]


def test_a_first_row_of_dates_and_tickers_is_data(tmp_path):
    (tmp_path / "a.csv").write_text("A;2024-01-02;1,5\nA;2024-01-03;2,5\n")
    table = read_table(str(tmp_path / "a.csv"))
    assert table.numbers.to_dict("list") == {"column3": [1.5, 2.5]}
    (tmp_path / "b.csv").write_text(",0\n2024-01-02,1.5\n")  # as pandas writes a series
    assert read_table(str(tmp_path / "b.csv")).numbers.to_dict("list") == {"0": [1.5]}


NUMBERS = {  # the decimal sign that one cell proves for the whole file
    "3,5": (",", [3.5, 3028.2, 100.94], ["3,5", "3.028,20", "100,94"]),
    "20.7": (".", [20.7, 1234.0, -1e6], ["20.7", '"1,234"', '"-1,000,000"']),
    "india": (".", [1.5, 123456.0], ["1.5", '"1,23,456"']),
    "blanks": (",", [1234.5, 2.0], ["1 234,5", "2,0 €"]),
    "zero": (",", [0.123, 1.234], ["0,123", "1,234"]),
    "no grouping": (".", [1234.567, 1.234], ["1234.567", "1.234"]),
}


@pytest.mark.parametrize("decimal, wanted, cells", NUMBERS.values(), ids=NUMBERS)
def test_one_cell_tells_the_decimal_sign_of_all(tmp_path, decimal, wanted, cells):
    (tmp_path / "a.csv").write_text("row;x\n" + "".join(f"1;{cell}\n" for cell in cells))
    table = read_table(str(tmp_path / "a.csv"))
    assert table.numbers["x"].tolist() == wanted
    said = ("read with the decimal sign ',' and the delimiter ';'",)
    assert table.notes == (said if decimal == "," else ())


def test_what_cannot_be_told_is_chosen(tmp_path):
    (tmp_path / "a.csv").write_text('day,x\n2024-01-02,"1,234"\n2024-01-03,"2,345"\n')
    for decimal, wanted in ((".", [1234, 2345]), (",", [1.234, 2.345])):
        assert read_table(str(tmp_path / "a.csv"), ",", decimal).numbers["x"].tolist() == wanted
    (tmp_path / "b.csv").write_text("day,x\n2024-01-02,1.234\n2024-01-03,2.345\n")
    table = read_table(str(tmp_path / "b.csv"))  # the comma is taken
    assert table.numbers["x"].tolist() == [1.234, 2.345]
    assert table.notes == ("x '1.234' in line 2 is read with a decimal point (--decimal)",)
    with pytest.raises(InputError, match="line 2: x is '1.234,5', not a number"):
        (tmp_path / "c.csv").write_text("day;x\n2024-01-02;1.234,5\n2024-01-03;2,5\n")
        read_table(str(tmp_path / "c.csv"), decimal=".")


@pytest.mark.slow
@settings(max_examples=60)
@given(
    st.sampled_from([",", ";", "tab", "|"]),
    st.sampled_from([(".", ""), (".", ","), (".", " "), (",", ""), (",", "."), (",", "'")]),
    st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y %H:%M:%S"]),
    st.lists(st.integers(-(10**9), 10**9), min_size=30, max_size=40),
    st.booleans(),
)
def test_what_pandas_writes_is_read_back(tmp_path_factory, delimiter, signs, form, cents, header):
    decimal, thousands = signs
    swap = str.maketrans({".": decimal, ",": thousands})
    frame = pd.DataFrame({
        "day": pd.date_range("2019-12-20", periods=len(cents)).strftime(form),
        "value": [f"{cent / 100:,.2f}".translate(swap) for cent in cents],
        "volume": [f"{abs(cent):,}".translate(swap) for cent in cents],
    })  # fmt: skip
    path = tmp_path_factory.mktemp("written") / "a.csv"
    frame.to_csv(path, sep="\t" if delimiter == "tab" else delimiter, index=False, header=header)
    for named in ("auto", delimiter):
        table = read_table(str(path), named)
        found = table.numbers.to_numpy()
        np.testing.assert_array_equal(found, [[cent / 100, abs(cent)] for cent in cents])
        np.testing.assert_array_equal(
            table.dates, pd.date_range("2019-12-20", periods=len(cents)).to_numpy()
        )


def test_builtin_is_google_within_its_first_years():
    table = read_table("builtin")
    assert len(table.numbers) == 1047 and table.numbers["close"].iloc[0] == 100.34
    assert str(table.dates.iloc[0])[:10] == "2004-08-19"


def test_blank_lines_and_cells_keep_the_line_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("day,close,note\n2024-01-02,1,x\n\n2024-01-03,null,y\n")
    table = read_table(str(tmp_path / "a.csv"))
    assert list(table.numbers.index) == [2, 4] and list(table.numbers) == ["close"]
    assert np.isnan(table.numbers["close"][4])


LINES = "Date,Close\n" + "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 13))
BAD = {
    "missing": (None, "not found: give a CSV or Parquet file"),
    "empty": (b"", "is empty"),
    "header alone": (b"Date,Close\n", "no rows"),
    "not UTF-8": ("Date,Clöse\n".encode("latin1"), "not UTF-8: .* at byte 7"),
    "decimal commas": (b"Date,Close\n2024-01-02,3,5\n2024-01-03,3,6\n",
                       "line 2: 3 cells, but there are 2 columns; quote numbers that hold ','"),
    "two signs": (b"Date;Close\n2024-01-02;3,5\n2024-01-03;3.25\n",
                  "line 2: close '3,5' has a decimal comma, but '3.25' in line 3 has a decimal po"),
    "either sign": (b'Date,Close\n2024-01-02,"1,234"\n2024-01-03,"2,345"\n',
                    r"line 2: close '1,234' can be 1234 or 1.234, .* --decimal \. or --decimal ,"),
    "either, semicolons": (b"Date;Close\n2024-01-02;1.234\n", "'1.234' can be 1234 or 1.234"),
    "no group": (b'Date,Open,Close\n2024-01-02,1.5,"1,23,4"\n2024-01-03,2.5,"2,345"\n',
                 "line 2: close is '1,23,4', not a number with the decimal sign '.'"),
    "mixed orders": (b"Date,Close\n01/01/2015,1\n01/14/2015,2\n01/15/2015,3\n16/01/2015,4\n",
                     "line 5: '16/01/2015' is day/month/year, but '01/14/2015' in line 3 is month"),
    "date parts": (b"year,month,day,close\n2024,1,31,1\n2024,2,31,2\n",
                   "line 3: year 2024, month 2, day 31 is not a date"),
    "twice alike": (b"Date,Close,Close\n2024-01-02,1,2\n", "two columns called 'close'"),
    "ragged": (b"Date,Close\n2024-01-02,1\n2024-01-03,1,2,3\n", "Expected 2 fields in line 3"),
    "a word": (LINES.replace(",7\n", ",seven\n"), "line 8: close is 'seven', not a number"),
    "infinite": (LINES.replace(",7\n", ",inf\n"), "line 8: close is infinite"),
    "too large": (LINES.replace(",7\n", ",1e39\n"), "line 8: close is .* too large for 32 bits"),
    "far date": (LINES.replace("2024-01-07", "9999-12-31"), "line 8: '9999-12-31' is not in the y"),
    "bad date": (LINES.replace("2024-01-07", "2024-01-32"), "line 8: '2024-01-32' is not a date"),
    "blank date": (LINES.replace("2024-01-07", ""), "line 8: the date is blank"),
    "no dates": (LINES.replace("2024", "MMXXIV"), "line 2: 'MMXXIV-01-01' is not a date"),
    "ambiguous": ("Date,Close\n01/02/2024,1\n02/01/2024,2\n", "line 2: day and month .* ambiguous"),
    "twice": (b"Date,Close,close\n2024-01-02,1,2\n", "two columns called 'close'"),
    "words only": (b"Date,Close\n2024-01-02,up\n2024-01-03,down\n", "no numeric column"),
    "cut.xz": (lzma.compress(b"Date,Close\n2024-01-02,1\n")[:-9], "cannot read"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_one_line_that_names_the_row(tmp_path, name):
    content, message = BAD[name]
    path = tmp_path / (name if name.endswith(".xz") else "a.csv")
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_table(str(path))
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_names():
    for name, wanted in [("Adj Close", "adj_close"), ("<VOL>", "volume"), ("4. close", "close"),
                         ("Close/Last", "close"), ("52 week", "52_week")]:  # fmt: skip
        assert column_name(name) == wanted


@given(
    st.sampled_from(["%Y-%m-%d", "%d-%m-%y", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%b %d, %Y"]),
    st.integers(0, 9000),
    st.integers(25, 60),
)
def test_dates_of_any_form_over_more_than_a_few_days(form, first, days):
    wanted = pd.date_range(pd.Timestamp("1990-01-01") + pd.Timedelta(days=first), periods=days)
    texts = pd.Series(wanted.strftime(form), index=range(2, 2 + days))
    np.testing.assert_array_equal(parse_dates(texts, "x", []), wanted)


def test_day_and_month_are_told_apart_by_their_order():
    texts = pd.Series(["1/3/2024", "1/4/2024", "1/5/2024", "2/1/2024"])  # February by month/day
    notes = []
    assert list(parse_dates(texts, "x", notes).dt.month) == [1, 1, 1, 2]
    assert notes == [
        "dates such as '1/3/2024' are read as month/day/year, by which the rows are in order"
    ]


FREQUENCIES = {
    "business days": ("2024-01-02", "B", 30, 5, ["2024-02-13", "2024-02-14"]),
    "days": ("2024-01-02", "D", 30, 7, ["2024-02-01", "2024-02-02"]),
    "hours": ("2024-01-02", "h", 48, 24, ["2024-01-04T00", "2024-01-04T01"]),
    "weeks": ("2024-01-05", "W-FRI", 9, 52, ["2024-03-08", "2024-03-15"]),
    "months": ("2024-01-01", "MS", 14, 12, ["2025-03-01", "2025-04-01"]),
    "month ends": ("2024-01-31", "ME", 14, 12, ["2025-03-31", "2025-04-30"]),
    "quarters": ("2024-01-01", "QS", 9, 4, ["2026-04-01", "2026-07-01"]),
}


@pytest.mark.parametrize("first, freq, n, season, ahead", FREQUENCIES.values(), ids=FREQUENCIES)
def test_the_coming_dates_follow_the_step(first, freq, n, season, ahead):
    dates = pd.date_range(first, periods=n, freq=freq).to_numpy()
    step = infer_frequency(dates)
    assert seasonality(step) == season
    np.testing.assert_array_equal(
        future_dates(dates[-1], step, 2), np.array(ahead, "datetime64[ns]")
    )


def test_holidays_do_not_hide_business_days():
    dates = pd.date_range("2024-01-02", "2024-06-28", freq="B").delete([9, 33, 60]).to_numpy()
    assert infer_frequency(dates).freqstr == "B"
    np.testing.assert_array_equal(
        future_dates(dates[-1], infer_frequency(dates), 1), [np.datetime64("2024-07-01")]
    )


def test_dates_that_nobody_can_draw_are_refused():
    dates = np.array(["1000-01-01", "5000-01-01", "9000-01-01"], "datetime64[us]")
    for periods in (1, 1_000):
        with pytest.raises(InputError, match="9000-01-01 are beyond the year 9500"):
            future_dates(dates[-1], infer_frequency(dates), periods)


def test_rows_without_dates_are_counted_on():
    assert infer_frequency(np.arange(9)) is None and seasonality(None) == 1
    np.testing.assert_array_equal(future_dates(8, None, 3), [9, 10, 11])
