"""The epochs of `fit` on several devices and machines."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import keras
import tensorflow as tf

from apps.common import state
from apps.common.config import TrainingConfig
from apps.common.errors import InputError
from apps.common.progress import Progress
from rnn_keras.training import DataParallel


def split_batches(config: TrainingConfig, count: int) -> TrainingConfig:
    """The configuration of one of `count` replicas.

    Raises:
        InputError: they cannot share the rows of a batch equally.
    """
    if config.batch_size % count:
        raise InputError(
            f"--batch-size must be a multiple of the number of devices, {count}, "
            f"got {config.batch_size}"
        )
    return replace(config, batch_size=config.batch_size // count)


class Replicas:
    """Trains epochs on the replicas of a strategy; one machine leads, and the others follow it.

    A replica gets row i of a batch if its number is i mod n; its dropout masks depend on the seed,
    the epoch and its number.

    Args:
        model: built and compiled, with a built optimizer; the same on all machines.
        build: returns such a model for a configuration.
        train: function of the epoch that returns its batches, the same on all machines.
        config: the configuration.
        strategy: for `DataParallel`.
        terms: for `DataParallel`.

    Raises:
        InputError: the rows of a batch cannot be shared equally.
    """

    def __init__(
        self,
        model: keras.Model,
        build: Callable[[TrainingConfig], keras.Model],
        train: Callable[[int], tf.data.Dataset],
        config: TrainingConfig,
        strategy: tf.distribute.Strategy,
        terms: Callable | None = None,
    ):
        share = split_batches(config, strategy.num_replicas_in_sync)
        self._parallel = DataParallel(model, lambda: build(share), strategy, terms)
        self._model, self._train, self._seed = model, train, config.seed

    def lead(self) -> None:
        """Gives the weights and the state of the optimizer to the machines that follow."""
        self._share(is_leader=True)

    def train_epoch(self, epoch: int, title: str) -> dict[str, float]:
        """Trains an epoch on all machines; the metrics of `Model.fit`."""
        self._parallel.sum([epoch + 1])
        data = self._train(epoch)
        with Progress(title, len(data), "batches") as progress:
            for loss in self._losses(data, epoch):
                progress.done, progress.note = progress.done + 1, f"loss {loss:.4g}"
        return self._parallel.metrics()

    def stop(self) -> None:
        """Ends `follow` on the other machines."""
        self._parallel.sum([0])

    def follow(self) -> None:
        """Takes part in the epochs of the machine that leads, until it stops."""
        self._share(is_leader=False)
        while number := int(self._parallel.sum([0])[0]):
            for _ in self._losses(self._train(number - 1), number - 1):
                pass
            self._parallel.metrics()

    def _share(self, is_leader: bool) -> None:
        variables = self._model.variables + self._model.optimizer.variables
        values = [tf.convert_to_tensor(v.value) for v in variables]
        if not is_leader:
            values = [tf.zeros_like(value) for value in values]
        for variable, value in zip(variables, self._parallel.sum(values), strict=True):
            variable.assign(value)

    def _losses(self, data: tf.data.Dataset, epoch: int) -> Iterator[float]:
        """Ends after a loss that is not finite."""
        self._parallel.start()
        for rank, replica in zip(self._parallel.ranks, self._parallel.replicas, strict=True):
            state.start_epoch(replica, self._seed, epoch, rank)
        for loss in self._parallel.train(data):
            yield loss
            if not math.isfinite(loss):
                return
