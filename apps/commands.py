"""The commands of every application; TensorFlow is imported after the arguments are parsed.

    python -m apps.APP.train [PRESET] [--flags]
    python -m apps.APP.tune [PRESET] [--trials N] [--flags]
    python -m apps.APP.evaluate RUN
    python -m apps.APP.export RUN [--quantization ...] [--target mobile|web|micro|onnx]

`train`, `evaluate` and `export` are the same from Python.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import tyro

from apps.common import cli
from apps.common.config import TrainingConfig, flag
from apps.common.environment import import_tensorflow
from apps.common.errors import InputError
from apps.common.run import Run
from apps.task import Quantization, Target

if TYPE_CHECKING:
    from apps.task import Evaluation, Task


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """The command line of an export."""

    run: cli.RunArgument

    quantization: Quantization = "none"
    """Weights of the LiteRT file: float32 (none), int8 (dynamic) or float16; for micro none, or
    int8 or int16 for all values."""

    target: Target = "mobile"
    """Runtime: LiteRT on phones and in Python (any sizes), LiteRT.js in a browser (fixed sizes,
    `web.tflite`), TFLite Micro (one time step, `micro.tflite`), or those of ONNX (the network,
    `model.onnx`)."""

    time: tuple[int, ...] = ()
    """Lengths of a sequence for the web, each with a signature; none for that of the run."""

    author: str | None = None
    """Author, for the metadata of the files."""

    license: str | None = None
    """License of the model, for the metadata of the files, such as Apache-2.0."""


def train(app: str, config: TrainingConfig, run: Run | None = None) -> Run:
    """Trains, evaluates and exports; see `runner.train`."""
    runner, task = _load(app)
    return runner.train(task, config, run)


def evaluate(app: str, run: Run) -> "Evaluation":
    """Evaluates a trained run; see `runner.evaluate`."""
    runner, task = _load(app)
    return runner.evaluate(task, run)


def export(
    app: str,
    run: Run,
    quantization: Quantization = "none",
    target: Target = "mobile",
    lengths: Sequence[int] = (),
    author: str | None = None,
    license: str | None = None,
) -> dict[str, Any]:
    """Exports a trained run; see `runner.export`."""
    runner, task = _load(app)
    return runner.export(task, run, quantization, target, lengths, author, license)


@cli.command
def train_command(app: str, argv: Sequence[str] | None = None) -> None:
    """`python -m apps.APP.train`."""
    settings = import_module(f"apps.{app}.config")
    config, run = cli.parse(app, settings.PRESETS, argv, description=settings.DESCRIPTION)
    began = time.monotonic()
    run = train(app, config, run)
    _, task = _load(app)
    minutes = (time.monotonic() - began) / 60
    print(f"done in {minutes:.1f} minutes; next:\n  {task.next_command(run)}")


@cli.command
def tune_command(app: str, argv: Sequence[str] | None = None) -> None:
    """`python -m apps.APP.tune`: a sweep; the best trial becomes a run."""
    settings = import_module(f"apps.{app}.config")
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--trials", type=int, default=16)
    known, rest = own.parse_known_args(argv)
    config, run = cli.parse(
        app,
        settings.PRESETS,
        rest,
        description=f"Try values of {', '.join(settings.SEARCH)} that no flag sets, by Ray Tune: "
        "--trials N combinations (16). The best one on the validation data becomes a run.",
        verb="tune",
    )
    if run is not None or known.trials < 1:
        raise InputError("a sweep takes --trials, a positive integer, and no --resume")
    flags = {word.partition("=")[0].replace("_", "-") for word in rest}
    search = {
        field: values for field, values in settings.SEARCH.items() if flag(field) not in flags
    }
    if not search:
        raise InputError(f"nothing to try: the flags set {', '.join(settings.SEARCH)}")
    runner, task = _load(app)
    tuning = import_module("apps.common.tuning")
    run, table = tuning.tune(task, config, search, known.trials)
    print(table.to_string(index=False))
    runner.train(task, run.read_config(type(config)), run)
    print(f"the best of {len(table)} trials is {run}; all are in {run.path / 'tune.csv'}")


@cli.command
def evaluate_command(app: str, argv: Sequence[str] | None = None) -> None:
    """`python -m apps.APP.evaluate RUN`."""
    description = "Evaluate a trained run on its test data again, and rewrite its model card."
    run = cli.parse_run(app, "evaluate", description, argv)
    evaluation = evaluate(app, run)
    print(f"written to {run.metrics} and {run.card}: {evaluation.headline}")


@cli.command
def export_command(app: str, argv: Sequence[str] | None = None) -> None:
    """`python -m apps.APP.export RUN`: exports and prints sizes and differences."""
    options = tyro.cli(
        ExportOptions,
        args=argv,
        prog=f"python -m apps.{app}.export",
        description="Export a trained run to a SavedModel and a LiteRT file.",
    )
    run = Run.open(app, options.run)
    report = export(
        app, run, options.quantization, options.target, options.time, options.author,
        options.license,
    )  # fmt: skip
    for name in ("saved_model", "litert") if options.target == "mobile" else (options.target,):
        entry = report[name]
        differences = ", ".join(f"{k} {d:.1e}" for k, d in entry["max_difference"].items())
        print(
            f"{run.path / entry['file']}: {entry['bytes'] / 1e3:,.0f} kB, "
            + (f"arena {entry['arena_bytes']:,} bytes, " if "arena_bytes" in entry else "")
            + f"largest difference from the Keras model: {differences}"
        )


def _load(app: str) -> tuple[ModuleType, "Task"]:
    """The runner and the task; TensorFlow, which they need, is imported without its messages."""
    import_tensorflow()
    return import_module("apps.runner"), import_module(f"apps.{app}.task").TASK
