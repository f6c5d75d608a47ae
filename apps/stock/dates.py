"""Dates: parsing of many forms, their frequency, their season, and future dates."""

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

from apps.common.errors import InputError

FORMATS = (
    "ISO8601",
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y"),
    *("%m-%d-%Y", "%d-%m-%Y", "%m-%d-%y", "%d-%m-%y"),
    *("%d.%m.%Y", "%d.%m.%y", "%Y%m%d", "%Y%m%d %H%M%S", "%Y.%m.%d"),
    *("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d-%B-%Y"),
    *("%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M", "%Y-%m-%d %H%M%S"),
    *("%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S"),
)
SPOKEN = {"%d": "day", "%m": "month", "%b": "month", "%B": "month", "%y": "year", "%Y": "year"}
SAMPLE = 500  # rows that a format is tried on first
EPOCHS = {"s": (1e8, 1e10), "ms": (1e11, 1e13)}  # ranges of timestamps in each unit
SEASONS = {"min": 60, "h": 24, "B": 5, "D": 7, "W": 52, "MS": 12, "ME": 12, "QS": 4, "QE": 4}
DAY = np.timedelta64(1, "D")
YEARS = 500, 9500  # Matplotlib draws 1 to 9999, and adds a margin


def parse_dates(texts: pd.Series, source: str, notes: list[str]) -> pd.Series:
    """Dates as datetime64, in any form, which must be the same in all rows.

    Day and month are distinguished by the form that fits all rows; if two fit, by the one in which
    the rows are in order. A time zone is dropped: local time is kept.

    Args:
        texts: one date per row; the index is the line in the file.
        source: for messages.
        notes: a note is added here if day and month are distinguished by the order of rows only.

    Raises:
        InputError: a date cannot be read or is not within `YEARS` (the message names the line), or
            day and month cannot be distinguished.
    """
    if pd.api.types.is_datetime64_any_dtype(texts):
        return texts
    if pd.api.types.is_numeric_dtype(texts):
        for unit, (low, high) in EPOCHS.items():
            if texts.between(low, high).all():
                return pd.to_datetime(texts, unit=unit)
        texts = texts.where(texts.isna(), texts.round().astype("Int64").astype(str))
    blank = texts[texts.isna()]
    if len(blank):
        raise InputError(f"{source}, line {blank.index[0]}: the date is blank")
    texts = texts.astype(str).str.strip().str.replace(r"([+-]\d\d:?\d\d|Z)$", "", regex=True)
    sample = texts.iloc[np.linspace(0, len(texts) - 1, min(SAMPLE, len(texts))).astype(int)]
    found = {form: _parse(sample, form).notna().sum() for form in FORMATS}
    most = max(found.values())
    if most < 0.5 * len(sample):
        raise InputError(
            f"{source}, line {texts.index[0]}: {texts.iloc[0]!r} is not a date in a known form, "
            "such as 2024-01-31"
        )
    candidates = {form: _parse(texts, form) for form, count in found.items() if count == most}
    complete = {form: dates for form, dates in candidates.items() if dates.notna().all()}
    if not complete:
        raise InputError(_mixed([form for form, count in found.items() if count], texts, source))
    dates = _unambiguous(complete, texts, source, notes)
    strange = dates.index[~dates.dt.year.between(*YEARS)]
    if len(strange):
        raise InputError(
            f"{source}, line {strange[0]}: {texts[strange[0]]!r} is not in the years {YEARS[0]} to "
            f"{YEARS[1]}"
        )
    return dates


def parse_date_parts(parts: pd.DataFrame, source: str) -> pd.Series:
    """Dates from columns `year`, `month` and perhaps `day`, `hour`, `minute`, `second`.

    Raises:
        InputError: a row is no date or is not within `YEARS`; the message names the line.
    """
    numbers = parts.apply(pd.to_numeric, errors="coerce")
    whole = numbers.where(numbers["year"].between(*YEARS))
    dates = pd.to_datetime({"day": 1, **whole}, errors="coerce")
    wrong = dates.index[dates.isna()]
    if len(wrong):
        row = ", ".join(f"{name} {value}" for name, value in parts.loc[wrong[0]].items())
        raise InputError(f"{source}, line {wrong[0]}: {row} is not a date")
    return dates


