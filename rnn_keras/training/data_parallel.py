"""Training one model on several devices or machines."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf


class DataParallel:
    """Synchronous data-parallel training with the numbers of one device.

    Row i of a batch is for replica i mod n. The gradients of the replicas are summed (all-reduce),
    and then clipped and applied by the optimizer of `model`, once, as the gradient of the whole
    batch. `Model.fit` under a `tf.distribute` strategy clips the gradient of each replica instead.

    A replica is a model of its own, with its own carried states, random generators and metrics; it
    reads the weights of `model` before each step.

    Args:
        model: built and compiled, with a built optimizer. Its weights are trained.
        build: returns such a model for the rows of one replica: the batch size of a stateful one
            is that of `model` divided by n.
        strategy: a `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy`. Its devices
            and its all-reduce are used, not its scope.
        terms: how many terms the loss is the mean of, from the targets of a batch, such as
            `tf.math.count_nonzero` for tokens without padding; None counts rows.

    Attributes:
        replicas: the models on this machine.
        ranks: their numbers among all replicas.

    Raises:
        ValueError: the model trains a `BatchNormalization`, whose statistics are not shared.

    Example:
        >>> def build():
        ...     model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        ...     model.compile(keras.optimizers.SGD(0.1, global_clipnorm=1.0), "mse")
        ...     model.optimizer.build(model.trainable_variables)
        ...     return model
        >>> parallel = DataParallel(build(), build, tf.distribute.MirroredStrategy(["CPU:0"]))
        >>> batches = tf.data.Dataset.from_tensors((tf.ones((4, 3)), tf.zeros((4, 1)))).repeat(9)
        >>> losses = list(parallel.train(batches))
        >>> losses[-1] < losses[0]
        True
    """

    def __init__(
        self,
        model: keras.Model,
        build: Callable[[], keras.Model],
        strategy: tf.distribute.Strategy,
        terms: Callable[[Any], Any] | None = None,
    ):
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
                raise ValueError("DataParallel does not share the statistics of BatchNormalization")
        self.model, self._strategy, self._terms = model, strategy, terms
        self._devices = strategy.extended.worker_devices
        resolver = strategy.cluster_resolver
        task = (resolver.task_id or 0) if resolver is not None else 0
        self.ranks = range(task * len(self._devices), (task + 1) * len(self._devices))
        self.replicas = []
        for rank, device in zip(self.ranks, self._devices, strict=True):
            with tf.device(device):
                self.replicas.append(build())
            for state in filter(_is_seed, self.replicas[-1].variables):
                state.assign(state.numpy() + np.array([rank, 0], "uint32"))
        self._share = [
            tf.function(self._gradients, jit_compile=replica.jit_compile, autograph=False)
            for replica in self.replicas
        ]
        self._reduce = tf.function(self._all_reduce, autograph=False)
        self._mean = keras.metrics.Mean()
        self._step = None

    def start(self) -> None:
        """Gives the replicas all variables that are not trained, such as frozen weights.

        Call it before the first epoch and after the weights of `model` were loaded. Random
        generators, and carried states, whose batch size differs, stay.
        """
        for replica in self.replicas:
            pairs = zip(replica.non_trainable_variables, self.model.non_trainable_variables)
            for copy, variable in pairs:
                if copy.shape == variable.shape and not _is_seed(copy):
                    copy.assign(variable)

    def train(self, batches: tf.data.Dataset) -> Iterator[float]:
        """Trains on global batches, which are the same on every machine; yields the losses."""
        if self._step is None:  # one trace for all shapes
            spec = batches.element_spec
            self._step = tf.function(self._train, input_signature=[spec], autograph=False)
        self._mean.reset_state()
        for replica in self.replicas:
            replica.reset_metrics()
        for batch in batches:
            loss = float(self._step(batch))
            self._mean.update_state(loss, _rows(batch))
            yield loss

    def metrics(self) -> dict[str, float]:
        """The loss and the compiled metrics since `train` was called, over all replicas.

        The variables of a metric must be sums, as those of `keras.metrics.Mean` are.
        """
        first = self.replicas[0]
        values = [[v.value for v in replica.metrics_variables] for replica in self.replicas]
        for variable, value in zip(first.metrics_variables, self._reduce(values), strict=True):
            variable.assign(value)
        figures = {name: float(value) for name, value in first.get_metrics_result().items()}
        return {**figures, "loss": float(self._mean.result())}

    def sum(self, values: Sequence[Any]) -> list[tf.Tensor]:
        """The sums of tensors over all machines; each must call this, with the same shapes."""
        values = [tf.convert_to_tensor(value) for value in values]
        wide = [tf.cast(value, tf.float64) for value in values]  # there is no sum of int32
        others = [[tf.zeros_like(value) for value in wide] for _ in self.replicas[1:]]
        return [tf.cast(v, t.dtype) for v, t in zip(self._reduce([wide, *others]), values)]

    def _train(self, batch):
        shares = []
        for replica, rank, device, share in zip(
            self.replicas, self.ranks, self._devices, self._share, strict=True
        ):
            with tf.device(device):
                weights = zip(replica.trainable_variables, self.model.trainable_variables)
                for copy, weight in weights:
                    copy.assign(weight)
                shares.append(share(replica, rank, batch))
        *gradients, loss, terms = self._all_reduce(shares)
        gradients = iter([tf.math.scalar_mul(1 / terms, g) for g in gradients])
        variables = self.model.trainable_variables
        self.model.optimizer.apply(
            [next(gradients) if has else None for has in self._has_gradient], variables
        )
        return loss / terms

    def _gradients(self, replica: keras.Model, rank: int, batch) -> list:
        """Gradients, loss and 1, each times the number of terms of the loss of a replica's rows.

        `tf.IndexedSlices` stay such, so that `global_clipnorm` counts them as on one device.
        """
        count = _rows(batch)
        start = tf.minimum(rank, count - 1)  # a replica without a row takes the last one, times 0
        step = self._strategy.num_replicas_in_sync
        own = tf.nest.map_structure(lambda t: t[start::step], batch)
        rows = tf.where(rank < count, _rows(own), 0)
        losses, gradients = [], []

        def scale_loss(loss):
            losses.append(loss)
            return self.model.optimizer.scale_loss(loss)

        def compute_metrics(*values, **named):
            values, named = tf.nest.map_structure(
                lambda t: None if t is None else t[:rows], (values, named)
            )
            return type(replica).compute_metrics(replica, *values, **named)

        # The model's own `train_step`, up to the update of the weights.
        replica.optimizer.scale_loss, replica.compute_metrics = scale_loss, compute_metrics
        replica.optimizer.apply = lambda found, variables: gradients.extend(found)
        replica.train_step(own)
        _, y, _ = keras.utils.unpack_x_y_sample_weight(own)
        terms = tf.cast(rows if self._terms is None else self._terms(y[:rows]), tf.float32)
        self._has_gradient = [g is not None for g in gradients]
        found = [g for g in gradients if g is not None]
        return [tf.math.scalar_mul(terms, v) for v in (*found, losses[0])] + [terms]

    def _all_reduce(self, shares: Sequence[Any]) -> Any:
        """The sum of what the replicas have, over all machines."""

        def reduce():
            context = tf.distribute.get_replica_context()
            place = tf.get_static_value(context.replica_id_in_sync_group) % len(shares)
            return context.all_reduce("SUM", [tf.identity(v) for v in shares[place]])

        return [self._strategy.experimental_local_results(v)[0] for v in self._strategy.run(reduce)]


def _is_seed(variable):
    return variable.name == "seed_generator_state"


def _rows(batch):
    first = tf.nest.flatten(batch)[0]
    return first.shape[0] or tf.shape(first)[0]
