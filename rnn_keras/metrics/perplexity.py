"""Perplexity."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_keras")
class Perplexity(keras.metrics.SparseCategoricalCrossentropy):
    r"""The perplexity of a language model, accumulated over batches.

    $$\exp\left(-\frac{1}{n} \sum_{t=1}^{n} \log P(x_t \mid x_{t-1}, \ldots, x_1)\right)$$

    with n the number of tokens so far that are not masked; so it is exp(mean loss), which differs
    from the mean of exp(loss). Source: Dive into Deep Learning, section 9.3.

    Args:
        name, dtype: as for every metric.
        from_logits: whether predictions are logits (default) or probabilities.
        ignore_class: an id, for instance that of padding, whose positions do not count. A Keras
            mask or `sample_weight` excludes positions as well.

    Call arguments:
        y_true: ids `(batch, time)`.
        y_pred: `(batch, time, vocabulary)`.
        sample_weight: optional weights `(batch, time)` or `(batch,)`.

    The result is 1 before any token is counted.

    Example:

    >>> perplexity = Perplexity()
    >>> float(perplexity([[0, 1]], ops.zeros((1, 2, 4))))  # four equally likely tokens
    4.0
    """

    def __init__(
        self,
        name: str = "perplexity",
        dtype: str | keras.DTypePolicy | None = None,
        from_logits: bool = True,
        ignore_class: int | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype, from_logits=from_logits)
        self.ignore_class = ignore_class

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y_true = ops.convert_to_tensor(y_true)
        if self.ignore_class is not None:
            counts = ops.cast(ops.not_equal(y_true, self.ignore_class), self.dtype)
            y_true = ops.where(counts > 0, y_true, ops.zeros_like(y_true))
            if sample_weight is not None:
                weight = ops.cast(sample_weight, self.dtype)
                missing = len(counts.shape) - len(weight.shape)  # one weight per sequence
                counts *= ops.reshape(weight, (*weight.shape, *[1] * missing))
            sample_weight = counts
        return super().update_state(y_true, y_pred, sample_weight)

    def result(self) -> Any:
        return ops.exp(super().result())

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "dtype": self.dtype,
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
        }
