"""Where gradient clipping acted during training."""

from typing import Any

import keras
import tensorflow as tf


class ClippingLog(keras.callbacks.Callback):
    """Records the global norm of the gradients of a `Model.fit` before and after clipping.

    It reads what the optimizer's own clipping (`global_clipnorm`, `clipnorm` or `clipvalue`) takes
    and returns. With `steps_per_execution` above 1, `before` and `after` have the last step of each
    execution only; `share_clipped` counts all.

    Attributes:
        before: the norm before clipping, one float per training step of all calls of `fit`.
        after: the norm after it.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> model.compile(keras.optimizers.SGD(0.0, global_clipnorm=0.1), "mse")
        >>> log = ClippingLog()
        >>> x = keras.ops.ones((4, 3))
        >>> _ = model.fit(x, 100 * x[:, :1], batch_size=2, verbose=0, callbacks=[log])
        >>> round(log.after[0], 3), log.share_clipped
        (0.1, 1.0)
    """

    def __init__(self) -> None:
        super().__init__()
        self.before: list[float] = []
        self.after: list[float] = []
        self._norms = self._counts = None

    @property
    def share_clipped(self) -> float:
        """The fraction of the training steps in which the norm fell by more than 1e-5 of it."""
        steps, clipped = (0, 0) if self._counts is None else self._counts.numpy().tolist()
        return clipped / steps if steps else 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Surrounds the optimizer's clipping for this call of `fit`."""
        if self._norms is None:
            self._norms = tf.Variable(tf.zeros(2), trainable=False)
            self._counts = tf.Variable(tf.zeros(2, "int64"), trainable=False)
        optimizer = self.model.optimizer
        clip = optimizer._clip_gradients  # Keras has no public hook between gradient and update

        def clip_and_record(gradients):
            clipped = clip(gradients)
            norms = tf.stack([_global_norm(gradients), _global_norm(clipped)])
            self._norms.assign(norms)
            acted = norms[1] < norms[0] * (1 - 1e-5)
            self._counts.assign_add(tf.stack([tf.ones((), "int64"), tf.cast(acted, "int64")]))
            return clipped

        optimizer._clip_gradients = clip_and_record
        self.model.make_train_function(force=True)  # a traced one would not record

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Reads the norms of the step."""
        before, after = self._norms.numpy().tolist()
        self.before.append(before)
        self.after.append(after)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Removes itself from the optimizer."""
        del self.model.optimizer._clip_gradients
        self.model.make_train_function(force=True)


def _global_norm(gradients):
    dense = [tf.cast(tf.convert_to_tensor(g), "float32") for g in gradients if g is not None]
    return tf.linalg.global_norm(dense)