def is_date(text: str) -> bool:
    """Whether the text is a date in a known form."""
    return any(pd.notna(pd.to_datetime(text, format=form, errors="coerce")) for form in FORMATS)


def infer_frequency(dates: np.ndarray) -> pd.DateOffset | None:
    """The frequency of the dates, such as business days.

    Args:
        dates: rising datetime64, `(rows,)`; other values stand for rows without dates.

    Returns:
        The offset; None for rows without dates.
    """
    dates = np.asarray(dates)
    if dates.dtype.kind != "M" or len(dates) < 2:
        return None
    steps = np.diff(dates)
    usual = np.median(steps)
    days = pd.DatetimeIndex(dates)
    if usual == DAY:
        return to_offset("B" if (days.day_of_week < 5).mean() > 0.99 else "D")
    if np.timedelta64(28, "D") <= usual <= np.timedelta64(31, "D"):
        return to_offset("MS" if (days.day == 1).all() else "ME")
    if np.timedelta64(89, "D") <= usual <= np.timedelta64(92, "D"):
        return to_offset("QS" if (days.day == 1).all() else "QE")
    return to_offset(pd.Timedelta(usual))


def seasonality(step: pd.DateOffset | None) -> int:
    """Rows of one season: 24 for hours, 5 for business days, 12 for months; 1 if there is none."""
    if step is None:
        return 1
    if step == to_offset(pd.Timedelta(7 * DAY)):
        return SEASONS["W"]
    return SEASONS.get(step.freqstr.split("-")[0], 1)


def future_dates(last, step: pd.DateOffset | None, periods: int) -> np.ndarray:
    """The dates after the last one; row numbers where there are no dates.

    Args:
        last: the last date, or the last row number.
        step: what `infer_frequency` gives.
        periods: the number of dates.

    Raises:
        InputError: a date is not within `YEARS`.
    """
    if step is None:
        return np.arange(last + 1, last + 1 + periods)
    day = pd.Timestamp(last).as_unit("s")
    if day.year + periods * ((day + step - day) / pd.Timedelta(days=365)) > YEARS[1]:
        raise InputError(f"{periods} steps after {day:%Y-%m-%d} are beyond the year {YEARS[1]}")
    return pd.date_range(pd.Timestamp(last) + step, periods=periods, freq=step).to_numpy()


def _parse(texts: pd.Series, form: str) -> pd.Series:
    return pd.to_datetime(texts, format=form, errors="coerce")


def _mixed(forms: list[str], texts: pd.Series, source: str) -> str:
    """The message of why no form fits all dates."""
    candidates = {form: _parse(texts, form) for form in forms}
    form = min(candidates, key=lambda form: candidates[form].isna().sum())
    dates = candidates.pop(form)
    line = dates.index[dates.isna()][0]
    what = f"{source}, line {line}: {texts[line]!r}"
    for other, others in candidates.items():
        if pd.notna(others[line]):
            like = others.index[others.isna() & dates.notna()]
            if len(like):
                return (
                    f"{what} is {_label(other)}, but {texts[like[0]]!r} in line {like[0]} is "
                    f"{_label(form)}; write them as 2024-01-31"
                )
    like = dates.first_valid_index()
    return f"{what} is not a date like {texts[like]!r} in line {like}"


def _label(form: str) -> str:
    """A form in words, such as `month/day/year`."""
    for code, word in SPOKEN.items():
        form = form.replace(code, word)
    return form.partition(" %")[0]


def _unambiguous(
    candidates: dict[str, pd.Series], texts: pd.Series, source: str, notes: list[str]
) -> pd.Series:
    first = next(iter(candidates))
    different = {first: candidates[first]}
    different |= {f: dates for f, dates in candidates.items() if not dates.equals(different[first])}
    if len(different) == 1:
        return different[first]
    ordered = [
        form
        for form, dates in different.items()
        if dates.is_monotonic_increasing or dates.is_monotonic_decreasing
    ]
    if len(ordered) != 1:
        raise InputError(
            f"{source}, line {texts.index[0]}: day and month of {texts.iloc[0]!r} are ambiguous, "
            "as in the other dates; write them as 2024-01-31"
        )
    notes.append(
        f"dates such as {texts.iloc[0]!r} are read as {_label(ordered[0])}, by which the rows are "
        "in order"
    )
    return different[ordered[0]]
