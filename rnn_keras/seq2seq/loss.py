"""The loss of a decoder: the label-smoothed cross-entropy of each token."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_keras")
class TokenCrossentropy(keras.losses.Loss):
    r"""The mean label-smoothed cross-entropy of all tokens of a batch, padding left out.

    $$-\frac{1}{n} \sum_t \sum_v q_{tv} \log \mathrm{softmax}(z_t)_v, \qquad
      q_{tv} = (1 - \epsilon)\, [v = y_t] + \frac{\epsilon}{V}$$

    with the logits z and V tokens in the vocabulary (Szegedy et al. 2016, section 7).

    Args:
        label_smoothing: ε.
        ignore_class: the id of padding, which is left out.
        name: name of the loss.

    Call arguments:
        y_true: ids `(batch, time)`.
        y_pred: logits `(batch, time, vocabulary)`.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        ignore_class: int = 0,
        name: str = "token_crossentropy",
    ) -> None:
        super().__init__(name=name, reduction=None)
        self.label_smoothing, self.ignore_class = label_smoothing, ignore_class

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y, tokens = ops.cast(y_true, "int32"), y_pred.shape[-1]  # Keras made them floats
        spread = self.label_smoothing / tokens
        target = ops.one_hot(y, tokens, dtype=y_pred.dtype) * (1 - self.label_smoothing) + spread
        loss = ops.categorical_crossentropy(target, y_pred, from_logits=True)
        counts = ops.cast(ops.not_equal(y, self.ignore_class), loss.dtype)
        return ops.sum(loss * counts) / ops.maximum(ops.sum(counts), 1)

    def get_config(self) -> dict[str, Any]:
        return {
            "label_smoothing": self.label_smoothing,
            "ignore_class": self.ignore_class,
            "name": self.name,
        }
