"""Forecasts the future: `python -m apps.stock.forecast RUN --data PATH [--from litert ...]`.

It reads only the files of `apps.stock.export` and the run's `config.json`, which has the settings
of the data.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import tyro

from apps.common.cli import RunArgument, command
from apps.common.errors import InputError
from apps.common.exported import Source, export_advice, load_export
from apps.common.files import write_text
from apps.common.run import Run

PICTURED = 6  # series in the chart
PRINTED = 40  # rows of the table


@dataclass(frozen=True, kw_only=True)
class ForecastOptions:
    """The command line."""

    run: RunArgument

    data: str | None = None
    """The series up to now: builtin or a path; None takes the data of the training."""

    delimiter: Literal["auto", ",", ";", "tab", "|"] | None = None
    """Delimiter of the cells of a CSV file; None takes the run's setting."""

    decimal: Literal["auto", ".", ","] | None = None
    """Decimal sign of a CSV file; None takes the run's setting."""

    ticker: str | None = None
    """Ticker of the one series to forecast from a file with many; None forecasts them all."""

    source: Source = "saved_model"
    """Exported file to run."""

    output: Path | None = None
    """Path of the output without its ending: OUTPUT.csv and OUTPUT.png; None is `forecast` in the
    run's directory."""


def forecast(run: Run, options: ForecastOptions) -> tuple[list[dict[str, Any]], list[float]]:
    """The forecast of the rows after the last one, in the units of the data.

    Args:
        run: an exported run; neither `best.keras` nor `scaler.json` is read.
        options: the values of the command line.

    Returns:
        A forecast per series and target: `series`, `column`; `dates` and `values` of the known
        rows; `window`, the rows that the model reads, `(lookback, columns)`; `ahead`, the future
        dates (row numbers for data without dates); and `quantiles`, `(horizon, levels)`. And the
        levels; a model of the mean has the one level 0.5.

    Raises:
        InputError: the run is not exported, the export is damaged, the data cannot be
            used or have too few rows, or the forecast is not finite.
    """
    try:
        spec = json.loads((run.path / "export.json").read_text(encoding="utf-8"))
        columns, lookback, horizon = spec["columns"], spec["lookback"], spec["horizon"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{run} has no export that can be read; {export_advice(run)}") from error
    import numpy as np

    from apps.stock.config import StockConfig
    from apps.stock.dates import future_dates
    from apps.stock.panel import load_panel

    config = run.read_config(StockConfig)
    if options.data:
        config = replace(config, data=options.data, ticker=None)
    if options.ticker:
        config = replace(config, ticker=options.ticker)
    given = {"delimiter": options.delimiter, "decimal": options.decimal}
    config = replace(config, **{name: value for name, value in given.items() if value})
    panel = load_panel(config, columns)
    rows_of = [np.flatnonzero(panel.series == i) for i in range(len(panel.names))]
    series = [i for i, rows in enumerate(rows_of) if len(rows) >= lookback]
    if not series:
        longest = max(map(len, rows_of))
        raise InputError(
            f"{config.data} is too short: a forecast needs {lookback} rows, got {longest}"
        )
    windows = np.stack([panel.values[rows_of[i][-lookback:]] for i in series])
    model = load_export(run, options.source, "forecast")
    quantiles = model.run("forecast", window=windows.astype("float32"))["quantiles"]
    # With a single target there is no axis of targets.
    quantiles = quantiles.reshape(len(series), horizon, panel.targets, -1)
    endless = np.flatnonzero(~np.isfinite(quantiles).all(axis=(1, 2, 3)))
    if len(endless):
        raise InputError(
            f"{config.data}: the forecast of {panel.names[series[endless[0]]]} is not finite; its "
            "values are too large, too small or too wild for the model"
        )
    forecasts = []
    for i, window, fan in zip(series, windows, quantiles):
        dates = panel.dates[rows_of[i]]
        forecasts += [
            {
                "series": panel.names[i],
                "column": panel.columns[target],
                "dates": dates,
                "values": panel.values[rows_of[i], target],
                "window": window,
                "ahead": future_dates(dates[-1], panel.step, horizon),
                "quantiles": fan[:, target],
            }
            for target in range(panel.targets)
        ]
    return forecasts, spec["levels"]


def as_table(forecasts: Sequence[dict[str, Any]], names: Sequence[str]):
    """Forecasts as a `pandas.DataFrame`, a row per series, column and step.

    Args:
        forecasts: what `forecast` returns.
        names: the names of the quantile columns.
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "series": each["series"],
                "column": each["column"],
                "step": step + 1,
                "date": each["ahead"][step],
                **dict(zip(names, each["quantiles"][step].tolist())),
            }
            for each in forecasts
            for step in range(len(each["ahead"]))
        ]
    )


def chart_title(forecasts: Sequence[dict[str, Any]]) -> str:
    """The heading of a chart of the result of `forecast`."""
    return f"Forecast{caution(forecasts)}"


def caution(forecasts: Sequence[dict[str, Any]]) -> str:
    """Text to append to a line about forecasts of prices; empty for others."""
    from apps.stock.panel import are_prices

    prices = are_prices([each["column"] for each in forecasts])
    return "; not financial advice" if prices else ""


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command: prints the forecast, writes it as CSV and as a fan chart."""
    options = tyro.cli(
        ForecastOptions,
        args=argv,
        prog="python -m apps.stock.forecast",
        description="Forecast the rows after the last one, with an exported run.",
    )
    run = Run.open("stock", options.run, trained=False)
    forecasts, levels = forecast(run, options)
    from apps.stock.plots import fan_chart

    names = [f"q{level:g}" for level in levels] if len(levels) > 1 else ["forecast"]
    table = as_table(forecasts, names)
    output = options.output or run.path / "forecast"
    file, picture = output.with_name(output.name + ".csv"), output.with_name(output.name + ".png")
    write_text(file, table.to_csv(index=False, lineterminator="\n"))
    fan_chart(picture, forecasts[:PICTURED], levels, chart_title(forecasts))
    print(table.head(PRINTED).to_string(index=False, float_format="{:.6g}".format))
    if len(table) > PRINTED:
        print(f"... {len(table) - PRINTED:,} more rows in {file}")
    print(f"written to {file} and {picture}{caution(forecasts)}")


if __name__ == "__main__":
    main()
