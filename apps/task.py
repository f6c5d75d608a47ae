"""An application as a record of plain functions, which `apps.runner` calls in this order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from apps.common.config import TrainingConfig
from apps.common.errors import InputError
from apps.common.run import Run

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Quantization = Literal["none", "dynamic", "float16", "int8", "int16"]
"""Weights of a LiteRT file; for TFLite Micro int8 and int16 are those of all values."""

Target = Literal["mobile", "web", "micro", "onnx"]
"""Runtime of the exported file: LiteRT, LiteRT.js, TFLite Micro, or those of ONNX."""

Data = Any
"""An application's own record of its data; it has `sha256`, a digest of what was read."""


@dataclass(frozen=True)
class Trained:
    """A finished run in memory.

    Attributes:
        run: its directory.
        config: its configuration.
        model: the model of the kept epoch.
        assets: the preprocessing, such as the vocabulary.
    """

    run: Run
    config: TrainingConfig
    model: keras.Model
    assets: Any = None


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of a run on its test data, and what its model card says about them.

    Attributes:
        headline: the result in a few words, such as `perplexity 4.21`.
        scores: a row per model, baselines included, such as `{"model": ..., "perplexity": ...}`.
        metrics: entries of `metrics.json`; the runner adds those that every run has.
        results: metrics for a row of `results.csv`.
        title: heading of the card.
        what: what the model does, a sentence or two.
        data: what it was trained and tested on.
        limits: known limitations.
        picture: path of the plot below the scores, such as `plots/loss.png`.
        sections: further sections of the card, Markdown by heading.
        plots: by name, a function that draws `plots/NAME.png` to the path it gets.
        files: further text files of the run directory, by file name.
        remarks: printed below the scores.
        warnings: printed to stderr.
    """

    headline: str
    scores: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, Any]
    results: Mapping[str, float]
    title: str
    what: str
    data: str
    limits: str
    picture: str = "plots/loss.png"
    sections: Mapping[str, str] = field(default_factory=dict)
    plots: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    warnings: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Signatures:
    """The functions that are exported, for serving and for phones, with examples to compare.

    Attributes:
        saved_model: arguments of `rnn_keras.export.write_saved_model` except the directory.
        litert: arguments of `rnn_keras.export.write_litert` except file and quantization.
        facts: further entries of `export.json`.
        lengths: time steps of the signatures for the web, which have fixed sizes.
        labels: what the classes or tags of the outputs are called, in the order of their ids.
    """

    saved_model: Mapping[str, Any]
    litert: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    lengths: Sequence[int] = ()
    labels: Sequence[str] = ()


def _nothing(*_: Any) -> None:
    """The default of an optional step."""


def _no_step(trained: Trained) -> Mapping[str, Any]:
    raise InputError(f"{trained.run.app} has no step for a microcontroller")


def _no_network(trained: Trained) -> Mapping[str, Any]:
    raise InputError(
        f"{trained.run.app} has a loop outside its recurrent layers, such as a search, which is "
        "not converted; its LiteRT file and SavedModel have it"
    )


@dataclass(frozen=True, kw_only=True)
class Task:
    """An application.

    Attributes:
        name: its folder in `apps`.
        presets: by name, one line about the preset and its configuration.
        loss_unit: `config -> str`, unit of the loss in the plot, such as `nats per character`.
        load_data: `(config, run) -> data`, splits and vocabulary or scaling; the run to continue
            or to evaluate, or None.
        build: `(config, data) -> model`, built.
        compile: `(model, config, batches_per_epoch)`.
        batches: `(config, data, epoch) -> dataset`; epoch None gives the validation batches.
        describe: `data -> str`, the size of the data in one line.
        save_assets: `(run, config, data)` writes what `load` needs besides the model.
        load: `run -> Trained`.
        evaluate: `(trained, data) -> Evaluation`.
        signatures: `trained -> Signatures`, from the run directory alone.
        next_command: `run -> str`, what to try after training.
        monitor: `config -> (metric, mode)`, the metric that selects the best epoch.
        notes: `data -> lines`, how the data was cleaned; printed before training.
        callbacks: `(config, data) -> callbacks` of the training.
        micro: `trained -> dict`, arguments of `write_litert` for a microcontroller except file and
            quantization: one function `step`; an `InputError` with the reason if there is none.
        onnx: `trained -> dict`, arguments of `rnn_keras.export.onnx` except the file; an
            `InputError` with the reason if there is no single network.
        loss_terms: how many terms the loss of a batch is the mean of, from its targets; None counts
            rows. Several devices need it.
        before_fit: `(model, config, data, run)`, such as pretraining.
        after_fit: `(config, data, run)`, such as fitting a model to the network's outputs.
    """

    name: str
    presets: Mapping[str, tuple[str, TrainingConfig]]
    loss_unit: Callable[[Any], str]
    load_data: Callable[[Any, Run | None], Data]
    build: Callable[[Any, Data], keras.Model]
    compile: Callable[[keras.Model, Any, int], None]
    batches: Callable[[Any, Data, int | None], tf.data.Dataset]
    describe: Callable[[Data], str]
    save_assets: Callable[[Run, Any, Data], None]
    load: Callable[[Run], Trained]
    evaluate: Callable[[Trained, Data], Evaluation]
    signatures: Callable[[Trained], Signatures]
    next_command: Callable[[Run], str]
    monitor: Callable[[Any], tuple[str, Literal["min", "max"]]] = lambda _: ("val_loss", "min")
    notes: Callable[[Data], Sequence[str]] = lambda _: ()
    callbacks: Callable[[Any, Data], Sequence[keras.callbacks.Callback]] = lambda *_: ()
    micro: Callable[[Trained], Mapping[str, Any]] = _no_step
    onnx: Callable[[Trained], Mapping[str, Any]] = _no_network
    loss_terms: Callable[[tf.Tensor], tf.Tensor] | None = None
    before_fit: Callable[[keras.Model, Any, Data, Run], None] = _nothing
    after_fit: Callable[[Any, Data, Run], None] = _nothing
