"""Exports a run: `python -m apps.stock.export RUN [--quantization none|dynamic|float16]`."""

from collections.abc import Sequence
from typing import Any

from apps.common.cli import command
from apps.common.environment import import_tensorflow
from apps.common.exporting import Quantization, export_command, write_exports
from apps.common.progress import reports
from apps.common.run import Run


@reports("export")
def export(run: Run, quantization: Quantization = "none") -> dict[str, Any]:
    """Write `saved_model/1/` and `model.tflite` of a trained run, each verified, and `export.json`.

    Both have the signature `forecast` (see `apps.stock.model.Forecaster`), compared with the Keras
    model on real windows of the run's test part.

    Returns:
        What `export.json` holds: for `saved_model` and `litert` the `file`, its `bytes`, and
        `max_difference` from the Keras model by signature (the SavedModel reloaded in a fresh
        process); the `quantization` of the LiteRT file; and what one must know to call them:
        `columns` of the window, the number of `targets` among them (the first ones), `lookback`,
        `horizon`, the `levels` of the quantiles, and by target the `minimum` of the forecasts.

    Raises:
        InputError: the run's files do not fit together, its data are gone, or the export failed.
    """
    import_tensorflow()
    from apps.stock import data as data_module
    from apps.stock.backtest import arrays
    from apps.stock.model import Forecaster, load

    config, trained = load(run)
    data = data_module.load(config, run)
    forecaster = Forecaster(config, trained)
    test, _ = arrays(config, data, data.windows["test"][:: max(1, len(data.windows["test"]) // 7)])
    examples = {"forecast": [{"window": test[:1]}, {"window": test}]}
    exports = {
        "functions": {"forecast": forecaster.forecast},
        "trackables": [trained],
        "examples": examples,
    }
    return write_exports(
        run,
        quantization,
        saved_model=exports,
        litert=exports,
        columns=list(data.panel.columns),
        targets=data.panel.targets,
        lookback=config.lookback,
        horizon=config.horizon,
        levels=list(config.levels),
        minimum=forecaster.minimum,
    )


@command
def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    export_command("stock", export, argv)


if __name__ == "__main__":
    main()
