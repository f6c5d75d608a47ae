"""The configuration of the forecaster, and its presets."""

from dataclasses import dataclass
from typing import Annotated, Literal

from apps.common.bounds import NonNegative, PositiveInt, Rate, at_least, is_number
from apps.common.config import TrainingConfig, named
from apps.common.errors import InputError

ALL = "all"  # the value of --target that means every column
MAX_FEEDBACK = 100  # steps of the autoregressive model, which is unrolled


DESCRIPTION = "Train a forecaster of a time series, compare it with baselines, and export it."


@dataclass(frozen=True, kw_only=True)
class StockConfig(TrainingConfig):
    """The flags of the forecaster, in addition to those of every application."""

    delimiter: Literal["auto", ",", ";", "tab", "|"] = "auto"
    """Delimiter of the cells of a CSV file; auto infers it."""

    decimal: Literal["auto", ".", ","] = "auto"
    """Decimal sign of a CSV file; auto infers it from all cells."""

    target: str = "close"
    """Column to forecast; `all` forecasts every column."""

    columns: tuple[str, ...] = ()
    """Other columns that the model reads, such as open high low volume."""

    ticker: str | None = None
    """Ticker of the one series to use from a file with many; None pools them all."""

    lookback: Annotated[PositiveInt, at_least(2)] = 60
    """Rows of the look-back window, the model's input."""

    horizon: PositiveInt = 5
    """Rows to forecast, the model's output."""

    stride: PositiveInt = 1
    """Rows between the starts of neighbouring training windows."""

    split: tuple[int | float, ...] = (0.7, 0.85, 1.0)
    """Ends of the training, validation and test rows: fractions of all rows, or row numbers."""

    reach_back: bool = False
    """Let the look-back of the first windows reach into the split before, as in the literature on
    long horizons; otherwise a gap of one horizon separates the splits."""

    stock_splits: Literal["refuse", "adjust", "keep"] = "refuse"
    """What to do with a jump of the target that looks like an unadjusted stock split."""

    scaling: Literal["returns", "window", "train"] = "returns"
    """Scaling of the network's input: log returns, for prices; values scaled by their own window;
    or values scaled by the training rows."""

    residual: bool = True
    """Forecast the change from the last value, so that training starts at persistence."""

    season: PositiveInt | None = None
    """Rows of one season, for the seasonal naive baseline; None infers it from the dates."""

    minimum: float | Literal["auto", "none"] = "auto"
    """Lowest value of a forecast, in the units of the data: a number, none, or auto, which is 0 for
    a column that is never negative in the training rows."""

    model: Literal["direct", "autoregressive", "segment"] = "direct"
    """direct: one output layer for all steps. autoregressive: each step reads the forecast of the
    step before. segment: a GRU over segments, for long horizons; each column from its own past."""

    cell: Literal["vanilla", "gru", "lstm"] = "gru"
    """Recurrent layer."""

    layers: PositiveInt = 1
    """Number of stacked recurrent layers."""

    units: PositiveInt = 64
    """Size of the hidden state of each layer."""

    segment: PositiveInt = 48
    """Rows of one segment (--model segment)."""

    column_embedding: bool = True
    """Give the network an embedding of the column that it forecasts (--model segment)."""

    linear_penalty: NonNegative | None = None
    """L2 penalty of a linear map of the window whose output is added to the network's; None: no
    linear map (--model segment)."""

    dropout: Rate = 0.2
    """Dropout rate of each recurrent layer's output."""

    weight_decay: NonNegative = 0.0
    """Decoupled weight decay of the optimizer (AdamW)."""

    loss: Literal["pinball", "mse"] = "pinball"
    """pinball: quantiles, with the median as point forecast. mse: the mean alone."""

    quantiles: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    """Increasing quantile levels that include 0.5 (--loss pinball)."""

    def __post_init__(self):
        """Check what fields demand of each other."""
        super().__post_init__()
        self.check(bool(self.target), "target", "a column's name")
        self.check(
            self.minimum in ("auto", "none") or is_number(self.minimum),
            "minimum",
            "a number, auto or none",
        )
        self._check_split()
        self._check_quantiles()
        self._check_fit()

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantile levels of the model's output; (0.5,) stands for the mean of `mse`."""
        return self.quantiles if self.loss == "pinball" else (0.5,)

    @property
    def point(self) -> int:
        """Position among `levels` of the point forecast."""
        return self.levels.index(0.5)

    def _check_split(self):
        ends = self.split
        fractions = all(is_number(end) and 0 < end <= 1 for end in ends)
        rows = all(is_number(end) and end > 1 and float(end).is_integer() for end in ends)
        self.check(
            len(ends) == 3 and (fractions or rows) and ends[0] < ends[1] < ends[2],
            "split",
            "three rising parts of at most 1, or three rising row numbers",
        )

    def _check_quantiles(self):
        levels = self.quantiles
        self.check(
            all(is_number(q) and 0 < q < 1 for q in levels)
            and list(levels) == sorted(set(levels))
            and 0.5 in levels,
            "quantiles",
            "rising numbers between 0 and 1 with 0.5 among them",
        )

    def _check_fit(self):
        """Refuse settings that contradict each other."""
        self.check(
            self.residual or self.scaling != "returns",
            "residual",
            "on with --scaling returns, which are changes",
        )
        self.check(
            self.model != "autoregressive" or self.horizon <= MAX_FEEDBACK,
            "horizon",
            f"at most {MAX_FEEDBACK} with --model autoregressive; take direct or segment",
        )
        if self.target == ALL and self.columns:
            raise InputError("--columns must be left out with --target all, which reads them all")
        if self.model != "segment":
            self.check(self.linear_penalty is None, "linear_penalty", "left out without segments")
        else:
            self.check(
                not self.columns, "columns", "left out with --model segment, which reads only "
                "the past of what it forecasts",
            )  # fmt: skip
            self.check(self.scaling != "returns", "scaling", "window or train with --model segment")
            self.check(
                self.lookback % self.segment == 0,
                "lookback",
                f"a multiple of --segment ({self.segment}) with --model segment",
            )
            self.check(self.cell == "gru", "cell", "gru with --model segment")
            self.check(self.layers == 1, "layers", "1 with --model segment")


# Values that `apps.stock.tune` tries.
SEARCH = {
    "learning_rate": (3e-4, 1e-3, 3e-3),
    "dropout": (0.0, 0.2, 0.4),
    "units": (32, 64, 128),
}
PRESETS = named(
    {
        "tiny": (
            "a GRU of 32 units on Google's prices of 2004-2008, half a minute on 2 cores",
            StockConfig(epochs=10, units=32, lookback=40, ema=0.98),
        ),
        "base": (
            "two GRUs of 64 units, for daily prices and 2 cores",
            StockConfig(epochs=15, layers=2, batch_size=128, ema=0.99, patience=5),
        ),
        "long": (
            "a segment-wise GRU over all columns for long horizons; the protocol of ETTh1",
            StockConfig(
                target=ALL,
                scaling="train",
                split=(8640, 11520, 14400),
                reach_back=True,
                model="segment",
                lookback=720,
                horizon=96,
                units=128,
                quantiles=(0.5,),
                batch_size=64,
                epochs=8,
                clip_norm=None,
            ),
        ),
        "large": (
            "three LSTMs of 256 units, for thousands of series and a GPU",
            StockConfig(
                cell="lstm",
                layers=3,
                units=256,
                lookback=250,
                horizon=20,
                dropout=0.3,
                batch_size=512,
                epochs=50,
                ema=0.999,
                patience=5,
            ),
        ),
    }
)
