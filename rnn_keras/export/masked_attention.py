"""Attention layers whose causal mask converts to LiteRT.

With `is_causal=True`, Keras's kernel makes the mask by `mask[None, None, :, :]` of a boolean
tensor of open size, which the converter refuses. The mask that Keras computes in addition to
another mask does convert, so here it is always computed.
"""

import keras


@keras.saving.register_keras_serializable(package="rnn_keras")
class MaskedMultiHeadAttention(keras.layers.MultiHeadAttention):
    """`keras.layers.MultiHeadAttention` with the causal mask as a tensor."""

    # Keras calls its causal kernel only if the class has Keras's own method.
    def _compute_attention(self, *args, **options):
        return super()._compute_attention(*args, **options)


@keras.saving.register_keras_serializable(package="rnn_keras")
class MaskedGroupedAttention(keras.layers.GroupQueryAttention):
    """`keras.layers.GroupQueryAttention` with the causal mask as a tensor."""

    # Keras calls its causal kernel only if the class has Keras's own method.
    def _compute_attention(self, *args, **options):
        return super()._compute_attention(*args, **options)
