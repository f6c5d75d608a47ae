"""What training minimises: the cross-entropy of each token, smoothed."""

import keras
from keras import ops

from apps.translation.text import PAD_ID


@keras.saving.register_keras_serializable(package="rnn_keras")
class TokenCrossentropy(keras.losses.Loss):
    r"""The mean label-smoothed cross-entropy of all tokens of a batch, padding left out.

    $$\frac{1}{n} \sum_t \Big( \log \sum_v e^{z_{tv}} - (1 - \epsilon)\, z_{t y_t}
      - \frac{\epsilon}{V} \sum_v z_{tv} \Big)$$

    which is the cross-entropy of the logits z with $1 - \epsilon$ on the token y and $\epsilon$
    spread over the vocabulary (Szegedy et al. 2016), without making that distribution.

    Args:
        label_smoothing: ε.
        name: of the loss.

    Call arguments:
        y_true: ids `(batch, time)`; `PAD_ID` is left out.
        y_pred: logits `(batch, time, vocabulary)`.
    """

    def __init__(self, label_smoothing=0.0, name="token_crossentropy"):
        super().__init__(name=name, reduction=None)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        y = ops.cast(y_true, "int32")  # Keras made them floats
        of_token = ops.squeeze(ops.take_along_axis(y_pred, y[..., None], axis=-1), axis=-1)
        smoothing = self.label_smoothing
        loss = ops.logsumexp(y_pred, axis=-1) - (1 - smoothing) * of_token
        if smoothing:
            loss -= smoothing * ops.mean(y_pred, axis=-1)
        counts = ops.cast(ops.not_equal(y, PAD_ID), loss.dtype)
        return ops.sum(loss * counts) / ops.maximum(ops.sum(counts), 1)

    def get_config(self):
        return {"label_smoothing": self.label_smoothing, "name": self.name}
