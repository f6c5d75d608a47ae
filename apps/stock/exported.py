"""The exported forecaster, from a SavedModel or a LiteRT file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from apps.common.errors import InputError
from apps.common.exported import load_export, one_line_export_errors
from apps.common.run import Run
from apps.stock.config import StockConfig
from apps.stock.dates import future_dates
from apps.stock.panel import Panel, clean
from apps.stock.table import table_of_frame
from rnn_keras.export import LiteRTModel, SavedModel


class Forecaster:
    """Forecasts the rows after the last one of each series.

    Args:
        model: a SavedModel or a LiteRT file with the signature `forecast`.
        config: the configuration of the run.
        facts: `export.json`, with `columns`, `lookback`, `horizon` and `levels`.

    Attributes:
        columns: the columns that a table needs, those to forecast first.
        levels: the quantiles that are forecast; a model of the mean has the one level 0.5.
    """

    def __init__(
        self, model: SavedModel | LiteRTModel, config: StockConfig, facts: Mapping[str, Any]
    ):
        self._model, self._config = model, config
        self.columns, self.levels = facts["columns"], facts["levels"]
        self._lookback, self._horizon = facts["lookback"], facts["horizon"]

    def forecast(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The forecast of a table.

        Args:
            frame: the series up to now, with the columns of the training, in any order; dates in a
                column or in the index, and tickers in a column, where there are any.

        Returns:
            A row per series, column to forecast, and step; see `as_table`.

        Raises:
            InputError: as `forecast_panel`, or the table cannot be used.
        """
        config = replace(self._config, ticker=None)
        panel = clean(table_of_frame(frame, "the table"), config, self.columns)
        return self.as_table(self.forecast_panel(panel, "the table"))

    def forecast_panel(self, panel: Panel, source: str) -> list[dict[str, Any]]:
        """The forecast in the units of the data.

        Args:
            panel: the series, with `columns`.
            source: its name in messages.

        Returns:
            A forecast per series and target: `series`, `column`; `dates` and `values` of the known
            rows; `window`, the rows that the model reads, `(lookback, columns)`; `ahead`, the
            future dates (row numbers for data without dates); and `quantiles`, `(horizon, levels)`.

        Raises:
            InputError: there are too few rows, or the forecast is not finite.
        """
        rows_of = [np.flatnonzero(panel.series == i) for i in range(len(panel.names))]
        series = [i for i, rows in enumerate(rows_of) if len(rows) >= self._lookback]
        if not series:
            longest = max(map(len, rows_of))
            raise InputError(
                f"{source} is too short: a forecast needs {self._lookback} rows, got {longest}"
            )
        windows = np.stack([panel.values[rows_of[i][-self._lookback :]] for i in series])
        quantiles = self._model.run("forecast", window=windows.astype("float32"))["quantiles"]
        # With a single target there is no axis of targets.
        quantiles = quantiles.reshape(len(series), self._horizon, panel.targets, -1)
        endless = np.flatnonzero(~np.isfinite(quantiles).all(axis=(1, 2, 3)))
        if len(endless):
            raise InputError(
                f"{source}: the forecast of {panel.names[series[endless[0]]]} is not finite; its "
                "values are too large, too small or too wild for the model"
            )
        return [
            {
                "series": panel.names[i],
                "column": panel.columns[target],
                "dates": panel.dates[rows_of[i]],
                "values": panel.values[rows_of[i], target],
                "window": window,
                "ahead": future_dates(panel.dates[rows_of[i][-1]], panel.step, self._horizon),
                "quantiles": fan[:, target],
            }
            for i, window, fan in zip(series, windows, quantiles)
            for target in range(panel.targets)
        ]

    def as_table(self, forecasts: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Forecasts as a table: `series`, `column`, `step`, `date`, and the quantiles.

        The columns of the quantiles are `q0.1` and the like, or `forecast` for a single one.

        Args:
            forecasts: what `forecast_panel` returns.
        """
        names = [f"q{level:g}" for level in self.levels] if len(self.levels) > 1 else ["forecast"]
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


def load(run: Run, source: str) -> Forecaster:
    """The forecaster of a run; neither `best.keras` nor `scaler.json` is read.

    Args:
        run: an exported run.
        source: "saved_model" or "litert".

    Raises:
        InputError: the run is not exported, or the export is damaged.
    """
    model = load_export(run, source, "forecast")
    with one_line_export_errors(run, run.path / "export.json"):
        return Forecaster(model, run.read_config(StockConfig), run.read_json("export.json"))
