"""From the hidden states of all words to one vector."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="rnn_keras")
class MaskedPooling(keras.layers.Layer):
    r"""The vectors of the valid steps as one; zeros where there is no valid step.

    $$\max_t H_t, \qquad \frac1T \sum_t H_t, \qquad
      \sum_t \mathrm{softmax}_t(\tanh(H_t W + b)\, v)\, H_t$$

    Args:
        kind: "max", "mean", "max+mean" (side by side), or "attention".
        **options: `name`, `dtype`, `trainable`.

    Call arguments:
        H: `(batch, time, units)`.
        mask: boolean `(batch, time)`, the valid steps.

    Returns:
        `(batch, units)`, twice as wide for "max+mean".

    Raises:
        ValueError: for another `kind`, or a call without a mask.

    Reference: the attention is that of Yang et al., *Hierarchical Attention Networks for Document
    Classification*, 2016.
    """

    KINDS = ("max", "mean", "max+mean", "attention")

    def __init__(self, kind, **options):
        super().__init__(**options)
        if kind not in self.KINDS:
            raise ValueError(f"`kind` must be one of {', '.join(self.KINDS)}, got {kind!r}.")
        self.kind = kind
        if kind == "attention":
            self.hidden = keras.layers.Dense(64, "tanh", dtype=self.dtype_policy)
            self.score = keras.layers.Dense(1, use_bias=False, dtype=self.dtype_policy)

    def build(self, shape):
        if self.kind == "attention":
            self.hidden.build(shape)
            self.score.build((*shape[:-1], 64))

    def call(self, H, mask=None):
        if mask is None:
            raise ValueError("`MaskedPooling` must be called with a `mask`.")
        valid = ops.expand_dims(mask, -1)
        if self.kind == "max":
            return _max(H, valid)
        if self.kind == "mean":
            return _mean(H, valid)
        if self.kind == "max+mean":
            return ops.concatenate([_max(H, valid), _mean(H, valid)], axis=-1)
        score = ops.where(valid, self.score(self.hidden(H)), _lowest(H))
        return ops.sum(_zero_invalid(H, valid) * ops.softmax(score, axis=1), axis=1)

    def compute_output_shape(self, shape, **_):
        batch, _, units = shape
        return (batch, 2 * units if self.kind == "max+mean" else units)

    def compute_mask(self, _, previous_mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}


def _max(H, valid):
    highest = ops.max(ops.where(valid, H, _lowest(H)), axis=1)
    return ops.where(ops.any(valid, axis=1), highest, ops.zeros_like(highest))


def _mean(H, valid):
    count = ops.maximum(ops.sum(ops.cast(valid, H.dtype), axis=1), 1)
    return ops.sum(_zero_invalid(H, valid), axis=1) / count


def _zero_invalid(H, valid):
    return ops.where(valid, H, ops.zeros_like(H))


def _lowest(H):
    """Less than every valid value, and finite in float16."""
    return ops.cast(-6e4, H.dtype)
