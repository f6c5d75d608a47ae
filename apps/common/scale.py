"""Fits the model of a task: on one device, on several, or in several processes by Ray Train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras

from apps.common import environment, state
from apps.common.config import TrainingConfig
from apps.common.fit import fit
from apps.common.replicas import Replicas, split_batches
from apps.common.run import Run

if TYPE_CHECKING:
    from apps.task import Data, Task


def build(task: Task, config: TrainingConfig, data: Data) -> keras.Model:
    """A new model, compiled, with its optimizer built."""
    model = task.build(config, data)
    task.compile(model, config, len(task.batches(config, data, 0)))
    model.optimizer.build(model.trainable_variables)
    return model


def fit_task(task: Task, config: TrainingConfig, data: Data, model: keras.Model, run: Run) -> None:
    """Trains `model` on the devices, or by the workers, of `config`; writes the run, see `fit`.

    Raises:
        InputError: as `fit` and `ray_workers.fit`, or the devices cannot share the batches.
    """
    if config.workers > 1 or config.ray_address:
        from apps.common import ray_workers  # of an extra

        split_batches(config, config.workers)  # fails here rather than in the workers
        if run.state.exists():
            state.restore(run.state, model)
        else:
            state.save(run.state, model, [])  # with what was pretrained
        ray_workers.fit(task.name, config, run)
        return
    strategy = environment.strategy(config)
    replicas = strategy and make_replicas(task, config, data, model, strategy)
    fit_with(replicas, task, config, data, model, run)


def make_replicas(
    task: Task, config: TrainingConfig, data: Data, model: keras.Model, strategy: Any
) -> Replicas:
    """What trains `model` by a `tf.distribute` strategy."""
    return Replicas(
        model,
        lambda share: build(task, share, data),
        lambda epoch: task.batches(config, data, epoch),
        config,
        strategy,
        task.loss_terms,
    )


def fit_with(
    replicas: Replicas | None,
    task: Task,
    config: TrainingConfig,
    data: Data,
    model: keras.Model,
    run: Run,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Trains `model` by replicas, or on one device; writes the run, see `fit`.

    The further callbacks come after those of the task.
    """
    monitor, mode = task.monitor(config)
    fit(
        model,
        train=lambda epoch: task.batches(config, data, epoch),
        validation=task.batches(config, data, None),
        config=config,
        run=run,
        monitor=monitor,
        mode=mode,
        callbacks=[*task.callbacks(config, data), *callbacks],
        replicas=replicas,
    )
