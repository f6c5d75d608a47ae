"""Forecasts the future: `python -m apps.stock.forecast RUN --data PATH [--from litert ...]`.

It reads only the files of `apps.stock.export` and the run's `config.json`, which has the settings
of the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from apps.common.cli import RunArgument, command
from apps.common.exported import Source
from apps.common.files import write_text
from apps.common.run import Run

if TYPE_CHECKING:
    from apps.stock.panel import Panel

PICTURED = 6  # series in the chart
PRINTED = 40  # rows of the table


@dataclass(frozen=True, kw_only=True)
class ForecastOptions:
    """The command line."""

    run: RunArgument

    data: str | None = None
    """Series whose next rows are forecast: builtin or a path; None takes the data of the run."""

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


def read_panel(run: Run, options: ForecastOptions, columns: Sequence[str]) -> tuple["Panel", str]:
    """The series to forecast, and the name of their source.

    Args:
        run: the run, whose settings of the data are the default.
        options: the values of the command line.
        columns: the columns of the model.

    Raises:
        InputError: the data cannot be used.
    """
    from apps.stock.config import StockConfig
    from apps.stock.panel import load_panel

    config = run.read_config(StockConfig)
    if options.data:
        config = replace(config, data=options.data, ticker=None)
    given = {name: getattr(options, name) for name in ("ticker", "delimiter", "decimal")}
    config = replace(config, **{name: value for name, value in given.items() if value})
    return load_panel(config, columns), config.data


def chart_title(forecasts: Sequence[dict[str, Any]]) -> str:
    """The heading of a chart of the result of `Forecaster.forecast_panel`."""
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
    forecaster = run.load(options.source)
    forecasts = forecaster.forecast_panel(*read_panel(run, options, forecaster.columns))
    from apps.stock.plots import fan_chart

    table = forecaster.as_table(forecasts)
    output = options.output or run.path / "forecast"
    file, picture = output.with_name(output.name + ".csv"), output.with_name(output.name + ".png")
    write_text(file, table.to_csv(index=False, lineterminator="\n"))
    fan_chart(picture, forecasts[:PICTURED], forecaster.levels, chart_title(forecasts))
    print(table.head(PRINTED).to_string(index=False, float_format="{:.6g}".format))
    if len(table) > PRINTED:
        print(f"... {len(table) - PRINTED:,} more rows in {file}")
    print(f"written to {file} and {picture}{caution(forecasts)}")


if __name__ == "__main__":
    main()
