"""Trains, evaluates and exports any task.

`apps.commands` has the same three functions by application name, and their command lines.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from apps.common import cli, environment
from apps.common.card import markdown_table, model_card
from apps.common.config import TrainingConfig
from apps.common.errors import InputError
from apps.common.history import best_row, describe_kept, read_history
from apps.common.plots import plot_loss
from apps.common.progress import reports
from apps.common.results import append_result
from apps.common.run import Run, runs_root
from apps.common.scale import build, fit_task
from apps.task import Data, Evaluation, Quantization, Target, Task
from rnn_keras.export import ExportError, write_litert, write_saved_model


def train(task: Task, config: TrainingConfig, run: Run | None = None) -> Run:
    """Trains a model, or resumes its training; then evaluates and exports it.

    Args:
        task: the application.
        config: the configuration.
        run: the run to continue; None makes a new one.

    Returns:
        The run, complete.

    Raises:
        InputError: the data cannot be used or are not those of `run`, the loss is not finite, or
            the export failed.
    """
    environment.prepare(config)
    data = load_data(task, config, run)
    model = build(task, config, data)
    monitor, mode = task.monitor(config)
    if run is None:
        command = cli.command_line(task.name, task.presets, config)
        run = Run.create(task.name, config, command=command, data_sha256=data.sha256)
    with run.training():
        task.save_assets(run, config, data)
        for note in task.notes(data):
            print(f"{config.data}: {note}")
        size = f"{model.count_params():,} weights"
        print(f"{run}: {task.describe(data)}; {size}", flush=True)
        task.before_fit(model, config, data, run)
        fit_task(task, config, data, model, run)
        task.after_fit(config, data, run)
        plot_loss(run, unit=task.loss_unit(config), monitor=monitor, mode=mode)
        evaluate(task, run, data)
        export(task, run)
    return run


def load_data(task: Task, config: TrainingConfig, run: Run | None) -> Data:
    """The data of `config`.

    Raises:
        InputError: they cannot be used, or differ from what `run` was trained on.
    """
    data = task.load_data(config, run)
    if run is not None and run.data_sha256 != data.sha256:
        raise InputError(
            f"{config.data} is not what {run} was trained on any more; "
            "bring that data back, or train a new run"
        )
    return data


@reports("evaluation")
def evaluate(task: Task, run: Run, data: Data | None = None) -> Evaluation:
    """Evaluates a run on its test data; writes metrics, plots, model card and a row of results.

    Args:
        task: the application.
        run: a run with a trained model.
        data: what `load_data` returned; None loads it.

    Returns:
        The evaluation; its `metrics` are those of `metrics.json`.

    Raises:
        InputError: the data are gone or not those of the run, or the model cannot be read.
    """
    trained = task.load(run)
    config = trained.config
    if data is None:
        data = load_data(task, config, run)
    evaluation = task.evaluate(trained, data)
    best = best_row(read_history(run.history), *task.monitor(config))
    # Runs inside the run count too, such as a pretraining.
    epochs = [row for file in run.path.rglob(run.history.name) for row in read_history(file)]
    metrics = {
        **evaluation.metrics,
        "best_epoch": best["epoch"],
        "kept": describe_kept(best, config.epochs),
        "training_minutes": sum(row["seconds"] for row in epochs) / 60,
        "weights": trained.model.count_params(),
        "scores": evaluation.scores,
    }
    evaluation = replace(evaluation, metrics=metrics)
    run.write_json("metrics.json", metrics)
    for name, draw in evaluation.plots.items():
        draw(run.plots / f"{name}.png")
    for name, text in evaluation.files.items():
        run.write_text(name, text)
    run.write_text("README.md", _card(run, config, evaluation))
    append_result(
        runs_root() / task.name / "results.csv",
        command=cli.command_line(task.name, task.presets, config, omit=("seed", "run")),
        seed=config.seed,
        minutes=metrics["training_minutes"],
        machine=run.machine,
        scores=evaluation.results,
    )
    print("\n".join([markdown_table(evaluation.scores), *evaluation.remarks]), flush=True)
    for warning in evaluation.warnings:
        print(warning, file=sys.stderr)
    return evaluation


@reports("export")
def export(
    task: Task,
    run: Run,
    quantization: Quantization = "none",
    target: Target = "mobile",
    lengths: Sequence[int] = (),
    author: str | None = None,
    license: str | None = None,
) -> dict[str, Any]:
    """Writes `saved_model/1/` and `model.tflite` of a trained run, verified, and `export.json`.

    Both are compared with the Keras model on examples, the SavedModel in a fresh process. For
    another target `web.tflite`, `micro.tflite` or `model.onnx` is written instead.

    Args:
        task: the application.
        run: a trained run.
        quantization: weights of the LiteRT file: float32 by "none", int8 by "dynamic", or float16;
            for microcontrollers "none", or "int8" or "int16" for all values.
        target: "mobile", "web" or "micro": see `rnn_keras.export.write_litert`; or "onnx".
        lengths: time steps of the signatures for the web; none for those of the application.
        author, license: for the metadata of the files, which also have a description from the
            model card.

    Returns:
        What `export.json` holds: for `saved_model`, `litert`, and after their export `web`,
        `micro` and `onnx`, the `file`, its `bytes`, and `max_difference` from the Keras model by
        signature; the `quantization`; and the application's own entries.

    Raises:
        InputError: the run's files do not fit together, or the export failed.
    """
    if quantization in ("int8", "int16") and target != "micro":
        raise InputError(f"{quantization} is for the target micro; for others there is dynamic")
    if quantization != "none" and target == "onnx":
        raise InputError(f"{quantization} is for LiteRT files; an ONNX file has float32 weights")
    if target != "mobile":
        return _export_to(target, task, run, quantization, lengths, author, license)
    signatures = task.signatures(task.load(run))
    metadata = _metadata(run, signatures.labels, author, license)
    try:
        served = write_saved_model(
            directory=run.saved_model, metadata=metadata, **signatures.saved_model
        )
        lite = write_litert(
            file=run.tflite, quantization=quantization, metadata=metadata, **signatures.litert
        )
    except ExportError as error:
        raise InputError(f"cannot export {run}: {error}") from error
    report = {
        "saved_model": _entry(run, asdict(served), "directory"),
        "litert": _entry(run, asdict(lite), "file"),
        "quantization": quantization,
        **signatures.facts,
    }
    run.write_json("export.json", report)
    return report


def _export_to(target, task, run, quantization, lengths, author, license):
    """Writes the file of another target and adds its entry to `export.json`."""
    trained, facts = task.load(run), {}
    try:
        if target == "onnx":
            from rnn_keras.export import onnx  # of an extra that nothing else needs

            written = onnx(file=run.path / "model.onnx", **task.onnx(trained))
        elif target == "micro":
            file, arguments = run.path / "micro.tflite", task.micro(trained)
            written = write_litert(file=file, quantization=quantization, target=target, **arguments)
        else:
            signatures = task.signatures(trained)
            facts = signatures.facts
            written = write_litert(
                file=run.path / "web.tflite",
                quantization=quantization,
                target=target,
                times=lengths or signatures.lengths,
                metadata=_metadata(run, signatures.labels, author, license),
                **signatures.litert,
            )
    except (ExportError, ValueError, ModuleNotFoundError) as error:
        raise InputError(f"cannot export {run} for {target}: {error}") from error
    report = run.read_json("export.json") if (run.path / "export.json").exists() else {}
    report |= facts
    report[target] = {**_entry(run, asdict(written), "file"), "quantization": quantization}
    if target == "micro":
        report[target]["arena_bytes"] = written.arena_bytes
    run.write_json("export.json", report)
    return report


def _metadata(run, labels, author, license):
    """Name, description, author, license and labels, where they are known."""
    # The paragraph below the heading of the model card; there is none before the evaluation.
    paragraphs = run.card.read_text("utf-8").split("\n\n") if run.card.is_file() else []
    description = " ".join(paragraphs[1].split()) if len(paragraphs) > 1 else ""
    entries = {
        "name": f"{run.app} {run.name}",
        "description": description.replace("*", "").replace("`", ""),  # no Markdown
        "author": author,
        "license": license,
        "labels": [*labels],
    }
    return {name: value for name, value in entries.items() if value}


def _entry(run: Run, report: dict[str, Any], place: str) -> dict[str, Any]:
    return {
        "file": str(report[place].relative_to(run.path)),
        "bytes": report["bytes"],
        "max_difference": report["differences"],
    }


def _card(run: Run, config: TrainingConfig, evaluation: Evaluation) -> str:
    metrics = evaluation.metrics
    return model_card(
        evaluation.title,
        what=evaluation.what,
        command=run.command,
        training=f"{metrics['weights']:,} weights, trained in {metrics['training_minutes']:.1f} "
        f"minutes on {run.machine}. Kept: {metrics['kept']}.",
        config=config.to_json(),
        data=evaluation.data,
        scores=evaluation.scores,
        limits=evaluation.limits,
        picture=evaluation.picture,
        sections=evaluation.sections,
    )
