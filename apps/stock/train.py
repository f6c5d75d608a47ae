"""`python -m apps.stock.train`: from a table of numbers to a judged, exported forecaster."""

import time

from apps.common import cli, environment
from apps.common.run import Run
from apps.stock.config import PRESETS, StockConfig

DESCRIPTION = "Train a forecaster of time series, compare it with baselines, and export it."


def train(config: StockConfig, run: Run | None = None) -> Run:
    """Trains, from where `run` was interrupted if one is given, then evaluates and exports.

    Args:
        config: the configuration.
        run: the run to continue; None makes a new one.

    Returns:
        The run, complete.

    Raises:
        InputError: the data cannot be used or are not those of `run`, or the loss is not finite
            any more.
    """
    environment.prepare(config)  # before anything else imports TensorFlow

    from apps.common.fit import fit
    from apps.common.plots import plot_loss
    from apps.stock import batches, evaluate, export
    from apps.stock.data import load, minimum_notes
    from apps.stock.model import build

    data = load(config, run)
    panel, windows = data.panel, data.windows
    model = build(
        config,
        len(panel.columns),
        panel.targets,
        data.statistics,
        batches.spread(config, data),
        minimum=data.minimum,
    )
    compile_model(model, config, len(batches.train(config, data, epoch=0)))

    if run is None:
        command = cli.command_line("stock", PRESETS, config)
        run = Run.create("stock", config, command=command, data_sha256=panel.sha256)
    with run.training():
        run.write_json("scaler.json", {"columns": list(panel.columns), **data.statistics})
        for note in [*panel.notes, *minimum_notes(panel, data.minimum)]:
            print(f"{config.data}: {note}")
        print(f"{run}: {len(panel.values):,} rows of {len(panel.names)} series; windows: "
              f"{len(windows['train']):,} to train on, {len(windows['validation']):,} to choose "
              f"by, {len(windows['test']):,} to test on; {model.count_params():,} weights",
              flush=True)  # fmt: skip
        fit(
            model,
            train=lambda epoch: batches.train(config, data, epoch),
            validation=batches.validation(config, data),
            config=config,
            run=run,
        )
        plot_loss(run, unit=f"{config.loss}, in units of the scaling")
        evaluate.evaluate(run)
        export.export(run)
    return run


def compile_model(model, config: StockConfig, batches_per_epoch: int) -> None:
    """The optimizer and the loss."""
    from apps.common.optimizer import adamw
    from apps.stock.model import loss_of

    model.compile(adamw(config, batches_per_epoch, config.weight_decay), loss=loss_of(config))


@cli.command
def main(argv=None) -> None:
    """The command."""
    config, run = cli.parse("stock", PRESETS, argv, description=DESCRIPTION)
    began = time.monotonic()
    run = train(config, run)
    print(f"done in {(time.monotonic() - began) / 60:.1f} minutes; next:")
    print(f"  python -m apps.stock.forecast {run} --data {config.data}")


if __name__ == "__main__":
    main()
