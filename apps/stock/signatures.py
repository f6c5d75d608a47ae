"""The exported signatures of the forecaster."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from apps.common.errors import InputError
from apps.common.files import atomic_path
from apps.common.run import Run
from apps.stock.backtest import arrays
from apps.stock.config import StockConfig
from apps.stock.data import Data
from apps.stock.model import ForecasterGraph
from apps.task import Signatures, Trained
from rnn_keras.export.models import Export

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
    config, windows = trained.config, read_examples(trained.run)
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


def micro(trained: Trained) -> Mapping[str, Any]:
    """`step` reads a row of what `Scaling` computes, and gives the `gaps` of `MonotonicQuantiles`.

    Neither layer has operations that TFLite Micro runs in int8; both are a line of C per value.

    Raises:
        InputError: the network needs the whole window, or the examples are missing or damaged.
    """
    scaling, network, quantiles = map(trained.model.get_layer, ("scaling", "network", "quantiles"))
    if scaling.kind == "window" or (scaling.kind == "train" and scaling.residual):
        raise InputError(f"the scaling {scaling.kind} needs the whole window before its first row")
    rows = scaling(read_examples(trained.run))
    x = keras.Input((None, rows.shape[-1]), name="x")
    model = keras.Model(x, {"gaps": quantiles.gaps(network(x))}, name="forecaster")
    export = Export(model, ("step",), {"x": rows.numpy()}, "micro")
    return {
        "functions": export.functions,
        "trackables": [export.model],
        "examples": export.examples,
    }


def onnx(trained: Trained) -> Mapping[str, Any]:
    """`ForecasterGraph.forecast`: raw windows to quantiles in the units of the data."""
    windows = read_examples(trained.run)
    network = ForecasterGraph(trained.config, trained.model).network()
    return {"model": network, "examples": {"window": windows}}


def read_examples(run: Run) -> np.ndarray:
    """The windows of `write_examples`, float32 `(windows, lookback, columns)`.

    Raises:
        InputError: the file is missing or damaged.
    """
    path = run.path / FILE
    try:
        with np.load(path) as saved:
            return saved["window"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
