"""Exports a run: `python -m apps.stock.export RUN [--quantization none|dynamic|float16]`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import tyro

from apps.common.cli import RunArgument, command
from apps.common.environment import import_tensorflow
from apps.common.errors import InputError
from apps.common.run import Run

Quantization = Literal["none", "dynamic", "float16"]


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """The command line."""

    run: RunArgument

    quantization: Quantization = "none"
    """Weights of the LiteRT file: none keeps float32, dynamic makes them int8, float16 halves
    them."""


def export(run: Run, quantization: Quantization = "none") -> dict[str, Any]:
    """Write `saved_model/1/` and `model.tflite` of a trained run, each verified, and `export.json`.

    Both have the signature `forecast` (see `apps.stock.model.Forecaster`), compared with the Keras
    model on real windows of the run's test part.

    Returns:
        What `export.json` holds: for `saved_model` and `litert` the `file`, its `bytes`, and
        `max_difference` from the Keras model by signature (the SavedModel reloaded in a fresh
        process); the `quantization` of the LiteRT file; and what one must know to call them:
        `columns` of the window, the number of `targets` among them (the first ones), `lookback`,
        `horizon` and the `levels` of the quantiles.

    Raises:
        InputError: the run's files do not fit together, its data are gone, or the export failed.
    """
    import_tensorflow()
    from apps.stock import data as data_module
    from apps.stock.backtest import arrays
    from apps.stock.model import Forecaster, load
    from rnn_keras.export import ExportError, write_litert, write_saved_model

    config, trained = load(run)
    data = data_module.load(config, run)
    forecaster = Forecaster(config, trained)
    functions = {"forecast": forecaster.forecast}
    test, _ = arrays(config, data, data.windows["test"][:: max(1, len(data.windows["test"]) // 7)])
    examples = {"forecast": [{"window": test[:1]}, {"window": test}]}
    try:
        saved_model = write_saved_model(functions, [trained], run.saved_model, examples=examples)
        litert = write_litert(functions, [trained], run.tflite, quantization, examples=examples)
    except ExportError as error:
        raise InputError(f"cannot export {run}: {error}") from error
    report = {
        "saved_model": _entry(run, asdict(saved_model), "directory"),
        "litert": _entry(run, asdict(litert), "file"),
        "quantization": quantization,
        "columns": list(data.panel.columns),
        "targets": data.panel.targets,
        "lookback": config.lookback,
        "horizon": config.horizon,
        "levels": list(config.levels),
    }
    run.write_json("export.json", report)
    return report


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    options = tyro.cli(
        ExportOptions,
        args=argv,
        prog="python -m apps.stock.export",
        description="Export a trained run to a SavedModel and a LiteRT file.",
    )
    run = Run.open("stock", options.run)
    report = export(run, options.quantization)
    for name in ("saved_model", "litert"):
        entry = report[name]
        print(
            f"{run.path / entry['file']}: {entry['bytes'] / 1e3:,.0f} kB, largest difference from "
            f"the Keras model: {entry['max_difference']['forecast']:.1e}"
        )


def _entry(run: Run, report: dict[str, Any], place: str) -> dict[str, Any]:
    return {
        "file": str(report[place].relative_to(run.path)),
        "bytes": report["bytes"],
        "max_difference": report["differences"],
    }


if __name__ == "__main__":
    main()
