"""The training loop of every application."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, Literal

import keras

from apps.common import state
from apps.common.config import TrainingConfig
from apps.common.errors import InputError
from apps.common.files import atomic_path
from apps.common.history import Row, Scalars, best_row, describe, write_history
from apps.common.progress import Progress
from apps.common.replicas import Replicas
from apps.common.run import Run
from rnn_keras.training import reset_states


def fit(
    model: keras.Model,
    *,
    train: Callable[[int], Any],
    validation: Any,
    config: TrainingConfig,
    run: Run,
    monitor: str = "val_loss",
    mode: Literal["min", "max"] = "min",
    callbacks: Sequence[keras.callbacks.Callback] = (),
    task: str = "",
    replicas: Replicas | None = None,
) -> list[Row]:
    """Train `model` to `config.epochs`; an interrupted `run` continues after its last epoch.

    An epoch depends only on the state before it, the seed and its number: all random
    generators are set from `(seed, epoch)`, carried recurrent states start at zero, and the
    weights, the optimizer and the history are saved after it, atomically. A run that is killed
    and resumed therefore ends with the same bits as an uninterrupted one, if the operations
    themselves are deterministic (`config.deterministic`).

    After each epoch the model is evaluated on `validation`, and saved to `run.best` if it is the
    best so far. If the optimizer keeps a moving average of the weights, both the weights and
    their average are evaluated, and the better ones become the weights of the epoch: `val_*` are
    their metrics, `averaged` is 1 if they are the average, and `val_*_raw` and
    `val_*_averaged` hold the monitored metric of each. `validation` has no other use. Then
    `history.csv` and the TensorBoard scalars are written. With `config.patience`, training stops
    after that many epochs without a new best one.

    Args:
        model: built and compiled, with the optimizer of `optimizer.adamw` if the weights are to
            be averaged. On return it has the weights of the last epoch; load `run.best` for the
            best.
        train: function of the epoch, counted from 0, that returns its data (an `x` of `Model.fit`
            with a known number of batches). Its randomness must depend on the epoch alone.
        validation: the validation data (an `x` of `Model.evaluate`).
        config: the configuration; stored in the run, as `epochs` may differ from before.
        run: the run directory.
        monitor: the metric that selects the best epoch, such as `val_loss`.
        mode: whether the lowest or the highest is best.
        callbacks: `on_train_begin`, `on_epoch_begin`, `on_epoch_end` and `on_train_end` are
            called (hooks of batches are not). `on_epoch_end` gets the metrics of the epoch and
            may add to them; the model then holds the better weights. Setting
            `model.stop_training` there ends the training. The state of a callback is not saved.
        task: prefix of "epoch 1/10" in the progress reports, such as "pretraining, ".
        replicas: trains the epochs on several devices or machines, with the batches of `train`;
            None trains on one device.

    Returns:
        The rows of the history, one per epoch (see `history.Row`).

    Raises:
        InputError: a loss that is not finite (a run without a model is then removed), or a saved
            state that does not fit the model.
        KeyboardInterrupt: as raised by Ctrl-C, with a message that says how to resume.
    """
    if not model.built:
        raise ValueError(f"the model {model.name!r} must be built before it is trained")
    model.optimizer.build(model.trainable_variables)
    rows = state.restore(run.state, model)
    if replicas is not None:
        replicas.lead()
    run.write_config(config)
    if rows:  # the process may have ended between saving the state and this file
        write_history(run.history, rows)
    scalars = Scalars(run.logs, rows)
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin({})
    try:
        for epoch in range(len(rows), config.epochs):
            if _out_of_patience(rows, config.patience, monitor, mode):
                print(f"stopped: {config.patience} epochs without a better {monitor}", flush=True)
                break
            began = time.monotonic()
            state.start_epoch(model, config.seed, epoch)
            for callback in callbacks:
                callback.on_epoch_begin(epoch, {})
            title = f"{task}epoch {epoch + 1}/{config.epochs}"
            figures = (
                _train_epoch(model, train(epoch), epoch, title)
                if replicas is None
                else replicas.train_epoch(epoch, title)
            )
            _check_finite(figures, "loss", epoch)
            with Progress(f"{title}, validation"):
                evaluated = _evaluate(model, validation, monitor, mode)
            better = state.averaged_weights(model) if evaluated.get("averaged") else nullcontext()
            with better:
                row = {
                    "epoch": epoch + 1,
                    **figures,
                    **evaluated,
                    "learning_rate": float(model.optimizer.learning_rate),
                    "seconds": round(time.monotonic() - began, 3),
                }
                print(f"{task}{describe(row, config.epochs)}", flush=True)
                for callback in callbacks:
                    callback.on_epoch_end(epoch, row)
                _check_finite(row, monitor, epoch)
                rows.append(row)
                if best_row(rows, monitor, mode) is row:
                    with atomic_path(run.best) as temporary:
                        model.save(temporary)
            # Resuming starts from this state: a kill before it repeats the epoch to the same
            # bits, and the files written after it are rewritten from it.
            state.save(run.state, model, rows)
            write_history(run.history, rows)
            scalars.add(row)
            if model.stop_training:
                break
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; continue with: {run.resume_command}") from None
    except NotFiniteError as error:
        if run.best.exists():
            raise
        run.remove()  # a run without a model is useless
        raise InputError(f"{error}; {run} is removed") from None
    finally:
        scalars.close()
    for callback in callbacks:
        callback.on_train_end({})
    return rows


class Score(keras.callbacks.Callback):
    """Adds a score of the model to the metrics of an epoch, such as one that may select the best.

    Args:
        name: name of the metric.
        score: gives it for a model.
    """

    def __init__(self, name: str, score: Callable[[keras.Model], float]):
        super().__init__()
        self._name, self._score = name, score

    def on_epoch_end(self, epoch, logs=None):
        logs[self._name] = self._score(self.model)


class NotFiniteError(InputError):
    """The training diverged."""


class _TrackBatches(keras.callbacks.Callback):
    """Reports each batch, and ends `Model.fit` at the first loss that is not finite."""

    async_safe = True  # Keras then need not wait for the loss of each batch

    def __init__(self, progress: Progress):
        super().__init__()
        self._progress = progress

    def on_train_batch_end(self, batch, logs=None):
        self._progress.done, self._progress.note = batch + 1, f"loss {logs['loss']:.4g}"
        if not math.isfinite(logs["loss"]):
            self.model.stop_training = True


def _train_epoch(model: keras.Model, data: Any, epoch: int, title: str) -> dict[str, float]:
    """Train one epoch; the metrics of `Model.fit`."""
    with Progress(title, len(data), "batches") as progress:
        history = model.fit(
            data,
            shuffle=False,  # the order is a function of the epoch, made by `train`
            initial_epoch=epoch,
            epochs=epoch + 1,
            callbacks=[_TrackBatches(progress)],
            verbose=0,
        )
    model.stop_training = False
    return {name: values[0] for name, values in history.history.items()}


def _evaluate(
    model: keras.Model, validation: Any, monitor: str, mode: Literal["min", "max"]
) -> dict[str, float]:
    """The metrics on `validation`, of the better of the weights and their average (see `fit`)."""

    def evaluate() -> dict[str, float]:
        reset_states(model)
        figures = model.evaluate(validation, verbose=0, return_dict=True)
        return {f"val_{name}": value for name, value in figures.items()}

    raw = evaluate()
    if not state.has_average(model):
        return raw
    with state.averaged_weights(model):
        averaged = evaluate()
    if monitor not in raw:  # not a validation metric, such as "epoch"
        monitor, mode = "val_loss", "min"
    best = {"min": min, "max": max}[mode]((averaged, raw), key=lambda figures: figures[monitor])
    return {
        **best,
        f"{monitor}_raw": raw[monitor],
        f"{monitor}_averaged": averaged[monitor],
        "averaged": float(best is averaged),
    }


def _check_finite(figures: Row, name: str, epoch: int) -> None:
    if name not in figures:
        raise ValueError(f"there is no metric {name!r}, only {', '.join(figures)}")
    if not math.isfinite(figures[name]):
        became = "NaN" if math.isnan(figures[name]) else "infinite"
        raise NotFiniteError(
            f"{name} became {became} in epoch {epoch + 1}; "
            "start a new run with a lower --learning-rate or --clip-norm"
        )


def _out_of_patience(
    rows: Sequence[Row], patience: int | None, monitor: str, mode: Literal["min", "max"]
) -> bool:
    if patience is None or not rows:
        return False
    return rows[-1]["epoch"] - best_row(rows, monitor, mode)["epoch"] >= patience
