"""Forecasts the real future: `python -m apps.stock.forecast RUN --data PATH [--from litert ...]`.

It needs nothing but what `apps.stock.export` wrote, and the run's `config.json`, which says how the
data are to be read.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from apps.common.cli import RunArgument, command
from apps.common.environment import import_tensorflow
from apps.common.errors import InputError
from apps.common.files import write_text
from apps.common.run import Run

PICTURED = 6  # series in the chart


@dataclass(frozen=True, kw_only=True)
class ForecastOptions:
    """The command line."""

    run: RunArgument

    data: str | None = None
    """The series up to today: builtin or a path; None takes what the run was trained on."""

    ticker: str | None = None
    """The one series to forecast of a file with many; None forecasts them all."""

    source: Annotated[Literal["saved_model", "litert"], tyro.conf.arg(name="from")] = "saved_model"
    """What to run: the SavedModel, or the LiteRT file."""

    output: Path | None = None
    """Where to write, without the ending: OUTPUT.csv and OUTPUT.png; None stands for `forecast` in
    the run's directory."""


def forecast(run: Run, options: ForecastOptions):
    """The forecast of the rows after the last one, in the units of the data.

    Args:
        run: an exported run; neither `best.keras` nor `scaler.json` is read.
        options: the values of the command line.

    Returns:
        A `pandas.DataFrame`, a row per series, column and step: `series`, `column`, `step`, `date`
        (a row number for data without dates), and a column per quantile such as `q0.05`, or `mean`
        for a model of the mean; and the panels of its fan chart (see `plots.fan_chart`).

    Raises:
        InputError: the run is not exported, what was exported is damaged, or the data cannot be
            used or have too few rows.
    """
    make = f"make it with python -m apps.stock.export {shlex.quote(str(run))}"
    try:
        spec = json.loads((run.path / "export.json").read_text(encoding="utf-8"))
        columns, lookback, levels = spec["columns"], spec["lookback"], spec["levels"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{run} has no export that can be read; {make}") from error
    import pandas as pd

    from apps.stock.config import StockConfig
    from apps.stock.dates import coming
    from apps.stock.panel import load_panel

    config = run.read_config(StockConfig)
    data, ticker = options.data or config.data, options.ticker or config.ticker
    if options.data and not options.ticker:
        ticker = None
    panel = load_panel(replace(config, data=data, ticker=ticker), columns)
    import numpy as np

    known = [np.flatnonzero(panel.series == i) for i in range(len(panel.names))]
    long_enough = [i for i, rows in enumerate(known) if len(rows) >= lookback]
    if not long_enough:
        raise InputError(
            f"{data} is too short: a forecast needs {lookback} rows, got {max(map(len, known))}"
        )
    windows = np.stack([panel.values[known[i][-lookback:]] for i in long_enough])
    quantiles = _run(run, options.source, windows.astype("float32"), make)
    if quantiles.ndim == 3:
        quantiles = quantiles[:, :, None]

    names = [f"q{level:g}" for level in levels] if len(levels) > 1 else [_single(config)]
    rows, panels = [], []
    for i, fan in zip(long_enough, quantiles):
        dates = panel.dates[known[i]]
        ahead = coming(dates[-1], panel.step, config.horizon)
        for target in range(panel.targets):
            for step, date in enumerate(ahead):
                values = dict(zip(names, fan[step, target].tolist()))
                rows.append(
                    {
                        "series": panel.names[i],
                        "column": panel.columns[target],
                        "step": step + 1,
                        "date": date,
                        **values,
                    }
                )
            panels.append(
                {
                    "name": f"{panel.names[i]}: {panel.columns[target]}",
                    "dates": dates,
                    "values": panel.values[known[i], target],
                    "ahead": ahead,
                    "quantiles": fan[:, target],
                }
            )
    return pd.DataFrame(rows), panels, levels


def _single(config) -> str:
    return "mean" if config.loss == "mse" else "q0.5"


def _run(run: Run, source: str, windows, make: str):
    """The quantiles of raw windows, from an exported file."""
    exported = run.saved_model / "1" if source == "saved_model" else run.tflite
    if not exported.exists():
        raise InputError(f"{exported} not found; {make}")
    tf = import_tensorflow()
    try:
        if source == "saved_model":
            loaded = tf.saved_model.load(str(exported))
            return loaded.signatures["forecast"](window=tf.constant(windows))["quantiles"].numpy()
        from rnn_keras.export import LiteRTModel

        return LiteRTModel(exported).run("forecast", window=windows)["quantiles"]
    except (OSError, ValueError, LookupError, tf.errors.OpError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"cannot read {exported}: {reason}; {make}") from error


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command: prints the forecast, writes it as CSV and as a fan chart."""
    options = tyro.cli(
        ForecastOptions,
        args=argv,
        prog="python -m apps.stock.forecast",
        description="Forecast the rows after the last one, with an exported run. "
        "Not financial advice.",
    )
    run = Run.open("stock", options.run, trained=False)
    table, panels, levels = forecast(run, options)
    from apps.stock.plots import fan_chart

    output = options.output or run.path / "forecast"
    file, picture = output.with_name(output.name + ".csv"), output.with_name(output.name + ".png")
    write_text(file, table.to_csv(index=False, lineterminator="\n"))
    fan_chart(picture, panels[:PICTURED], levels, "Forecast (not financial advice)")
    print(table.head(40).to_string(index=False, float_format="{:.6g}".format))
    if len(table) > 40:
        print(f"... {len(table) - 40:,} more rows in {file}")
    print(f"written to {file} and {picture}; not financial advice")


if __name__ == "__main__":
    main()
