"""The forecaster as a task of `apps.runner`."""

import keras

from apps.common.optimizer import adamw
from apps.common.run import Run
from apps.stock import batches, data, model
from apps.stock.config import PRESETS, StockConfig
from apps.stock.data import Data, minimum_notes
from apps.stock.evaluation import evaluate
from apps.stock.signatures import micro, onnx, signatures, write_examples
from apps.task import Task


def build(config: StockConfig, data: Data) -> keras.Model:
    """The model, scaled by statistics of the training rows."""
    return model.build(
        config,
        len(data.panel.columns),
        data.panel.targets,
        data.statistics,
        batches.initial_quantiles(config, data),
        minimum=data.minimum,
    )


def compile_model(network: keras.Model, config: StockConfig, batches_per_epoch: int) -> None:
    """The optimizer and the loss."""
    network.compile(
        adamw(config, batches_per_epoch, config.weight_decay), loss=model.build_loss(config)
    )


def _describe(data: Data) -> str:
    windows = {part: len(starts) for part, starts in data.windows.items()}
    return (
        f"{len(data.panel.values):,} rows of {len(data.panel.names)} series; windows: "
        f"{windows['train']:,} to train on, {windows['validation']:,} to validate on, "
        f"{windows['test']:,} to test on"
    )


def _save_assets(run: Run, config: StockConfig, data: Data) -> None:
    run.write_json("scaler.json", {"columns": list(data.panel.columns), **data.statistics})
    write_examples(run, config, data)


TASK = Task(
    name="stock",
    presets=PRESETS,
    loss_unit=lambda config: f"{config.loss}, in units of the scaling",
    load_data=lambda config, _: data.load(config),
    build=build,
    compile=compile_model,
    batches=lambda config, data, epoch: (
        batches.validation(config, data) if epoch is None else batches.train(config, data, epoch)
    ),
    describe=_describe,
    notes=lambda data: [*data.panel.notes, *minimum_notes(data.panel, data.minimum)],
    save_assets=_save_assets,
    load=model.load,
    evaluate=evaluate,
    signatures=signatures,
    micro=micro,
    onnx=onnx,
    next_command=lambda run: (
        f"python -m apps.stock.forecast {run} --data {run.read_config(StockConfig).data}"
    ),
)
