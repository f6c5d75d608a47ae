"""The exported signatures of the forecaster."""

import numpy as np

from apps.common.errors import InputError
from apps.common.files import atomic_path
from apps.common.run import Run
from apps.stock.backtest import arrays
from apps.stock.config import StockConfig
from apps.stock.data import Data
from apps.stock.model import ForecasterGraph
from apps.task import Signatures, Trained

FILE = "examples.npz"
EXAMPLES = 8  # at most


def write_examples(run: Run, config: StockConfig, data: Data) -> None:
    """Writes some test windows to the run, to compare exports on real values."""
    starts = data.windows["test"]
    windows, _ = arrays(config, data, starts[:: -(-len(starts) // EXAMPLES)])
    with atomic_path(run.path / FILE) as temporary:
        np.savez(temporary, window=windows)


def signatures(trained: Trained) -> Signatures:
    """Raw windows to quantiles in the units of the data (see `ForecasterGraph`).

    Raises:
        InputError: the examples of the run are missing or damaged.
    """
    path = trained.run.path / FILE
    try:
        with np.load(path) as saved:
            windows = saved["window"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    config = trained.config
    forecaster = ForecasterGraph(config, trained.model)
    exported = {
        "functions": {"forecast": forecaster.forecast},
        "trackables": [trained.model],
        "examples": {"forecast": [{"window": windows[:1]}, {"window": windows}]},
    }
    return Signatures(
        saved_model=exported,
        litert=exported,
        facts={
            "columns": trained.run.read_json("scaler.json")["columns"],
            "targets": trained.model.get_layer("scaling").targets,
            "lookback": config.lookback,
            "horizon": config.horizon,
            "levels": list(config.levels),
            "minimum": forecaster.minimum,
        },
    )
